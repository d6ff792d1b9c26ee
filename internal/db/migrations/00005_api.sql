-- +goose Up
-- What a merchant gave back, beside the paid invoice: a record, since neither gateway has a call for
-- it. The sum stands with the invoice, where a CHECK bounds it.
CREATE TABLE refunds (
  invoice_id    TEXT   NOT NULL REFERENCES invoices (id),
  id            TEXT   NOT NULL,
  amount_rial   BIGINT NOT NULL CHECK (amount_rial > 0),
  -- The invoice's sum with this one.
  refunded_rial BIGINT NOT NULL CHECK (refunded_rial >= amount_rial),
  reason        TEXT   NOT NULL DEFAULT '',
  actor         TEXT   NOT NULL,
  created_at_ms BIGINT NOT NULL,
  PRIMARY KEY (invoice_id, id)
) WITHOUT ROWID;
