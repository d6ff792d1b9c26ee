-- +goose Up
-- What the days of a shop brought, in sums, and two more things that an invoice is found by. Neither is
-- written by a payment: both follow the feed, which holds every event once, in the order of commits.
-- What a row says is the sum over all events up to the place feeds.summed_position, which moves in the
-- same transaction; whoever reads adds those behind it, so that nothing is missing and nothing is twice.

ALTER TABLE feeds ADD COLUMN summed_position BIGINT NOT NULL DEFAULT 0;

-- A day is Tehran's, counted from 1970-01-01. what: paid (by the day of the payment), refunded (by that
-- of the refund), end:STATUS (attempts by the day they began, as they stand), took:NN (payments by how
-- long they took from the customer's return to the proof; NN is a bucket).
CREATE TABLE day_sums (
  shop       BIGINT NOT NULL,
  day        BIGINT NOT NULL,
  gateway    TEXT   NOT NULL,
  what       TEXT   NOT NULL,
  count      BIGINT NOT NULL,
  total_rial BIGINT NOT NULL,
  PRIMARY KEY (shop, day, gateway, what)
) WITHOUT ROWID;

-- value is an amount in rial that the invoice asked at some time, or the negative of one more than the
-- last four digits of the card that paid.
CREATE TABLE finds (
  shop   BIGINT NOT NULL,
  value  BIGINT NOT NULL,
  number BIGINT NOT NULL,
  PRIMARY KEY (shop, value, number)
) WITHOUT ROWID;
