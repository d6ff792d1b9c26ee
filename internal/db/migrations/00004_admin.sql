-- +goose Up
-- What the admin needs beside money: logins under way, second factors, throttles, people's notes.

ALTER TABLE users ADD COLUMN totp_sealed TEXT NOT NULL DEFAULT '';
-- When the second factor was proven; NULL while it is only offered.
ALTER TABLE users ADD COLUMN totp_at_ms BIGINT;
-- The last step a code was taken for: no code counts twice.
ALTER TABLE users ADD COLUMN totp_step BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN disabled_at_ms BIGINT;

-- One who signed in, on one device. Whether a session counts is read here at every request, so that
-- ending a login, or all of somebody's, ends it at once.
CREATE TABLE logins (
  id            TEXT   NOT NULL PRIMARY KEY,
  user_id       TEXT   NOT NULL REFERENCES users (id),
  merchant_id   TEXT   NOT NULL DEFAULT '',
  live          BIGINT NOT NULL DEFAULT 1 CHECK (live IN (0, 1)),
  address       TEXT   NOT NULL,
  agent         TEXT   NOT NULL,
  created_at_ms BIGINT NOT NULL,
  seen_at_ms    BIGINT NOT NULL,
  fresh_at_ms   BIGINT NOT NULL,
  ended_at_ms   BIGINT
);
CREATE INDEX logins_of_user ON logins (user_id, created_at_ms, id);
CREATE INDEX logins_age ON logins (created_at_ms);

CREATE TABLE recovery_codes (
  user_id    TEXT   NOT NULL REFERENCES users (id),
  code_hash  TEXT   NOT NULL,
  used_at_ms BIGINT,
  PRIMARY KEY (user_id, code_hash)
) WITHOUT ROWID;

-- Counts of tries in a window, by a hash of what is counted.
CREATE TABLE throttles (
  name     TEXT   NOT NULL PRIMARY KEY,
  tries    BIGINT NOT NULL,
  until_ms BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX throttles_over ON throttles (until_ms);

-- What people wrote about an invoice for each other. May hold personal data, so it is in no event.
CREATE TABLE notes (
  id            TEXT   NOT NULL PRIMARY KEY,
  invoice_id    TEXT   NOT NULL REFERENCES invoices (id),
  user_id       TEXT   NOT NULL REFERENCES users (id),
  body          TEXT   NOT NULL,
  created_at_ms BIGINT NOT NULL
);
CREATE INDEX notes_of_invoice ON notes (invoice_id, created_at_ms, id);

-- What waits for a person: few, however many there ever were.
CREATE INDEX attempts_waiting ON attempts (invoice_id)
  WHERE status = 'needs_review' OR (status = 'unclaimed' AND gateway = 'gardeshpay' AND closed_at_ms IS NULL);
-- What a day brought is one range of this index, and nothing else is read.
CREATE INDEX invoices_paid ON invoices (merchant_id, live, paid_at_ms, amount_rial) WHERE status = 'paid';
