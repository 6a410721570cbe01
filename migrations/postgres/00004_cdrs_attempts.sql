-- The attempts of a call are a list in its row, as the API writes it: a table of
-- their own cost a tenth of what saving a call does, and was never read but
-- together with the row. A process from before this step cannot save CDRs after
-- it; they wait in its journal.

-- +goose Up
ALTER TABLE cdrs ADD COLUMN attempts jsonb NOT NULL DEFAULT '[]';

WITH lists AS (
  SELECT call_id, call_started_at, jsonb_agg(jsonb_build_object(
    'attempt_no', attempt_no, 'reason', reason, 'trunk', trunk, 'gateway', gateway,
    'sent', jsonb_build_object('sip_call_id', sent_sip_call_id, 'request_uri', sent_request_uri,
      'destination', sent_destination, 'caller', sent_caller, 'called', sent_called),
    'started_at', to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'ringing_at', to_char(ringing_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'answered_at', to_char(answered_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'ended_at', to_char(ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'billable_ms', billable_ms, 'sip_status', sip_status, 'end_reason', end_reason
  ) ORDER BY attempt_no) AS attempts
  FROM cdr_attempts GROUP BY call_id, call_started_at
)
UPDATE cdrs SET attempts = lists.attempts FROM lists
WHERE lists.call_id = cdrs.call_id AND lists.call_started_at = cdrs.started_at;

DROP TABLE cdr_attempts;

-- +goose Down
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

INSERT INTO cdr_attempts (call_id, call_started_at, attempt_no, reason, trunk, gateway,
  sent_sip_call_id, sent_request_uri, sent_destination, sent_caller, sent_called,
  started_at, ringing_at, answered_at, ended_at, billable_ms, sip_status, end_reason)
SELECT c.call_id, c.started_at, (a ->> 'attempt_no')::bigint, a ->> 'reason', a ->> 'trunk', a ->> 'gateway',
  a #>> '{sent,sip_call_id}', a #>> '{sent,request_uri}', a #>> '{sent,destination}', a #>> '{sent,caller}', a #>> '{sent,called}',
  (a ->> 'started_at')::timestamptz, (a ->> 'ringing_at')::timestamptz, (a ->> 'answered_at')::timestamptz, (a ->> 'ended_at')::timestamptz,
  (a ->> 'billable_ms')::bigint, (a ->> 'sip_status')::bigint, a ->> 'end_reason'
FROM cdrs c CROSS JOIN LATERAL jsonb_array_elements(c.attempts) a;

ALTER TABLE cdrs DROP COLUMN attempts;
