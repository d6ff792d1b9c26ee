-- +goose Up
-- Pages on which anybody may pay a merchant, any number of times.
CREATE TABLE pay_pages (
  id            TEXT   NOT NULL PRIMARY KEY,
  merchant_id   TEXT   NOT NULL REFERENCES merchants (id),
  live          BIGINT NOT NULL CHECK (live IN (0, 1)),
  slug          TEXT   NOT NULL,
  title         TEXT   NOT NULL,
  text          TEXT   NOT NULL DEFAULT '',
  -- 0: the customer says how much, between the two that follow.
  amount_rial   BIGINT NOT NULL CHECK (amount_rial BETWEEN 0 AND 9999999999999),
  min_rial      BIGINT NOT NULL CHECK (min_rial BETWEEN 0 AND 9999999999999),
  max_rial      BIGINT NOT NULL CHECK (max_rial BETWEEN min_rial AND 9999999999999),
  fields        TEXT   NOT NULL DEFAULT '',
  -- How many payments it takes, 0 for no end, and how many are paid or held.
  stock         BIGINT NOT NULL DEFAULT 0 CHECK (stock >= 0),
  taken         BIGINT NOT NULL DEFAULT 0 CHECK (taken >= 0),
  opens_at_ms   BIGINT,
  closes_at_ms  BIGINT,
  off_at_ms     BIGINT,
  thanks        TEXT   NOT NULL DEFAULT '',
  locale        TEXT   NOT NULL CHECK (locale IN ('fa', 'en')),
  created_at_ms BIGINT NOT NULL,
  -- The mode is the page's own and not in its address.
  UNIQUE (merchant_id, slug),
  CHECK (amount_rial > 0 OR min_rial > 0)
);
CREATE INDEX pay_pages_newest ON pay_pages (merchant_id, live, id);

-- Which invoice came of which press on which page. A press counts once, however often it is sent.
CREATE TABLE page_invoices (
  invoice_id    TEXT   NOT NULL PRIMARY KEY REFERENCES invoices (id),
  page_id       TEXT   NOT NULL REFERENCES pay_pages (id),
  press         TEXT   NOT NULL,
  -- When to see whether the place that this invoice holds is still wanted; NULL when it holds none,
  -- and when it is paid and keeps it.
  held_until_ms BIGINT,
  UNIQUE (page_id, press)
) WITHOUT ROWID;
CREATE INDEX page_invoices_newest ON page_invoices (page_id, invoice_id);
CREATE INDEX page_places_held ON page_invoices (held_until_ms) WHERE held_until_ms IS NOT NULL;
