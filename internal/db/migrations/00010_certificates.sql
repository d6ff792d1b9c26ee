-- +goose Up
-- Certificates that the server got by itself, with their keys, sealed: all processes of a database share
-- them. Names are paths.
CREATE TABLE certificates (
  name          TEXT   NOT NULL PRIMARY KEY,
  sealed        TEXT   NOT NULL,
  size          BIGINT NOT NULL,
  changed_at_ms BIGINT NOT NULL
) WITHOUT ROWID;

-- Who gets or renews one at the moment, so that no two do.
CREATE TABLE certificate_locks (
  name     TEXT   NOT NULL PRIMARY KEY,
  owner    TEXT   NOT NULL,
  until_ms BIGINT NOT NULL
) WITHOUT ROWID;
