-- The attempts of a call are a list in its row, as the API writes it: a table of
-- their own cost a tenth of what saving a call does, and was never read but
-- together with the row. A process from before this step cannot save CDRs after
-- it; they wait in its journal.

-- +goose Up
ALTER TABLE cdrs ADD COLUMN attempts TEXT NOT NULL DEFAULT '[]';

-- % of a time before 1970 is negative, and what is behind its point must not be.
WITH fractions AS (
  SELECT *,
    (started_at % 1000000 + 1000000) % 1000000 AS started_us,
    (ringing_at % 1000000 + 1000000) % 1000000 AS ringing_us,
    (answered_at % 1000000 + 1000000) % 1000000 AS answered_us,
    (ended_at % 1000000 + 1000000) % 1000000 AS ended_us
  FROM cdr_attempts
), lists AS (
  SELECT call_id, call_started_at, json_group_array(json_object(
    'attempt_no', attempt_no, 'reason', reason, 'trunk', trunk, 'gateway', gateway,
    'sent', json_object('sip_call_id', sent_sip_call_id, 'request_uri', sent_request_uri,
      'destination', sent_destination, 'caller', sent_caller, 'called', sent_called),
    'started_at', strftime('%Y-%m-%dT%H:%M:%S', (started_at - started_us) / 1000000, 'unixepoch') || format('.%06dZ', started_us),
    'ringing_at', strftime('%Y-%m-%dT%H:%M:%S', (ringing_at - ringing_us) / 1000000, 'unixepoch') || format('.%06dZ', ringing_us),
    'answered_at', strftime('%Y-%m-%dT%H:%M:%S', (answered_at - answered_us) / 1000000, 'unixepoch') || format('.%06dZ', answered_us),
    'ended_at', strftime('%Y-%m-%dT%H:%M:%S', (ended_at - ended_us) / 1000000, 'unixepoch') || format('.%06dZ', ended_us),
    'billable_ms', billable_ms, 'sip_status', sip_status, 'end_reason', end_reason
  ) ORDER BY attempt_no) AS attempts
  FROM fractions GROUP BY call_id, call_started_at
)
UPDATE cdrs SET attempts = lists.attempts FROM lists
WHERE lists.call_id = cdrs.call_id AND lists.call_started_at = cdrs.started_at;

DROP TABLE cdr_attempts;

-- +goose Down
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

INSERT INTO cdr_attempts (call_id, call_started_at, attempt_no, reason, trunk, gateway,
  sent_sip_call_id, sent_request_uri, sent_destination, sent_caller, sent_called,
  started_at, ringing_at, answered_at, ended_at, billable_ms, sip_status, end_reason)
SELECT c.call_id, c.started_at, a.value ->> 'attempt_no', a.value ->> 'reason', a.value ->> 'trunk', a.value ->> 'gateway',
  a.value ->> '$.sent.sip_call_id', a.value ->> '$.sent.request_uri', a.value ->> '$.sent.destination',
  a.value ->> '$.sent.caller', a.value ->> '$.sent.called',
  unixepoch(substr(a.value ->> 'started_at', 1, 19)) * 1000000 + CAST(round(('0' || rtrim(substr(a.value ->> 'started_at', 20), 'Z')) * 1e6) AS INTEGER),
  unixepoch(substr(a.value ->> 'ringing_at', 1, 19)) * 1000000 + CAST(round(('0' || rtrim(substr(a.value ->> 'ringing_at', 20), 'Z')) * 1e6) AS INTEGER),
  unixepoch(substr(a.value ->> 'answered_at', 1, 19)) * 1000000 + CAST(round(('0' || rtrim(substr(a.value ->> 'answered_at', 20), 'Z')) * 1e6) AS INTEGER),
  unixepoch(substr(a.value ->> 'ended_at', 1, 19)) * 1000000 + CAST(round(('0' || rtrim(substr(a.value ->> 'ended_at', 20), 'Z')) * 1e6) AS INTEGER),
  a.value ->> 'billable_ms', a.value ->> 'sip_status', a.value ->> 'end_reason'
FROM cdrs c, json_each(c.attempts) a;

ALTER TABLE cdrs DROP COLUMN attempts;
