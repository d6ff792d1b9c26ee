-- +goose Up
-- A shop's own picture: what it is called (its hash and size, which is its address) stands with the shop,
-- so that a page needs no second look.
ALTER TABLE merchants ADD COLUMN logo TEXT NOT NULL DEFAULT '';

CREATE TABLE logos (
  merchant_id TEXT NOT NULL PRIMARY KEY REFERENCES merchants (id),
  name        TEXT NOT NULL,
  png         TEXT NOT NULL -- base64
) WITHOUT ROWID;
CREATE INDEX logos_name ON logos (name);
