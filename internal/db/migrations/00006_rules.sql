-- +goose Up
-- What a merchant decides once for all customers: when they are reminded, and how long what is known
-- of those who never paid is kept.

CREATE TABLE merchant_rules (
  merchant_id         TEXT   NOT NULL PRIMARY KEY REFERENCES merchants (id),
  remind_after_days   BIGINT NOT NULL DEFAULT 0, -- 0: not
  remind_before_hours BIGINT NOT NULL DEFAULT 0, -- 0: not
  remind_most         BIGINT NOT NULL DEFAULT 0,
  quiet_from          BIGINT NOT NULL DEFAULT 21, -- hours of the day in Tehran
  quiet_until         BIGINT NOT NULL DEFAULT 9,
  forget_days         BIGINT NOT NULL DEFAULT 0  -- 0: never
);

-- An invoice that was sent and may be reminded of: a row from the first letter until somebody looks and
-- finds it paid or over. A payment does not touch it.
CREATE TABLE reminders (
  invoice_id  TEXT   NOT NULL PRIMARY KEY,
  merchant_id TEXT   NOT NULL,
  sent_at_ms  BIGINT NOT NULL, -- the last request
  last_at_ms  BIGINT NOT NULL, -- the last letter that asked
  count       BIGINT NOT NULL DEFAULT 0,
  next_at_ms  BIGINT NOT NULL  -- when to look again
) WITHOUT ROWID;
CREATE INDEX reminders_due ON reminders (next_at_ms);
CREATE INDEX reminders_of ON reminders (merchant_id, invoice_id);

-- Who was ever reminded by a merchant, by a hash of the address, and whether they have had enough. The
-- token is the way out that stands in each reminder; it says nothing and never runs out.
CREATE TABLE reminder_readers (
  token         TEXT   NOT NULL PRIMARY KEY,
  merchant_id   TEXT   NOT NULL,
  reader        TEXT   NOT NULL,
  stopped_at_ms BIGINT,
  UNIQUE (merchant_id, reader)
) WITHOUT ROWID;
