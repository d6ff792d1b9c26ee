-- +goose Up
-- What people did: written with the change itself, never changed. Only sign-ins are forgotten, after
-- long. A deed about a person stands once for each shop of theirs, "" for the installation.
CREATE TABLE deeds (
  id            TEXT   NOT NULL PRIMARY KEY,
  merchant_id   TEXT   NOT NULL,
  live          BIGINT NOT NULL CHECK (live IN (0, 1)),
  actor         TEXT   NOT NULL,
  area          TEXT   NOT NULL,
  kind          TEXT   NOT NULL,
  object        TEXT   NOT NULL DEFAULT '',
  name          TEXT   NOT NULL DEFAULT '',
  details       TEXT   NOT NULL DEFAULT '',
  address       TEXT   NOT NULL DEFAULT '',
  agent         TEXT   NOT NULL DEFAULT '',
  request_id    TEXT   NOT NULL DEFAULT '',
  created_at_ms BIGINT NOT NULL
);
CREATE INDEX deeds_newest ON deeds (merchant_id, created_at_ms, id);
CREATE INDEX deeds_of_actor ON deeds (merchant_id, actor, created_at_ms, id);
CREATE INDEX deeds_of_area ON deeds (merchant_id, area, created_at_ms, id);
CREATE INDEX deeds_passing ON deeds (created_at_ms) WHERE area = 'signin';

-- A role that waits for its person. The link opens once; only its hash is here.
CREATE TABLE invitations (
  id             TEXT   NOT NULL PRIMARY KEY,
  merchant_id    TEXT   NOT NULL REFERENCES merchants (id),
  email          TEXT   NOT NULL,
  role           TEXT   NOT NULL CHECK (role IN ('owner', 'staff', 'viewer')),
  token_hash     TEXT   NOT NULL UNIQUE,
  invited_by     TEXT   NOT NULL REFERENCES users (id),
  created_at_ms  BIGINT NOT NULL,
  sent_at_ms     BIGINT NOT NULL,
  expires_at_ms  BIGINT NOT NULL,
  accepted_at_ms BIGINT,
  canceled_at_ms BIGINT
);
-- One open invitation of an address at a shop.
CREATE UNIQUE INDEX invitations_open ON invitations (merchant_id, email) WHERE accepted_at_ms IS NULL AND canceled_at_ms IS NULL;

-- A link to a new password. Only its hash is here, and it opens once.
CREATE TABLE password_resets (
  token_hash    TEXT   NOT NULL PRIMARY KEY,
  user_id       TEXT   NOT NULL REFERENCES users (id),
  created_at_ms BIGINT NOT NULL,
  expires_at_ms BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX password_resets_of_user ON password_resets (user_id);
CREATE INDEX password_resets_over ON password_resets (expires_at_ms);

-- Passkeys: the public half, as the device gave it, and how often the device says it signed.
CREATE TABLE passkeys (
  id            TEXT   NOT NULL PRIMARY KEY,
  user_id       TEXT   NOT NULL REFERENCES users (id),
  credential_id TEXT   NOT NULL UNIQUE,
  name          TEXT   NOT NULL,
  credential    TEXT   NOT NULL,
  sign_count    BIGINT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  used_at_ms    BIGINT
);
CREATE INDEX passkeys_of_user ON passkeys (user_id, created_at_ms, id);
