-- +goose Up
-- When the personal data of an unpaid invoice was removed; NULL while it is there. Only what is over and
-- still known stands in the index: an invoice that is paid never does.
ALTER TABLE invoices ADD COLUMN forgotten_at_ms BIGINT;
CREATE INDEX invoices_known ON invoices (merchant_id, COALESCE(canceled_at_ms, expires_at_ms))
  WHERE (status = 'expired' OR status = 'canceled') AND forgotten_at_ms IS NULL;
