-- +goose Up
-- Where a merchant's programs hear of what happened. Rows are never taken away while deliveries
-- name them: an endpoint that was removed keeps its history and loses its secrets.
CREATE TABLE webhook_endpoints (
  id               TEXT   NOT NULL PRIMARY KEY,
  merchant_id      TEXT   NOT NULL REFERENCES merchants (id),
  live             BIGINT NOT NULL CHECK (live IN (0, 1)),
  url              TEXT   NOT NULL,
  types            TEXT   NOT NULL, -- separated by commas; '' is every type, those of later versions too
  secrets          TEXT   NOT NULL, -- JSON, the newest first, each sealed and with its last hour
  failing_since_ms BIGINT,
  disabled_at_ms   BIGINT,
  disabled_why     TEXT   NOT NULL DEFAULT '' CHECK (disabled_why = '' OR disabled_why = 'failing' OR disabled_why = 'gone'),
  created_at_ms    BIGINT NOT NULL,
  deleted_at_ms    BIGINT,
  CHECK ((disabled_at_ms IS NULL) = (disabled_why = ''))
);
CREATE INDEX webhook_endpoints_of ON webhook_endpoints (merchant_id, live) WHERE deleted_at_ms IS NULL;

-- What is said, to the byte, once for all endpoints: written in the transaction of the change.
CREATE TABLE webhook_messages (
  event_id      TEXT   NOT NULL PRIMARY KEY,
  merchant_id   TEXT   NOT NULL,
  live          BIGINT NOT NULL CHECK (live IN (0, 1)),
  type          TEXT   NOT NULL,
  body          TEXT   NOT NULL,
  created_at_ms BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX webhook_messages_of ON webhook_messages (merchant_id, live, created_at_ms, event_id);
CREATE INDEX webhook_messages_age ON webhook_messages (created_at_ms);

-- One message for one endpoint; the row is the stored work itself. next_attempt_at_ms is when it may
-- be claimed, and stands at the end of the lease while somebody sends it: should he die, it is due
-- again then. One before the end of the lease says that somebody asked for it meanwhile.
CREATE TABLE webhook_deliveries (
  id                 TEXT   NOT NULL PRIMARY KEY,
  event_id           TEXT   NOT NULL REFERENCES webhook_messages (event_id),
  endpoint_id        TEXT   NOT NULL REFERENCES webhook_endpoints (id),
  type               TEXT   NOT NULL,
  status             TEXT   NOT NULL CHECK (status = 'pending' OR status = 'held' OR status = 'succeeded' OR status = 'failed'),
  attempts           BIGINT NOT NULL DEFAULT 0, -- all tries there ever were
  round              BIGINT NOT NULL DEFAULT 0, -- failed tries of the present schedule
  by_hand            BIGINT NOT NULL DEFAULT 0 CHECK (by_hand IN (0, 1)), -- sent to a disabled endpoint, too
  last_status_code   BIGINT,
  next_attempt_at_ms BIGINT,
  lease_until_ms     BIGINT,
  fence              BIGINT NOT NULL DEFAULT 0,
  created_at_ms      BIGINT NOT NULL,
  UNIQUE (event_id, endpoint_id),
  CHECK ((status = 'pending') = (next_attempt_at_ms IS NOT NULL)),
  CHECK (status = 'pending' OR lease_until_ms IS NULL)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, next_attempt_at_ms) WHERE status = 'pending';
CREATE INDEX webhook_deliveries_of ON webhook_deliveries (endpoint_id, id);

-- Every try there was, with the first words of what the receiver said.
CREATE TABLE webhook_tries (
  delivery_id TEXT   NOT NULL REFERENCES webhook_deliveries (id),
  attempt     BIGINT NOT NULL,
  at_ms       BIGINT NOT NULL,
  took_ms     BIGINT NOT NULL,
  status_code BIGINT,
  failure     TEXT   NOT NULL DEFAULT '',
  answer      TEXT   NOT NULL DEFAULT '',
  PRIMARY KEY (delivery_id, attempt)
) WITHOUT ROWID;
