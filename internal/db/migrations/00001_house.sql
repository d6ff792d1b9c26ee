-- +goose Up
-- One text for SQLite and PostgreSQL: TEXT ids made in Go, BIGINT for rial and UTC milliseconds,
-- nullable times instead of flags, JSON as opaque TEXT, states as TEXT with CHECK. WITHOUT ROWID
-- keeps a row in the tree of its key instead of beside it; PostgreSQL does not know the words, and
-- they are left out there. Lists of three and more stand as OR: for each IN of a CHECK or an index
-- SQLite would build a table at every write.

CREATE TABLE merchants (
  id            TEXT   NOT NULL PRIMARY KEY,
  slug          TEXT   NOT NULL UNIQUE,
  name          TEXT   NOT NULL,
  website       TEXT   NOT NULL DEFAULT '',
  phone         TEXT   NOT NULL DEFAULT '',
  address       TEXT   NOT NULL DEFAULT '',
  email         TEXT   NOT NULL DEFAULT '',
  accent        TEXT   NOT NULL DEFAULT '',
  locale        TEXT   NOT NULL DEFAULT 'fa' CHECK (locale IN ('fa', 'en')),
  -- A new number with every change of the row or of a gateway account: what a process has read of
  -- them stays true as long as it meets the same one.
  revision      BIGINT NOT NULL,
  created_at_ms BIGINT NOT NULL
);

-- The next invoice number of a merchant in one mode. A row of its own, so that creating invoices
-- does not fight over the merchant's.
CREATE TABLE invoice_numbers (
  merchant_id TEXT   NOT NULL REFERENCES merchants (id),
  live        BIGINT NOT NULL CHECK (live IN (0, 1)),
  last_number BIGINT NOT NULL,
  PRIMARY KEY (merchant_id, live)
) WITHOUT ROWID;

CREATE TABLE users (
  id             TEXT   NOT NULL PRIMARY KEY,
  email          TEXT   NOT NULL UNIQUE,
  password_hash  TEXT   NOT NULL,
  operator_at_ms BIGINT,
  created_at_ms  BIGINT NOT NULL
);

CREATE TABLE memberships (
  user_id     TEXT NOT NULL REFERENCES users (id),
  merchant_id TEXT NOT NULL REFERENCES merchants (id),
  role        TEXT NOT NULL CHECK (role = 'owner' OR role = 'staff' OR role = 'viewer'),
  PRIMARY KEY (user_id, merchant_id)
) WITHOUT ROWID;

CREATE TABLE api_keys (
  id              TEXT   NOT NULL PRIMARY KEY,
  merchant_id     TEXT   NOT NULL REFERENCES merchants (id),
  live            BIGINT NOT NULL CHECK (live IN (0, 1)),
  name            TEXT   NOT NULL,
  secret_hash     TEXT   NOT NULL UNIQUE,
  scopes          TEXT   NOT NULL,
  created_at_ms   BIGINT NOT NULL,
  last_used_at_ms BIGINT,
  revoked_at_ms   BIGINT
);

CREATE TABLE gateway_accounts (
  id            TEXT   NOT NULL PRIMARY KEY,
  merchant_id   TEXT   NOT NULL REFERENCES merchants (id),
  live          BIGINT NOT NULL CHECK (live IN (0, 1)),
  gateway       TEXT   NOT NULL CHECK (gateway IN ('gardeshpay', 'ghesta')),
  settings      TEXT   NOT NULL,
  sealed        TEXT   NOT NULL,
  updated_at_ms BIGINT NOT NULL,
  UNIQUE (merchant_id, live, gateway)
);

CREATE TABLE invoices (
  id                   TEXT   NOT NULL PRIMARY KEY,
  merchant_id          TEXT   NOT NULL REFERENCES merchants (id),
  live                 BIGINT NOT NULL CHECK (live IN (0, 1)),
  number               BIGINT NOT NULL,
  token                TEXT   NOT NULL UNIQUE,
  status               TEXT   NOT NULL CHECK (status = 'open' OR status = 'processing' OR status = 'paid' OR status = 'review'
                                OR status = 'expired' OR status = 'canceled'),
  amount_rial          BIGINT NOT NULL CHECK (amount_rial BETWEEN 1 AND 9999999999999),
  amount_refunded_rial BIGINT NOT NULL DEFAULT 0 CHECK (amount_refunded_rial BETWEEN 0 AND amount_rial),
  description          TEXT   NOT NULL DEFAULT '',
  reference            TEXT   NOT NULL DEFAULT '',
  customer_name        TEXT   NOT NULL DEFAULT '',
  customer_mobile      TEXT   NOT NULL DEFAULT '',
  customer_email       TEXT   NOT NULL DEFAULT '',
  items                TEXT   NOT NULL DEFAULT '',
  gateways             TEXT   NOT NULL,
  return_url           TEXT   NOT NULL DEFAULT '',
  locale               TEXT   NOT NULL CHECK (locale IN ('fa', 'en')),
  metadata             TEXT   NOT NULL DEFAULT '',
  send_email           BIGINT NOT NULL DEFAULT 0 CHECK (send_email IN (0, 1)),
  created_at_ms        BIGINT NOT NULL,
  expires_at_ms        BIGINT NOT NULL,
  paid_at_ms           BIGINT,
  canceled_at_ms       BIGINT,
  paid_attempt_id      TEXT,
  attempt_count        BIGINT NOT NULL DEFAULT 0,
  event_seq            BIGINT NOT NULL DEFAULT 0,
  event_hash           TEXT   NOT NULL DEFAULT '',
  UNIQUE (merchant_id, live, number),
  -- Paid if and only if an attempt paid it, and when.
  CHECK ((status = 'paid') = (paid_at_ms IS NOT NULL)),
  CHECK ((status = 'paid') = (paid_attempt_id IS NOT NULL)),
  CHECK (status <> 'canceled' OR canceled_at_ms IS NOT NULL),
  CHECK (amount_refunded_rial = 0 OR status = 'paid')
);
CREATE INDEX invoices_newest ON invoices (merchant_id, live, created_at_ms, id);
-- Lists of one status. What is paid is found among the newest; a paid invoice costs nothing here.
CREATE INDEX invoices_by_status ON invoices (merchant_id, live, status, created_at_ms, id)
  WHERE status = 'open' OR status = 'processing' OR status = 'review' OR status = 'expired' OR status = 'canceled';
