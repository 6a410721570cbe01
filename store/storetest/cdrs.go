package storetest

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"b2bua/cdr"
	"b2bua/store"
)

func cdrTests() map[string]func(*testing.T, env) {
	return map[string]func(*testing.T, env){
		"round trip":          testCDRRoundTrip,
		"duplicates":          testCDRDuplicates,
		"duplicates in batch": testCDRDuplicatesInBatch,
		"key":                 testCDRKey,
		"attempt order":       testCDRAttemptOrder,
		"large batch":         testCDRLargeBatch,
		"concurrent savers":   testCDRConcurrentSavers,
		"cancelled":           testCDRCancelled,
		"not found":           testCDRNotFound,
	}
}

func cdrEdgeTests() map[string]func(*testing.T, env) {
	return map[string]func(*testing.T, env){
		"bad records": testCDRBadRecords,
		"limits":      testCDRLimits,
		"text":        testCDRText,
		"time zones":  testCDRTimes,
	}
}

func save(t testing.TB, s *store.Store, records ...cdr.Record) {
	t.Helper()
	if err := s.SaveCDRs(t.Context(), records); err != nil {
		t.Error(err)
	}
}

func get(t testing.TB, s *store.Store, callID string) cdr.Record {
	t.Helper()
	r, err := s.GetCDR(t.Context(), callID)
	if err != nil {
		t.Error(err)
	}
	return r
}

