package store_test

import (
	"math"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"

	"b2bua/cdr"
	"b2bua/internal/pgtest"
	"b2bua/store"
)

// Undoing step 4 brings the table of attempts back with its rows, the same in
// both databases, and doing it again moves them into their records, in order.
func TestAttemptsMove(t *testing.T) {
	t.Parallel()
	records := recordsWithAttempts()
	var rows [2][]string
	for i, url := range []string{sqliteURL(t), pgtest.URL(t)} {
		s := open(t, url)
		save(t, s, records...)
		stepDown(t, s, 3)
		pool, _ := s.Pools()
		micros := func(column string) string {
			if i == 0 {
				return column
			}
			return "(extract(epoch FROM " + column + ") * 1000000)::bigint"
		}
		rows[i] = schema(t, pool, `SELECT call_id || '|' || `+micros("call_started_at")+` || '|' || attempt_no || '|' || reason || '|' || trunk ||
			'|' || gateway || '|' || sent_sip_call_id || '|' || sent_request_uri || '|' || sent_destination || '|' || sent_caller || '|' || sent_called ||
			'|' || `+micros("started_at")+` || '|' || COALESCE(`+micros("ringing_at")+`, -1) || '|' || COALESCE(`+micros("answered_at")+`, -1) ||
			'|' || COALESCE(`+micros("ended_at")+`, -1) || '|' || billable_ms || '|' || COALESCE(sip_status, -1) || '|' || COALESCE(end_reason, '') FROM cdr_attempts`)
		if err := s.Migrate(t.Context(), store.Up); err != nil {
			t.Fatal(err)
		}
		for _, want := range records {
			got, err := s.GetCDR(t.Context(), want.CallID)
			if d := diff.Diff(want.Attempts, got.Attempts); err != nil || d != "" {
				t.Errorf("%s, %v\n%s", s.Dialect(), err, d)
			}
		}
	}
	want := []string{
		`call-0002|1772445600000000|1|route|out|sip:gw"1"|a\b|sip:日|192.0.2.1:5060||33|1772445600000001|-1|-1|1772445601100000|0|503|rejected`,
		`call-0002|1772445600000000|2|fork||||||||-1000001|-1000000|-62135596800000000|253402300799999999|9223372036854775807|-1|`,
		`call-0002|1772445600000000|9223372036854775807|||||||||1772445600000000|-1|-1|-1|0|-1|`,
	}
	for i, got := range rows {
		if d := diff.Diff(want, got); d != "" {
			t.Errorf("rows of database %d: %s", i, d)
		}
	}
}

// recordsWithAttempts returns records of no attempt and of three: times before
// 1970, at both ends of what is possible, and with points of all lengths.
func recordsWithAttempts() []cdr.Record {
	none, three := record(1), record(2)
	none.Attempts = []cdr.Attempt{}
	at := three.StartedAt
	three.Attempts = []cdr.Attempt{
		{
			AttemptNo: 1, Reason: cdr.AttemptRoute, Trunk: "out", Gateway: `sip:gw"1"`,
			Sent:      cdr.Sent{SIPCallID: `a\b`, RequestURI: "sip:日", Destination: "192.0.2.1:5060", Called: "33"},
			StartedAt: at.Add(time.Microsecond), EndedAt: new(at.Add(1100 * time.Millisecond)), SIPStatus: new(503), EndReason: new(cdr.EndRejected),
		},
		{
			AttemptNo: 2, Reason: cdr.AttemptFork, StartedAt: time.UnixMicro(-1_000_001).UTC(), RingingAt: new(time.UnixMicro(-1_000_000).UTC()),
			AnsweredAt: new(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)), EndedAt: new(time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)),
			BillableMS: math.MaxInt64,
		},
		{AttemptNo: math.MaxInt64, StartedAt: at},
	}
	return []cdr.Record{none, three}
}

// stepDown undoes steps until version is the newest.
func stepDown(t *testing.T, s *store.Store, version int64) {
	t.Helper()
	for {
		steps, err := s.MigrationStatus(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		newest := int64(0)
		for _, step := range steps {
			if step.AppliedAt != nil {
				newest = step.Version
			}
		}
		if newest <= version {
			return
		}
		if err := s.Migrate(t.Context(), store.Down); err != nil {
			t.Fatal(err)
		}
	}
}

// Every step can be undone and done again with records of calls that had no media.
func TestStepsWithoutMedia(t *testing.T) {
	t.Parallel()
	for _, url := range []string{sqliteURL(t), pgtest.URL(t)} {
		s := open(t, url)
		want := record(1)
		want.Media = nil
		save(t, s, want)
		stepDown(t, s, 1)
		if err := s.Migrate(t.Context(), store.Up); err != nil {
			t.Fatalf("%s: %v", s.Dialect(), err)
		}
		if got, err := s.GetCDR(t.Context(), want.CallID); err != nil || got.Media != nil {
			t.Errorf("%s: %+v, %v", s.Dialect(), got.Media, err)
		}
	}
}