CREATE INDEX invoices_expiring ON invoices (expires_at_ms) WHERE status = 'open';
CREATE INDEX invoices_reference ON invoices (merchant_id, live, reference) WHERE reference <> '';

CREATE TABLE attempts (
  id                 TEXT   NOT NULL PRIMARY KEY,
  invoice_id         TEXT   NOT NULL REFERENCES invoices (id),
  gateway            TEXT   NOT NULL CHECK (gateway IN ('gardeshpay', 'ghesta')),
  status             TEXT   NOT NULL CHECK (status = 'created' OR status = 'redirected' OR status = 'returned' OR status = 'verifying'
                              OR status = 'paid' OR status = 'failed' OR status = 'canceled' OR status = 'abandoned'
                              OR status = 'unclaimed' OR status = 'needs_review'),
  amount_rial        BIGINT NOT NULL CHECK (amount_rial BETWEEN 1 AND 9999999999999),
  wire_amount        BIGINT NOT NULL CHECK (wire_amount > 0),
  unit               TEXT   NOT NULL CHECK (unit IN ('rial', 'toman')),
  verify_url         TEXT   NOT NULL,
  verify_host        TEXT   NOT NULL,
  window_ms          BIGINT NOT NULL CHECK (window_ms >= 1000),
  our_number         TEXT   NOT NULL UNIQUE,
  callback_token     TEXT   NOT NULL UNIQUE,
  gateway_token      TEXT   NOT NULL DEFAULT '',
  payer_name         TEXT   NOT NULL DEFAULT '',
  payer_mobile       TEXT   NOT NULL DEFAULT '',
  locale             TEXT   NOT NULL DEFAULT '' CHECK (locale = '' OR locale = 'fa' OR locale = 'en'),
  tracking_number    TEXT   NOT NULL DEFAULT '',
  ref_number         TEXT   NOT NULL DEFAULT '',
  card_mask          TEXT   NOT NULL DEFAULT '',
  card_hash          TEXT   NOT NULL DEFAULT '',
  failure_stage      TEXT   NOT NULL DEFAULT '',
  failure_code       TEXT   NOT NULL DEFAULT '',
  failure_message    TEXT   NOT NULL DEFAULT '',
  unclaimed_why      TEXT   NOT NULL DEFAULT '',
  note               TEXT   NOT NULL DEFAULT '',
  created_at_ms      BIGINT NOT NULL,
  abandon_at_ms      BIGINT NOT NULL,
  redirected_at_ms   BIGINT,
  returned_at_ms     BIGINT,
  verified_at_ms     BIGINT,
  verify_deadline_ms BIGINT,
  resolved_at_ms     BIGINT,
  closed_at_ms       BIGINT,
  -- A tracking number is known from the first callback on.
  CHECK (status NOT IN ('verifying', 'returned') OR returned_at_ms IS NOT NULL),
  CHECK (status <> 'paid' OR verified_at_ms IS NOT NULL OR resolved_at_ms IS NOT NULL)
);
-- The seat: at most one attempt of an invoice is being verified, has paid, or waits for a person.
-- A second capture cannot even begin.
CREATE UNIQUE INDEX attempts_seat ON attempts (invoice_id) WHERE status = 'verifying' OR status = 'paid' OR status = 'needs_review';
CREATE INDEX attempts_of_invoice ON attempts (invoice_id);
CREATE INDEX attempts_abandoning ON attempts (abandon_at_ms) WHERE status IN ('created', 'redirected');
-- What a person should see: small, because nearly every attempt ends well.
CREATE INDEX attempts_attention ON attempts (status, id) WHERE status = 'needs_review' OR status = 'unclaimed';

