package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"b2bua/cdr"
	"b2bua/store"
)

func cdrQueryTests() map[string]func(*testing.T, env) {
	return map[string]func(*testing.T, env){
		"filters and pages":    testCDRModel,
		"pages while inserted": testCDRPagesWhileInserted,
		"order":                testCDROrder,
		"bad queries":          testCDRBadQueries,
		"export":               testCDRExport,
	}
}

// walk follows the pages of a query to their end.
func walk(t testing.TB, s *store.Store, q cdr.Query) (ids []string) {
	t.Helper()
	for {
		page, err := s.ListCDRs(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if q.Limit > 0 && len(page.Items) > q.Limit || page.NextCursor != "" && len(page.Items) == 0 {
			t.Fatalf("a page of %d, next %q", len(page.Items), page.NextCursor)
		}
		for i := range page.Items {
			ids = append(ids, page.Items[i].CallID)
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return ids
		}
	}
}

// Against a plain loop over the same records: every filter, any page size,
// many calls in the same moment.
func testCDRModel(t *testing.T, e env) {
	s := e.open(t)
	var all []cdr.Record
	for i := range 200 {
		r := refused(0)
		r.CallID = callID((i * 77) % 200)
		r.StartedAt = epoch.Add(time.Duration(i%20) * time.Microsecond)
		r.Caller, r.Called = fmt.Sprint(i%3), fmt.Sprint(i%5)
		if i%4 != 0 {
			r.InboundTrunk, r.OutboundTrunk = new(fmt.Sprint("t", i%2)), new(fmt.Sprint("t", i%7))
		}
		if i%3 == 0 {
			r.AnsweredAt = r.EndedAt
		}
		all = append(all, r)
	}
	save(t, s, all...)
	slices.SortFunc(all, func(a, b cdr.Record) int {
		return cmp.Or(b.StartedAt.Compare(a.StartedAt), strings.Compare(b.CallID, a.CallID))
	})
	rapid.Check(t, func(rt *rapid.T) {
		q := drawQuery(rt)
		var want []string
		for i := range all {
			if selects(&q, &all[i]) {
				want = append(want, all[i].CallID)
			}
		}
		if got := walk(t, s, q); !slices.Equal(got, want) {
			rt.Fatalf("%+v\n got %d %v\nwant %d %v", q, len(got), got, len(want), want)
		}
	})
}

func drawQuery(t *rapid.T) cdr.Query {
	text := func(name string, values ...string) string {
		return rapid.SampledFrom(append(values, "", "")).Draw(t, name)
	}
	at := func(name string) time.Time {
		if rapid.Bool().Draw(t, name+" open") {
			return time.Time{}
		}
		return epoch.Add(time.Duration(rapid.IntRange(-1, 21).Draw(t, name))*time.Microsecond + time.Duration(rapid.IntRange(0, 1).Draw(t, "ns")))
	}
	q := cdr.Query{
		From: at("from"), To: at("to"), Caller: text("caller", "0", "1", "none"), Called: text("called", "0", "4"),
		InboundTrunk: text("inbound", "t0", "t1"), OutboundTrunk: text("outbound", "t3"), Limit: rapid.SampledFrom([]int{0, 7, 50, 500}).Draw(t, "limit"),
	}
	switch rapid.IntRange(0, 2).Draw(t, "answered") {
	case 0:
		q.Answered = new(true)
	case 1:
		q.Answered = new(false)
	}
	return q
}

// selects is what a query means. Its times are cut to microseconds.
func selects(q *cdr.Query, r *cdr.Record) bool {
	equal := func(want string, got *string) bool { return want == "" || got != nil && *got == want }
	return (q.From.IsZero() || !r.StartedAt.Before(q.From.Truncate(time.Microsecond))) &&
		(q.To.IsZero() || r.StartedAt.Before(q.To.Truncate(time.Microsecond))) &&
		equal(q.Caller, &r.Caller) && equal(q.Called, &r.Called) &&
		equal(q.InboundTrunk, r.InboundTrunk) && equal(q.OutboundTrunk, r.OutboundTrunk) &&
		(q.Answered == nil || *q.Answered == (r.AnsweredAt != nil))
}

// Records that arrive between two pages move none in or out of the pages that
// follow.
func testCDRPagesWhileInserted(t *testing.T, e env) {
	s := e.open(t)
	for i := range 20 {
		save(t, s, refused(i))
	}
	var got []string
	q := cdr.Query{Limit: 3}
	for n := 100; ; n++ {
		page, err := s.ListCDRs(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for i := range page.Items {
			got = append(got, page.Items[i].CallID)
		}
		save(t, s, refused(n), refused(n+1000)) // newer than all
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			break
		}
	}
	var want []string
	for i := 19; i >= 0; i-- {
		want = append(want, callID(i))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// Calls of the same moment are in the order of the octets of their ids, newest
// first, in every database.
func testCDROrder(t *testing.T, e env) {
	s := e.open(t)
	ids := []string{"a", "A", "b", "B", "-", "é", "z", "日", "10", "9", "a b", "ab"}
	for _, id := range ids {
		r := refused(1)
		r.CallID = id
		save(t, s, r)
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	if got := walk(t, s, cdr.Query{Limit: 1}); !slices.Equal(got, ids) {
		t.Errorf("got %q, want %q", got, ids)
	}
}

func testCDRBadQueries(t *testing.T, e env) {
	s := e.open(t)
	save(t, s, refused(1), refused(2))
	page, err := s.ListCDRs(t.Context(), cdr.Query{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	for field, queries := range map[string][]cdr.Query{
		"limit": {{Limit: -1}, {Limit: 501}},
		"cursor": {
			{Cursor: "x"},
			{Cursor: "="},
			{Cursor: "MQ"},
			{Cursor: page.NextCursor + "A"},
			{Cursor: strings.ToUpper(page.NextCursor)},
			{Cursor: "' OR 1=1 --"},
			{Cursor: "\x00"},
			{Cursor: "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OSB4"},
			{Cursor: "MSAA"},
		},
	} {
		for _, q := range queries {
			var bad *cdr.QueryError
			if _, err := s.ListCDRs(t.Context(), q); !errors.As(err, &bad) || bad.Field != field {
				t.Errorf("%+v: %v", q, err)
			}
		}
	}
	if err := s.ExportCDRs(t.Context(), cdr.Query{Cursor: "x"}, func(*cdr.Record) error { return nil }); err == nil {
		t.Error("export with a bad cursor succeeds")
	}
}

// An export selects as a list does, has no limit, and ends with the callback's
// error as it is.
func testCDRExport(t *testing.T, e env) {
	s := e.open(t)
	const n = 1050
	records := make([]cdr.Record, n)
	for i := range records {
		records[i] = refused(i)
		records[i].Called = fmt.Sprint(i % 2)
	}
	save(t, s, records...)
	seen := 0
	err := s.ExportCDRs(t.Context(), cdr.Query{Called: "1", Limit: 3}, func(r *cdr.Record) error {
		seen++
		return nil
	})
	if err != nil || seen != n/2 {
		t.Errorf("%d records, %v", seen, err)
	}
	enough := errors.New("enough")
	seen = 0
	err = s.ExportCDRs(t.Context(), cdr.Query{}, func(*cdr.Record) error {
		if seen++; seen == 700 {
			return enough
		}
		return nil
	})
	if err != enough || seen != 700 { //nolint:errorlint // as it is
		t.Errorf("%d records, %v", seen, err)
	}
}
