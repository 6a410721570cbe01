-- Times are microseconds since 1970-01-01 UTC, lists and maps are JSON text,
-- booleans are 0 or 1. Text compares octet by octet.

-- +goose Up
CREATE TABLE policy_revision (
  policy_revision_id INTEGER NOT NULL PRIMARY KEY,
  revision           INTEGER NOT NULL,
  CONSTRAINT policy_revision_is_one_row CHECK (policy_revision_id = 1),
  CONSTRAINT policy_revision_not_negative CHECK (revision >= 0)
) STRICT;
INSERT INTO policy_revision (policy_revision_id, revision) VALUES (1, 0);

CREATE TABLE accounts (
  account_id TEXT    NOT NULL PRIMARY KEY,
  name       TEXT    NOT NULL,
  enabled    INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT accounts_name_unique UNIQUE (name),
  CONSTRAINT accounts_name_not_empty CHECK (name <> ''),
  CONSTRAINT accounts_enabled_boolean CHECK (enabled IN (0, 1))
) STRICT;

CREATE TABLE trunks (
  trunk_id         TEXT    NOT NULL PRIMARY KEY,
  name             TEXT    NOT NULL,
  account_id       TEXT,
  enabled          INTEGER NOT NULL,
  network          TEXT    NOT NULL,
  sources          TEXT    NOT NULL,
  media            TEXT    NOT NULL,
  hunt_on          TEXT    NOT NULL,
  ring_timeout_us  INTEGER NOT NULL,
  early_dialogs    TEXT    NOT NULL,
  in_dialog_source TEXT    NOT NULL,
  mtu              TEXT    NOT NULL,
  header_policy    TEXT    NOT NULL,
  max_calls        INTEGER NOT NULL,
  max_cps          INTEGER NOT NULL,
  created_at       INTEGER NOT NULL,
  updated_at       INTEGER NOT NULL,
  CONSTRAINT trunks_name_unique UNIQUE (name),
  CONSTRAINT trunks_account_exists FOREIGN KEY (account_id) REFERENCES accounts (account_id),
  CONSTRAINT trunks_name_not_empty CHECK (name <> ''),
  CONSTRAINT trunks_enabled_boolean CHECK (enabled IN (0, 1)),
  CONSTRAINT trunks_sources_list CHECK (json_valid(sources)),
  CONSTRAINT trunks_media_known CHECK (media IN ('relay', 'bypass')),
  CONSTRAINT trunks_hunt_on_list CHECK (json_valid(hunt_on)),
  CONSTRAINT trunks_ring_timeout_positive CHECK (ring_timeout_us > 0),
  CONSTRAINT trunks_early_dialogs_known CHECK (early_dialogs IN ('per_answer', 'single')),
  CONSTRAINT trunks_in_dialog_source_known CHECK (in_dialog_source IN ('trunk', 'flow', 'any')),
  CONSTRAINT trunks_header_policy_map CHECK (json_valid(header_policy)),
  CONSTRAINT trunks_limits_not_negative CHECK (max_calls >= 0 AND max_cps >= 0)
) STRICT;
CREATE INDEX trunks_by_account ON trunks (account_id);

CREATE TABLE gateways (
  trunk_id TEXT    NOT NULL,
  position INTEGER NOT NULL,
  uri      TEXT    NOT NULL,
  priority INTEGER NOT NULL,
  weight   INTEGER NOT NULL,
  enabled  INTEGER NOT NULL,
  PRIMARY KEY (trunk_id, position),
  CONSTRAINT gateways_trunk_exists FOREIGN KEY (trunk_id) REFERENCES trunks (trunk_id) ON DELETE CASCADE,
  CONSTRAINT gateways_uri_not_empty CHECK (uri <> ''),
  CONSTRAINT gateways_priority_not_negative CHECK (priority >= 0),
  CONSTRAINT gateways_weight_positive CHECK (weight > 0),
  CONSTRAINT gateways_enabled_boolean CHECK (enabled IN (0, 1))
) STRICT;

CREATE TABLE routes (
  route_id         TEXT    NOT NULL PRIMARY KEY,
  name             TEXT    NOT NULL,
  enabled          INTEGER NOT NULL,
  priority         INTEGER NOT NULL,
  called_prefix    TEXT    NOT NULL,
  caller_prefix    TEXT    NOT NULL,
  inbound_trunk_id TEXT,
  created_at       INTEGER NOT NULL,
  updated_at       INTEGER NOT NULL,
  CONSTRAINT routes_name_unique UNIQUE (name),
  CONSTRAINT routes_inbound_trunk_exists FOREIGN KEY (inbound_trunk_id) REFERENCES trunks (trunk_id),
  CONSTRAINT routes_name_not_empty CHECK (name <> ''),
  CONSTRAINT routes_enabled_boolean CHECK (enabled IN (0, 1)),
  CONSTRAINT routes_priority_not_negative CHECK (priority >= 0)
) STRICT;
CREATE INDEX routes_by_inbound_trunk ON routes (inbound_trunk_id);

