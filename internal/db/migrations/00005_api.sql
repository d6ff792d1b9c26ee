-- +goose Up
-- What a merchant gave back, beside the paid invoice: a record, since neither gateway has a call for
-- it. The sum stands with the invoice, where a CHECK bounds it.
CREATE TABLE refunds (
  invoice_id    TEXT   NOT NULL REFERENCES invoices (id),
  id            TEXT   NOT NULL,
  amount_rial   BIGINT NOT NULL CHECK (amount_rial > 0),
  -- The invoice's sum with this one: it only grows, so it is also the order in which they came.
  refunded_rial BIGINT NOT NULL CHECK (refunded_rial >= amount_rial),
  reason        TEXT   NOT NULL DEFAULT '',
  actor         TEXT   NOT NULL,
  created_at_ms BIGINT NOT NULL,
  PRIMARY KEY (invoice_id, refunded_rial)
) WITHOUT ROWID;

-- A merchant in one mode: a small number for it, since it stands in many rows, and the last place
-- given out in its feed.
CREATE TABLE feeds (
  merchant_id   TEXT   NOT NULL REFERENCES merchants (id),
  live          BIGINT NOT NULL CHECK (live IN (0, 1)),
  shop          BIGINT NOT NULL UNIQUE,
  last_position BIGINT NOT NULL,
  PRIMARY KEY (merchant_id, live)
) WITHOUT ROWID;
INSERT INTO feeds (merchant_id, live, shop, last_position)
SELECT id, 0, 2 * ROW_NUMBER() OVER (ORDER BY id) - 1, 0 FROM merchants
UNION ALL SELECT id, 1, 2 * ROW_NUMBER() OVER (ORDER BY id), 0 FROM merchants;

-- A run of events of one invoice, in the order in which the merchant's programs read all of them.
-- Places are not given by who makes an event, who would have to hold the feed until the commit, but
-- afterwards, to what is committed: so nobody who reads on from a place can miss what comes behind it,
-- and payments of one merchant do not wait for each other. The invoice is named by its number, which
-- is a tenth of its id.
CREATE TABLE feed (
  shop           BIGINT NOT NULL,
  position       BIGINT NOT NULL,
  number         BIGINT NOT NULL,
  first_sequence BIGINT NOT NULL,
  last_sequence  BIGINT NOT NULL,
  PRIMARY KEY (shop, position)
) WITHOUT ROWID;
CREATE UNIQUE INDEX feed_of_invoice ON feed (shop, number, last_sequence);
-- How many of an invoice's events have a place. The index holds only those that wait for one.
ALTER TABLE invoices ADD COLUMN fed_seq BIGINT NOT NULL DEFAULT 0;
CREATE INDEX invoices_unfed ON invoices (merchant_id, live, number) WHERE fed_seq < event_seq;

-- What an invoice is found by, folded: reference, words of the name, mobile, email, the bank's
-- reference. Compared byte by byte, so that a prefix is a range.
CREATE TABLE search_terms (
  shop   BIGINT NOT NULL,
  term   TEXT /* COLLATE "C" */ NOT NULL,
  number BIGINT NOT NULL,
  PRIMARY KEY (shop, term, number)
) WITHOUT ROWID;
-- Its work is done by the terms.
DROP INDEX invoices_reference;

-- Keys that sign payment links without calling us. The secret is sealed and not hashed: to check a
-- signature, the secret itself is needed.
CREATE TABLE link_keys (
  id            TEXT   NOT NULL PRIMARY KEY,
  merchant_id   TEXT   NOT NULL REFERENCES merchants (id),
  live          BIGINT NOT NULL CHECK (live IN (0, 1)),
  name          TEXT   NOT NULL,
  sealed        TEXT   NOT NULL,
  created_at_ms BIGINT NOT NULL,
  revoked_at_ms BIGINT
);

-- Which invoice a signed link's reference leads to, for ever: a series of its own beside the
-- references of the API.
CREATE TABLE links (
  merchant_id TEXT   NOT NULL REFERENCES merchants (id),
  live        BIGINT NOT NULL CHECK (live IN (0, 1)),
  reference   TEXT   NOT NULL,
  invoice_id  TEXT   NOT NULL REFERENCES invoices (id),
  PRIMARY KEY (merchant_id, live, reference)
) WITHOUT ROWID;
