-- Text compares octet by octet ("C"), as in Go and SQLite, whatever the
-- database's own collation is.

-- +goose Up
CREATE TABLE policy_revision (
  policy_revision_id bigint NOT NULL PRIMARY KEY,
  revision           bigint NOT NULL,
  CONSTRAINT policy_revision_is_one_row CHECK (policy_revision_id = 1),
  CONSTRAINT policy_revision_not_negative CHECK (revision >= 0)
);
INSERT INTO policy_revision (policy_revision_id, revision) VALUES (1, 0);

CREATE TABLE accounts (
  account_id text COLLATE "C" NOT NULL PRIMARY KEY,
  name       text COLLATE "C" NOT NULL,
  enabled    boolean NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT accounts_name_unique UNIQUE (name),
  CONSTRAINT accounts_name_not_empty CHECK (name <> '')
);

CREATE TABLE trunks (
  trunk_id         text COLLATE "C" NOT NULL PRIMARY KEY,
  name             text COLLATE "C" NOT NULL,
  account_id       text COLLATE "C",
  enabled          boolean NOT NULL,
  network          text COLLATE "C" NOT NULL,
  sources          jsonb NOT NULL,
  media            text COLLATE "C" NOT NULL,
  hunt_on          jsonb NOT NULL,
  ring_timeout_us  bigint NOT NULL,
  early_dialogs    text COLLATE "C" NOT NULL,
  in_dialog_source text COLLATE "C" NOT NULL,
  mtu              text COLLATE "C" NOT NULL,
  header_policy    jsonb NOT NULL,
  max_calls        bigint NOT NULL,
  max_cps          bigint NOT NULL,
  created_at       timestamptz NOT NULL,
  updated_at       timestamptz NOT NULL,
  CONSTRAINT trunks_name_unique UNIQUE (name),
  CONSTRAINT trunks_account_exists FOREIGN KEY (account_id) REFERENCES accounts (account_id),
  CONSTRAINT trunks_name_not_empty CHECK (name <> ''),
  CONSTRAINT trunks_media_known CHECK (media IN ('relay', 'bypass')),
  CONSTRAINT trunks_ring_timeout_positive CHECK (ring_timeout_us > 0),
  CONSTRAINT trunks_early_dialogs_known CHECK (early_dialogs IN ('per_answer', 'single')),
  CONSTRAINT trunks_in_dialog_source_known CHECK (in_dialog_source IN ('trunk', 'flow', 'any')),
  CONSTRAINT trunks_limits_not_negative CHECK (max_calls >= 0 AND max_cps >= 0)
);
CREATE INDEX trunks_by_account ON trunks (account_id);

CREATE TABLE gateways (
  trunk_id text COLLATE "C" NOT NULL,
  position bigint NOT NULL,
  uri      text COLLATE "C" NOT NULL,
  priority bigint NOT NULL,
  weight   bigint NOT NULL,
  enabled  boolean NOT NULL,
  PRIMARY KEY (trunk_id, position),
  CONSTRAINT gateways_trunk_exists FOREIGN KEY (trunk_id) REFERENCES trunks (trunk_id) ON DELETE CASCADE,
  CONSTRAINT gateways_uri_not_empty CHECK (uri <> ''),
  CONSTRAINT gateways_priority_not_negative CHECK (priority >= 0),
  CONSTRAINT gateways_weight_positive CHECK (weight > 0)
);

CREATE TABLE routes (
  route_id         text COLLATE "C" NOT NULL PRIMARY KEY,
  name             text COLLATE "C" NOT NULL,
  enabled          boolean NOT NULL,
  priority         bigint NOT NULL,
  called_prefix    text COLLATE "C" NOT NULL,
  caller_prefix    text COLLATE "C" NOT NULL,
  inbound_trunk_id text COLLATE "C",
  created_at       timestamptz NOT NULL,
  updated_at       timestamptz NOT NULL,
  CONSTRAINT routes_name_unique UNIQUE (name),
  CONSTRAINT routes_inbound_trunk_exists FOREIGN KEY (inbound_trunk_id) REFERENCES trunks (trunk_id),
  CONSTRAINT routes_name_not_empty CHECK (name <> ''),
  CONSTRAINT routes_priority_not_negative CHECK (priority >= 0)
);
CREATE INDEX routes_by_inbound_trunk ON routes (inbound_trunk_id);