CREATE TABLE attempt_references (
  attempt_id       TEXT   NOT NULL REFERENCES attempts (id),
  canonical        TEXT   NOT NULL,
  gateway          TEXT   NOT NULL,
  live             BIGINT NOT NULL CHECK (live IN (0, 1)),
  verify_host      TEXT   NOT NULL,
  raw              TEXT   NOT NULL,
  status           TEXT   NOT NULL CHECK (status = 'waiting' OR status = 'asking' OR status = 'refused' OR status = 'settled' OR status = 'dropped'),
  bound            BIGINT NOT NULL CHECK (bound IN (0, 1)),
  named            BIGINT NOT NULL CHECK (named IN (0, 1)),
  arrived_at_ms    BIGINT NOT NULL,
  deadline_ms      BIGINT NOT NULL,
  asks             BIGINT NOT NULL DEFAULT 0,
  unheard          BIGINT NOT NULL DEFAULT 0,
  open_call        BIGINT NOT NULL DEFAULT 0 CHECK (open_call IN (0, 1)),
  met              BIGINT NOT NULL DEFAULT 0 CHECK (met IN (0, 1)),
  refusals         BIGINT NOT NULL DEFAULT 0,
  refused_at_ms    BIGINT,
  silences         BIGINT NOT NULL DEFAULT 0,
  postponed        BIGINT NOT NULL DEFAULT 0 CHECK (postponed IN (0, 1)),
  PRIMARY KEY (attempt_id, canonical),
  CHECK (status <> 'asking' OR bound = 1)
) WITHOUT ROWID;
-- A reference belongs to one attempt of its gateway, mode and verify host, for ever.
CREATE UNIQUE INDEX references_bound ON attempt_references (canonical, gateway, live, verify_host) WHERE bound = 1;

-- What happened, never changed, never deleted. The id is evt_ + the invoice's body + sequence. The
-- chain of hashes is made of the rows themselves; its head stands with the invoice.
CREATE TABLE events (
  invoice_id    TEXT   NOT NULL REFERENCES invoices (id),
  sequence      BIGINT NOT NULL,
  attempt_id    TEXT   NOT NULL DEFAULT '',
  type          TEXT   NOT NULL,
  actor         TEXT   NOT NULL,
  request_id    TEXT   NOT NULL DEFAULT '',
  gateway_id    TEXT   NOT NULL DEFAULT '',
  data          TEXT   NOT NULL,
  created_at_ms BIGINT NOT NULL,
  PRIMARY KEY (invoice_id, sequence)
) WITHOUT ROWID;

-- A callback whose token is truly ours but whose attempt is not here (a restore into the past):
-- kept for a person. Fields are redacted.
CREATE TABLE stray_callbacks (
  id            TEXT   NOT NULL PRIMARY KEY,
  gateway       TEXT   NOT NULL,
  token_hash    TEXT   NOT NULL,
  fields        TEXT   NOT NULL,
  created_at_ms BIGINT NOT NULL,
  closed_at_ms  BIGINT,
  UNIQUE (token_hash, fields)
);

CREATE TABLE idempotency_keys (
  merchant_id   TEXT   NOT NULL,
  live          BIGINT NOT NULL CHECK (live IN (0, 1)),
  key           TEXT   NOT NULL,
  request_hash  TEXT   NOT NULL,
  status        BIGINT NOT NULL,
  answer        TEXT   NOT NULL,
  created_at_ms BIGINT NOT NULL,
  PRIMARY KEY (merchant_id, live, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_age ON idempotency_keys (created_at_ms);

-- Stored work. A claim takes a lease and raises the fence; only the holder of the current fence
-- may finish or put off the job. A worker that died leaves a lease that runs out.
CREATE TABLE jobs (
  kind            TEXT   NOT NULL,
  key             TEXT   NOT NULL,
  payload         TEXT   NOT NULL,
  run_at_ms       BIGINT NOT NULL,
  due_ms          BIGINT NOT NULL,
  lease_until_ms  BIGINT,
  fence           BIGINT NOT NULL DEFAULT 0,
  failures        BIGINT NOT NULL DEFAULT 0,
  last_failure    TEXT   NOT NULL DEFAULT '',
  dead_at_ms      BIGINT,
  created_at_ms   BIGINT NOT NULL,
  PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE INDEX jobs_due ON jobs (run_at_ms) WHERE dead_at_ms IS NULL;
CREATE INDEX jobs_dead ON jobs (dead_at_ms) WHERE dead_at_ms IS NOT NULL;

CREATE TABLE sessions (
  token         TEXT   NOT NULL PRIMARY KEY,
  data          TEXT   NOT NULL,
  expires_at_ms BIGINT NOT NULL
);
CREATE INDEX sessions_expiring ON sessions (expires_at_ms);

-- The simulated gateways' own ledger, opaque to us.
CREATE TABLE simulator_journal (
  seq   BIGINT NOT NULL PRIMARY KEY,
  entry TEXT   NOT NULL
) WITHOUT ROWID;

CREATE TABLE settings (
  name  TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