CREATE TABLE route_targets (
  route_id TEXT    NOT NULL,
  position INTEGER NOT NULL,
  trunk_id TEXT    NOT NULL,
  weight   INTEGER NOT NULL,
  PRIMARY KEY (route_id, position),
  CONSTRAINT route_targets_route_exists FOREIGN KEY (route_id) REFERENCES routes (route_id) ON DELETE CASCADE,
  CONSTRAINT route_targets_trunk_exists FOREIGN KEY (trunk_id) REFERENCES trunks (trunk_id),
  CONSTRAINT route_targets_weight_positive CHECK (weight > 0)
) STRICT;
CREATE INDEX route_targets_by_trunk ON route_targets (trunk_id);

-- One row per call that has ended. What did not happen is NULL.
CREATE TABLE cdrs (
  call_id         TEXT    NOT NULL,
  started_at      INTEGER NOT NULL,
  node_id         TEXT    NOT NULL,
  caller          TEXT    NOT NULL,
  called          TEXT    NOT NULL,
  inbound_trunk   TEXT,
  outbound_trunk  TEXT,
  ringing_at      INTEGER,
  answered_at     INTEGER,
  ended_at        INTEGER NOT NULL,
  duration_ms     INTEGER NOT NULL,
  billable_ms     INTEGER NOT NULL,
  pdd_ms          INTEGER,
  sip_status      INTEGER,
  q850_cause      INTEGER,
  hung_up_by      TEXT,
  end_reason      TEXT,
  policy_revision INTEGER NOT NULL,
  received        TEXT    NOT NULL,
  media           TEXT,
  related_calls   TEXT    NOT NULL,
  PRIMARY KEY (call_id, started_at),
  CONSTRAINT cdrs_call_id_not_empty CHECK (call_id <> ''),
  CONSTRAINT cdrs_duration_not_negative CHECK (duration_ms >= 0),
  CONSTRAINT cdrs_billable_not_negative CHECK (billable_ms >= 0),
  CONSTRAINT cdrs_hung_up_by_known CHECK (hung_up_by IN ('caller', 'called', 'system')),
  CONSTRAINT cdrs_received_map CHECK (json_valid(received)),
  CONSTRAINT cdrs_media_map CHECK (json_valid(media)),
  CONSTRAINT cdrs_related_calls_list CHECK (json_valid(related_calls))
) STRICT;
CREATE INDEX cdrs_by_start ON cdrs (started_at, call_id);
-- Numbers come from strangers and may be long; an index entry may not.
CREATE INDEX cdrs_by_caller ON cdrs (substr(caller, 1, 64), started_at);
CREATE INDEX cdrs_by_called ON cdrs (substr(called, 1, 64), started_at);

CREATE TABLE cdr_attempts (
  call_id          TEXT    NOT NULL,
  call_started_at  INTEGER NOT NULL,
  attempt_no       INTEGER NOT NULL,
  reason           TEXT    NOT NULL,
  trunk            TEXT    NOT NULL,
  gateway          TEXT    NOT NULL,
  sent_sip_call_id TEXT    NOT NULL,
  sent_request_uri TEXT    NOT NULL,
  sent_destination TEXT    NOT NULL,
  sent_caller      TEXT    NOT NULL,
  sent_called      TEXT    NOT NULL,
  started_at       INTEGER NOT NULL,
  ringing_at       INTEGER,
  answered_at      INTEGER,
  ended_at         INTEGER,
  billable_ms      INTEGER NOT NULL,
  sip_status       INTEGER,
  end_reason       TEXT,
  PRIMARY KEY (call_id, call_started_at, attempt_no),
  CONSTRAINT cdr_attempts_attempt_no_positive CHECK (attempt_no > 0),
  CONSTRAINT cdr_attempts_billable_not_negative CHECK (billable_ms >= 0)
) STRICT;

-- +goose Down
DROP TABLE cdr_attempts;
DROP TABLE cdrs;
DROP TABLE route_targets;
DROP TABLE routes;
DROP TABLE gateways;
DROP TABLE trunks;
DROP TABLE accounts;
DROP TABLE policy_revision;
