-- +goose Up
-- Lists of invoices that a person gave a name: the address's query, and nothing more.
CREATE TABLE saved_views (
  id            TEXT   NOT NULL PRIMARY KEY,
  user_id       TEXT   NOT NULL REFERENCES users (id),
  merchant_id   TEXT   NOT NULL REFERENCES merchants (id),
  name          TEXT   NOT NULL,
  query         TEXT   NOT NULL,
  created_at_ms BIGINT NOT NULL,
  UNIQUE (user_id, merchant_id, name)
);
