-- +goose Up
-- When a payment link was looked at by a person, and how often. It is no state of the invoice: it is kept
-- aside, now and then, and no address and no device stands in it.
CREATE TABLE invoice_looks (
  invoice_id TEXT   NOT NULL PRIMARY KEY REFERENCES invoices (id),
  first_ms   BIGINT NOT NULL,
  last_ms    BIGINT NOT NULL,
  times      BIGINT NOT NULL
) WITHOUT ROWID;
