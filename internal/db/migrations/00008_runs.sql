-- +goose Up
-- Sending many: one row for each file that somebody brought, and one for each of its lines. What a line
-- became is written in the transaction that makes its invoice, so that none is made twice.

CREATE TABLE runs (
  id            TEXT   NOT NULL PRIMARY KEY,
  merchant_id   TEXT   NOT NULL REFERENCES merchants (id),
  live          BIGINT NOT NULL CHECK (live IN (0, 1)),
  actor         TEXT   NOT NULL,
  name          TEXT   NOT NULL, -- of the file
  unit          TEXT   NOT NULL CHECK (unit = 'rial' OR unit = 'toman'),
  -- reading: lines are still missing, and nothing may begin.
  status        TEXT   NOT NULL CHECK (status = 'reading' OR status = 'checked' OR status = 'running' OR status = 'stopped' OR status = 'done'),
  letters       BIGINT NOT NULL DEFAULT 1 CHECK (letters IN (0, 1)),
  total         BIGINT NOT NULL DEFAULT 0,
  fine          BIGINT NOT NULL DEFAULT 0, -- lines that could be made when they were checked
  wrong         BIGINT NOT NULL DEFAULT 0,
  doubles       BIGINT NOT NULL DEFAULT 0,
  addressed     BIGINT NOT NULL DEFAULT 0, -- of the fine ones, those with an e-mail address
  fine_rial     BIGINT NOT NULL DEFAULT 0,
  made          BIGINT NOT NULL DEFAULT 0,
  failed        BIGINT NOT NULL DEFAULT 0,
  created_at_ms BIGINT NOT NULL,
  started_at_ms BIGINT,
  ended_at_ms   BIGINT
);
CREATE INDEX runs_newest ON runs (merchant_id, live, created_at_ms, id);
CREATE INDEX runs_age ON runs (created_at_ms);

CREATE TABLE run_rows (
  run_id     TEXT   NOT NULL REFERENCES runs (id),
  line       BIGINT NOT NULL, -- of the file
  status     TEXT   NOT NULL CHECK (status = 'ready' OR status = 'double' OR status = 'wrong' OR status = 'made' OR status = 'failed'),
  ask        TEXT   NOT NULL, -- what the line asks for, JSON
  problems   TEXT   NOT NULL DEFAULT '', -- what is wrong with it, JSON
  invoice_id TEXT   NOT NULL DEFAULT '',
  same       TEXT   NOT NULL DEFAULT '', -- a hash of shop, mode, customer, amount and reference
  may_double BIGINT NOT NULL DEFAULT 0 CHECK (may_double IN (0, 1)), -- somebody said that it is meant
  made_at_ms BIGINT,
  PRIMARY KEY (run_id, line)
) WITHOUT ROWID;
CREATE INDEX run_rows_by_status ON run_rows (run_id, status, line);
CREATE INDEX run_rows_made ON run_rows (same, made_at_ms) WHERE status = 'made';
