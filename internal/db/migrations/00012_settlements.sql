-- +goose Up
-- What a gateway says it settled, held against our books. None of it changes a payment.
CREATE TABLE settlements (
  id             TEXT   NOT NULL PRIMARY KEY,
  merchant_id    TEXT   NOT NULL REFERENCES merchants (id),
  live           BIGINT NOT NULL CHECK (live IN (0, 1)),
  gateway        TEXT   NOT NULL CHECK (gateway IN ('gardeshpay', 'ghesta')),
  file_name      TEXT   NOT NULL,
  file_hash      TEXT   NOT NULL,
  user_id        TEXT   NOT NULL REFERENCES users (id),
  from_ms        BIGINT NOT NULL,
  to_ms          BIGINT NOT NULL,
  status         TEXT   NOT NULL CHECK (status = 'draft' OR status = 'done'),
  -- While somebody matches it; one who died leaves a time that runs out.
  lease_until_ms BIGINT,
  columns        TEXT   NOT NULL DEFAULT '', -- JSON
  figures        TEXT   NOT NULL DEFAULT '', -- JSON: counts and sums of each list
  created_at_ms  BIGINT NOT NULL
);
CREATE INDEX settlements_of ON settlements (merchant_id, live, id);
CREATE INDEX settlements_file ON settlements (merchant_id, live, file_hash);

-- The file itself, in pieces of base64, until it is matched.
CREATE TABLE settlement_files (
  settlement_id TEXT   NOT NULL REFERENCES settlements (id),
  part          BIGINT NOT NULL,
  data          TEXT   NOT NULL,
  PRIMARY KEY (settlement_id, part)
) WITHOUT ROWID;

-- What does not agree, line by line. What agrees is counted only.
CREATE TABLE settlement_lines (
  settlement_id TEXT   NOT NULL REFERENCES settlements (id),
  kind          TEXT   NOT NULL CHECK (kind = 'here' OR kind = 'there' OR kind = 'amount'),
  line          BIGINT NOT NULL, -- of the file; of what is only here, its place in the list
  reference     TEXT   NOT NULL DEFAULT '',
  tracking      TEXT   NOT NULL DEFAULT '',
  theirs_rial   BIGINT,
  ours_rial     BIGINT,
  invoice_id    TEXT   NOT NULL DEFAULT '',
  note          TEXT   NOT NULL DEFAULT '' CHECK (note = '' OR note = 'twice' OR note = 'unread'),
  PRIMARY KEY (settlement_id, kind, line)
) WITHOUT ROWID;

-- How the files of a gateway's account are read: said once.
CREATE TABLE settlement_columns (
  merchant_id TEXT   NOT NULL REFERENCES merchants (id),
  live        BIGINT NOT NULL CHECK (live IN (0, 1)),
  gateway     TEXT   NOT NULL CHECK (gateway IN ('gardeshpay', 'ghesta')),
  columns     TEXT   NOT NULL,
  PRIMARY KEY (merchant_id, live, gateway)
) WITHOUT ROWID;