// A record comes back as it went in, on its own, in a list and in an export.
func testCDRRoundTrip(t *testing.T, e env) {
	s, other := e.open(t), e.open(t)
	want := []cdr.Record{answered(2), refused(1)}
	save(t, s, refused(1), answered(2))
	save(t, s)
	for _, r := range want {
		if diff := cmp.Diff(r, get(t, other, r.CallID)); diff != "" {
			t.Error(diff)
		}
	}
	page, err := other.ListCDRs(t.Context(), cdr.Query{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(cdr.Page{Items: want}, page); diff != "" {
		t.Error(diff)
	}
	var exported []cdr.Record
	if err := s.ExportCDRs(t.Context(), cdr.Query{}, func(r *cdr.Record) error {
		exported = append(exported, *r)
		return nil
	}); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(want, exported); diff != "" {
		t.Error(diff)
	}
}

// A record that is there stays as it is, with its attempts; new ones of the
// same batch are saved.
func testCDRDuplicates(t *testing.T, e env) {
	s := e.open(t)
	first := answered(1)
	save(t, s, first, refused(2))
	changed := answered(1)
	changed.Called, changed.BillableMS = "666", 1
	changed.Attempts = append(changed.Attempts, changed.Attempts[0])
	changed.Attempts[0].Trunk, changed.Attempts[2].AttemptNo = "changed", 3
	late := refused(2)
	late.Attempts = answered(2).Attempts
	for range 2 {
		save(t, s, changed, answered(3), late)
	}
	for _, want := range []cdr.Record{first, refused(2), answered(3)} {
		if diff := cmp.Diff(want, get(t, s, want.CallID)); diff != "" {
			t.Error(diff)
		}
	}
}

func testCDRDuplicatesInBatch(t *testing.T, e env) {
	s := e.open(t)
	changed := answered(1)
	changed.Called, changed.Attempts = "666", nil
	save(t, s, answered(1), changed, answered(2), answered(1))
	if diff := cmp.Diff(answered(1), get(t, s, callID(1))); diff != "" {
		t.Error(diff)
	}
	if page, err := s.ListCDRs(t.Context(), cdr.Query{}); err != nil || len(page.Items) != 2 {
		t.Errorf("%d records, %v", len(page.Items), err)
	}
}

// Attempts come back in the order of their numbers; the record that was saved
// is left as it is.
func testCDRAttemptOrder(t *testing.T, e env) {
	s := e.open(t)
	r := answered(1)
	slices.Reverse(r.Attempts)
	save(t, s, r)
	if diff := cmp.Diff(answered(1), get(t, s, r.CallID)); diff != "" {
		t.Error(diff)
	}
	if r.Attempts[0].AttemptNo != 2 {
		t.Error("the record was sorted")
	}
}

// The key is (call_id, started_at): the same call_id at another time is
// another record with attempts of its own.
func testCDRKey(t *testing.T, e env) {
	s := e.open(t)
	early, late := answered(1), answered(2)
	late.CallID = early.CallID
	late.Attempts = late.Attempts[:1]
	save(t, s, early, late)
	page, err := s.ListCDRs(t.Context(), cdr.Query{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]cdr.Record{late, early}, page.Items); diff != "" {
		t.Error(diff)
	}
}

func testCDRLargeBatch(t *testing.T, e env) {
	s := e.open(t)
	const n = 1111
	records := make([]cdr.Record, n)
	for i := range records {
		records[i] = answered(i)
	}
	save(t, s, records...)
	save(t, s, records...)
	seen := 0
	err := s.ExportCDRs(t.Context(), cdr.Query{}, func(r *cdr.Record) error {
		seen++
		if want := answered(n - seen); r.CallID != want.CallID || len(r.Attempts) != 2 {
			t.Errorf("record %d is %s with %d attempts", seen, r.CallID, len(r.Attempts))
		}
		return nil
	})
	if err != nil || seen != n {
		t.Errorf("%d records, %v", seen, err)
	}
}

// Processes that save overlapping batches at the same time neither fail nor
// wait for each other for ever.
func testCDRConcurrentSavers(t *testing.T, e env) {
	const savers, rounds, n = 3, 3, 150
	var stores [savers]*store.Store
	for k := range stores {
		stores[k] = e.open(t)
	}
	for round := range rounds {
		var all sync.WaitGroup
		for k, s := range stores {
			records := make([]cdr.Record, n)
			for i := range records {
				records[i] = answered(round*n + i)
			}
			if k%2 == 1 {
				slices.Reverse(records)
			}
			all.Go(func() {
				err := s.SaveCDRs(t.Context(), records)
				for errors.Is(err, store.ErrUnavailable) { // SQLite lets a process wait for 5 s
					err = s.SaveCDRs(t.Context(), records)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	page, err := e.open(t).ListCDRs(t.Context(), cdr.Query{Limit: 500})
	if err != nil || len(page.Items) != rounds*n {
		t.Fatalf("%d records, %v", len(page.Items), err)
	}
	for i := range page.Items {
		if len(page.Items[i].Attempts) != 2 {
			t.Errorf("%s has %d attempts", page.Items[i].CallID, len(page.Items[i].Attempts))
		}
	}
}

func testCDRCancelled(t *testing.T, e env) {
	s := e.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.SaveCDRs(ctx, []cdr.Record{answered(1)}); !errors.Is(err, context.Canceled) || errors.Is(err, cdr.ErrBadRecord) {
		t.Errorf("SaveCDRs: %v", err)
	}
	ctx, cancel = context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	if _, err := s.ListCDRs(ctx, cdr.Query{}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("ListCDRs behind its deadline: %v", err)
	}
	odd := answered(1) // no statistic is worth a lost record
	odd.Media.Streams[0].JitterMS = math.NaN()
	save(t, s, odd)
	if r, err := s.GetCDR(t.Context(), odd.CallID); err != nil || r.Media.Streams[0].JitterMS != 0 {
		t.Errorf("not a number: %+v, %v", r.Media, err)
	}
}

func testCDRNotFound(t *testing.T, e env) {
	s := e.open(t)
	for _, id := range []string{"", callID(1), "\x00", "\xff", strings.Repeat("x", 10_000)} {
		if _, err := s.GetCDR(t.Context(), id); !errors.Is(err, cdr.ErrNotFound) {
			t.Errorf("GetCDR(%.20q): %v", id, err)
		}
	}
}

// A record that can never be saved is told apart from a database that is down,
// and nothing of its batch is saved.
func testCDRBadRecords(t *testing.T, e env) {
	s := e.open(t)
	for name, spoil := range map[string]func(*cdr.Record){
		"live":                 func(r *cdr.Record) { r.EndedAt = nil },
		"no call id":           func(r *cdr.Record) { r.CallID = "" },
		"negative duration":    func(r *cdr.Record) { r.DurationMS = -1 },
		"negative billable":    func(r *cdr.Record) { r.BillableMS = -1 },
		"unknown side":         func(r *cdr.Record) { r.HungUpBy = new(cdr.HungUpBy("mother")) },
		"attempt 0":            func(r *cdr.Record) { r.Attempts[0].AttemptNo = 0 },
		"attempt negative":     func(r *cdr.Record) { r.Attempts[1].BillableMS = -1 },
		"attempt in 10000":     func(r *cdr.Record) { r.Attempts[1].EndedAt = new(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)) },
		"attempt number twice": func(r *cdr.Record) { r.Attempts[1].AttemptNo = 1 },
	} {
		bad := answered(2)
		spoil(&bad)
		err := s.SaveCDRs(t.Context(), []cdr.Record{answered(1), bad, answered(3)})
		if !errors.Is(err, cdr.ErrBadRecord) {
			t.Errorf("%s: error %v", name, err)
		}
		if page, err := s.ListCDRs(t.Context(), cdr.Query{}); err != nil || len(page.Items) != 0 {
			t.Errorf("%s: %d records saved, %v", name, len(page.Items), err)
		}
	}
	save(t, s, answered(1))
}

func testCDRLimits(t *testing.T, e env) {
	s := e.open(t)
	r := answered(1)
	r.DurationMS, r.BillableMS, r.PDDMS = math.MaxInt64, math.MaxInt64, new(int64(math.MinInt64))
	r.SIPStatus, r.Q850Cause, r.PolicyRevision = new(math.MaxInt64), new(math.MinInt64), math.MaxInt64
	r.Attempts[0].AttemptNo, r.Attempts[0].BillableMS = math.MaxInt64, math.MaxInt64
	slices.Reverse(r.Attempts)
	stream := &r.Media.Streams[0]
	stream.Packets, stream.Octets, stream.Lost, stream.JitterMS = math.MaxUint64, math.MaxUint64, math.MinInt64, math.MaxFloat64
	tiny := answered(2)
	tiny.Media.Streams[0].JitterMS = math.SmallestNonzeroFloat64
	tiny.Media.Streams = append(tiny.Media.Streams, cdr.Stream{JitterMS: 0.1 + 0.2})
	long := answered(3)
	long.Caller, long.Called = strings.Repeat("1", 100_000), strings.Repeat("日", 50_000)
	long.Received.From = strings.Repeat("\\\"", 500_000)
	long.Attempts[0].Gateway = strings.Repeat("x", 100_000)
	save(t, s, r, tiny, long)
	for _, want := range []cdr.Record{r, tiny, long} {
		if diff := cmp.Diff(want, get(t, s, want.CallID)); diff != "" {
			t.Errorf("%.2000s", diff)
		}
	}
	if page, err := s.ListCDRs(t.Context(), cdr.Query{Called: long.Called}); err != nil || len(page.Items) != 1 {
		t.Errorf("by a long number: %d records, %v", len(page.Items), err)
	}
	if page, err := s.ListCDRs(t.Context(), cdr.Query{Called: long.Called + "日"}); err != nil || len(page.Items) != 0 {
		t.Errorf("by a longer number: %d records, %v", len(page.Items), err)
	}
}

// NUL and invalid UTF-8 from the wire are replaced; all else stays, and what
// was replaced can be asked for as it came.
func testCDRText(t *testing.T, e env) {
	s := e.open(t)
	r := answered(1)
	r.Caller, r.Called = "a\x00b", "\xff\xfe1"
	r.Received.From, r.Received.To, r.Received.UserAgent = "x\x00\\u0000\\\x00", "\xc3\x28", "\u2028<>&'\"\t\r\n\x01\x7f"
	r.InboundTrunk, r.OutboundTrunk = new("tr\x00nk"), new("")
	r.Media.Streams[0].Remote = "\x00"
	r.RelatedCalls[0].Relation = "\\x\x00\xff"
	r.Attempts[0].Sent.RequestURI, r.Attempts[1].Trunk = "\x00", "\xff"
	save(t, s, r)
	want := *r.Clone()
	want.Caller, want.Called = "a\ufffdb", "\ufffd\ufffd1"
	want.Received.From, want.Received.To = "x\ufffd\\u0000\\\ufffd", "\ufffd("
	want.InboundTrunk = new("tr\ufffdnk")
	want.Media.Streams[0].Remote, want.RelatedCalls[0].Relation = "\ufffd", "\\x\ufffd\ufffd"
	want.Attempts[0].Sent.RequestURI, want.Attempts[1].Trunk = "\ufffd", "\ufffd"
	if diff := cmp.Diff(want, get(t, s, r.CallID)); diff != "" {
		t.Error(diff)
	}
	for _, q := range []cdr.Query{{Caller: r.Caller}, {Called: r.Called}, {InboundTrunk: *r.InboundTrunk}} {
		if page, err := s.ListCDRs(t.Context(), q); err != nil || len(page.Items) != 1 {
			t.Errorf("%+v: %d records, %v", q, len(page.Items), err)
		}
	}
}

// Times come back as the same moment in UTC, cut to microseconds, and far
// times do not overflow.
func testCDRTimes(t *testing.T, e env) {
	s := e.open(t)
	zone := time.FixedZone("somewhere", -9*3600-1800)
	for i, at := range []time.Time{
		epoch.Add(999), epoch.In(zone), epoch.Local(), time.Date(2026, 10, 25, 2, 30, 0, 0, time.UTC).In(zone),
		time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC), time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC), time.Date(2028, 2, 29, 0, 0, 0, 1000, time.UTC),
	} {
		r := answered(i)
		r.StartedAt, r.AnsweredAt, r.EndedAt, r.Attempts[0].StartedAt = at, &at, &at, at
		save(t, s, r)
		save(t, s, r) // the same key
		got := get(t, s, r.CallID)
		want := at.UTC().Truncate(time.Microsecond)
		for _, g := range []time.Time{got.StartedAt, *got.AnsweredAt, *got.EndedAt, got.Attempts[0].StartedAt} {
			if !g.Equal(want) || g.Location() != time.UTC {
				t.Errorf("%v came back as %v", at, g)
			}
		}
	}
}
