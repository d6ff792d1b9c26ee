-- +goose Up
-- The outbox: one row for each letter, written in the transaction of what it tells. What it says is
-- frozen in facts; the payment link is read from the invoice when it is sent, and any other link that
-- opens something stands sealed, until it has left.

CREATE TABLE letters (
  id            TEXT   NOT NULL PRIMARY KEY,
  merchant_id   TEXT   NOT NULL DEFAULT '', -- empty: the installation's own
  live          BIGINT NOT NULL CHECK (live IN (0, 1)),
  kind          TEXT   NOT NULL,
  -- The event and what of it is told to whom: the same twice is one letter.
  key           TEXT   NOT NULL UNIQUE,
  invoice_id    TEXT   NOT NULL DEFAULT '',
  recipient     TEXT   NOT NULL,
  locale        TEXT   NOT NULL CHECK (locale IN ('fa', 'en')),
  facts         TEXT   NOT NULL,
  sealed        TEXT   NOT NULL DEFAULT '',
  status        TEXT   NOT NULL CHECK (status = 'queued' OR status = 'sent' OR status = 'refused' OR status = 'withheld'),
  reason        TEXT   NOT NULL DEFAULT '',
  answer        TEXT   NOT NULL DEFAULT '',
  tries         BIGINT NOT NULL DEFAULT 0,
  created_at_ms BIGINT NOT NULL,
  until_ms      BIGINT NOT NULL,
  next_at_ms    BIGINT,
  ended_at_ms   BIGINT,
  CHECK ((status = 'queued') = (ended_at_ms IS NULL)),
  CHECK (sealed = '' OR status = 'queued')
);
CREATE INDEX letters_newest ON letters (merchant_id, live, created_at_ms, id);
CREATE INDEX letters_of_invoice ON letters (invoice_id, created_at_ms) WHERE invoice_id <> '';
CREATE INDEX letters_open ON letters (status, created_at_ms) WHERE status = 'queued' OR status = 'refused';
-- What is still to be forgotten of them.
CREATE INDEX letters_known ON letters (created_at_ms) WHERE recipient <> '';

-- How many letters that nobody asked for went to one address, or were a merchant's, on one day.
-- Addresses are hashed.
CREATE TABLE letter_counts (
  name  TEXT   NOT NULL,
  day   BIGINT NOT NULL,
  count BIGINT NOT NULL,
  PRIMARY KEY (name, day)
) WITHOUT ROWID;