CREATE TABLE route_targets (
  route_id text COLLATE "C" NOT NULL,
  position bigint NOT NULL,
  trunk_id text COLLATE "C" NOT NULL,
  weight   bigint NOT NULL,
  PRIMARY KEY (route_id, position),
  CONSTRAINT route_targets_route_exists FOREIGN KEY (route_id) REFERENCES routes (route_id) ON DELETE CASCADE,
  CONSTRAINT route_targets_trunk_exists FOREIGN KEY (trunk_id) REFERENCES trunks (trunk_id),
  CONSTRAINT route_targets_weight_positive CHECK (weight > 0)
);
CREATE INDEX route_targets_by_trunk ON route_targets (trunk_id);

-- One row per call that has ended. What did not happen is NULL. Days become
-- partitions of their own by maintenance; the default one takes what has none,
-- so that an insert never fails for want of a partition.
CREATE TABLE cdrs (
  call_id         text COLLATE "C" NOT NULL,
  started_at      timestamptz NOT NULL,
  node_id         text COLLATE "C" NOT NULL,
  caller          text COLLATE "C" NOT NULL,
  called          text COLLATE "C" NOT NULL,
  inbound_trunk   text COLLATE "C",
  outbound_trunk  text COLLATE "C",
  ringing_at      timestamptz,
  answered_at     timestamptz,
  ended_at        timestamptz NOT NULL,
  duration_ms     bigint NOT NULL,
  billable_ms     bigint NOT NULL,
  pdd_ms          bigint,
  sip_status      bigint,
  q850_cause      bigint,
  hung_up_by      text COLLATE "C",
  end_reason      text COLLATE "C",
  policy_revision bigint NOT NULL,
  received        jsonb NOT NULL,
  media           jsonb,
  related_calls   jsonb NOT NULL,
  PRIMARY KEY (call_id, started_at),
  CONSTRAINT cdrs_call_id_not_empty CHECK (call_id <> ''),
  CONSTRAINT cdrs_duration_not_negative CHECK (duration_ms >= 0),
  CONSTRAINT cdrs_billable_not_negative CHECK (billable_ms >= 0),
  CONSTRAINT cdrs_hung_up_by_known CHECK (hung_up_by IN ('caller', 'called', 'system'))
) PARTITION BY RANGE (started_at);
CREATE TABLE cdrs_default PARTITION OF cdrs DEFAULT;
CREATE INDEX cdrs_by_start ON cdrs (started_at, call_id);
-- Numbers come from strangers and may be long; an index entry may not.
CREATE INDEX cdrs_by_caller ON cdrs (substr(caller, 1, 64), started_at);
CREATE INDEX cdrs_by_called ON cdrs (substr(called, 1, 64), started_at);

CREATE TABLE cdr_attempts (
  call_id          text COLLATE "C" NOT NULL,
  call_started_at  timestamptz NOT NULL,
  attempt_no       bigint NOT NULL,
  reason           text COLLATE "C" NOT NULL,
  trunk            text COLLATE "C" NOT NULL,
  gateway          text COLLATE "C" NOT NULL,
  sent_sip_call_id text COLLATE "C" NOT NULL,
  sent_request_uri text COLLATE "C" NOT NULL,
  sent_destination text COLLATE "C" NOT NULL,
  sent_caller      text COLLATE "C" NOT NULL,
  sent_called      text COLLATE "C" NOT NULL,
  started_at       timestamptz NOT NULL,
  ringing_at       timestamptz,
  answered_at      timestamptz,
  ended_at         timestamptz,
  billable_ms      bigint NOT NULL,
  sip_status       bigint,
  end_reason       text COLLATE "C",
  PRIMARY KEY (call_id, call_started_at, attempt_no),
  CONSTRAINT cdr_attempts_attempt_no_positive CHECK (attempt_no > 0),
  CONSTRAINT cdr_attempts_billable_not_negative CHECK (billable_ms >= 0)
) PARTITION BY RANGE (call_started_at);
CREATE TABLE cdr_attempts_default PARTITION OF cdr_attempts DEFAULT;

-- +goose Down
DROP TABLE cdr_attempts;
DROP TABLE cdrs;
DROP TABLE route_targets;
DROP TABLE routes;
DROP TABLE gateways;
DROP TABLE trunks;
DROP TABLE accounts;
DROP TABLE policy_revision;
