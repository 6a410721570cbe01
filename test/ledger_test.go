package test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"b2bua/cdr"
	"b2bua/store"
)

// table reads every record of a database, in the end without the server.
func table(t testing.TB, url string) (records []cdr.Record, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := store.Open(ctx, url, store.Options{NoMigrate: true})
	if err != nil {
		return nil, err
	}
	err = s.ExportCDRs(ctx, cdr.Query{}, func(r *cdr.Record) error {
		records = append(records, *r.Clone())
		return nil
	})
	return records, errors.Join(err, s.Close())
}

// still is how long nothing may wait before that is believed: the journal looks
// at itself once a second.
const still = 3 * time.Second

// settled waits until the server has nothing left to give, and returns what is
// then in the table. A database that was away is asked again in at most 45 s.
func settled(t testing.TB, s *server, url string) []cdr.Record {
	t.Helper()
	begin := time.Now()
	quiet := begin // since when nothing waits
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for waits := s.waits(); time.Since(quiet) < still; waits = s.waits() {
		if waits != "" {
			quiet = time.Now()
		}
		if time.Since(begin) > 3*patience {
			t.Fatalf("it does not settle: %s", waits)
		}
		<-tick.C
	}
	records, err := table(t, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d records in the table; nothing waited after %.1f s", len(records), quiet.Sub(begin).Seconds())
	return records
}

// waits names what is on its way to the table, "" when nothing is.
func (s *server) waits() (what string) {
	s.t.Helper()
	for _, name := range []string{"b2bua_calls_active", "b2bua_journal_live_calls", "b2bua_journal_owed_entries", "b2bua_cdr_backlog_bytes"} {
		if n := s.metric(name); n != 0 {
			what += fmt.Sprintf("%s is %v; ", name, n)
		}
	}
	return what
}

// byCall finds the record of each call of the ledger, and names records that
// nobody made or that are there twice.
func (l *ledger) byCall(records []cdr.Record) map[string]*cdr.Record {
	l.t.Helper()
	known := make(map[string]bool)
	for _, e := range l.calls {
		known[e.sipCallID] = true
	}
	found := make(map[string]*cdr.Record)
	for i := range records {
		id := records[i].Received.SIPCallID
		switch {
		case !known[id]:
			l.t.Errorf("the record of %s, which nobody called", id)
		case found[id] != nil:
			l.t.Errorf("%s has two records", id)
		}
		found[id] = &records[i]
	}
	return found
}

// compare goes through the ledger line by line: no call failed, each has its
// record and that tells what the caller saw; each attempt of a record reached
// the gateway it names, and no gateway was reached without an attempt.
func (l *ledger) compare(records []cdr.Record) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	found := l.byCall(records)
	attempts := make(map[taking]int)
	count := make(map[fate]int)
	for _, e := range l.calls {
		count[e.fate]++
		if e.fault != "" {
			l.t.Errorf("%s (fate %d) failed: %s", e.sipCallID, e.fate, e.fault)
		}
		r := found[e.sipCallID]
		if r == nil {
			l.t.Errorf("%s (fate %d) has no record", e.sipCallID, e.fate)
			continue
		}
		e.compare(l.t, r)
		for _, a := range r.Attempts {
			status := 487 // of a cancelled attempt: the record is closed with the CANCEL, before that comes
			if a.SIPStatus != nil {
				status = *a.SIPStatus
			}
			attempts[taking{a.Sent.Destination, a.Sent.SIPCallID, a.Sent.Called, status}]++
		}
	}
	for _, k := range l.takings {
		attempts[k]--
	}
	for k, n := range attempts {
		if n != 0 {
			l.t.Errorf("attempt %+v: in the records less at the gateways: %d", k, n)
		}
	}
	l.t.Logf("ledger: %d calls (%v by fate), %d attempts, %d records", len(l.calls), count, len(l.takings), len(records))
}

// closeTo bounds how far the clocks of a client and of the server may be apart:
// both are this machine's, which is busy.
const closeTo = 2 * time.Second

// compare holds a record against what the caller saw.
func (e *entry) compare(t testing.TB, r *cdr.Record) {
	t.Helper()
	type end struct {
		reason cdr.EndReason
		by     cdr.HungUpBy
		tries  int
	}
	want := map[fate]end{
		callerEnds: {cdr.EndCompleted, cdr.ByCaller, 1},
		calledEnds: {cdr.EndCompleted, cdr.ByCalled, 1},
		busy:       {cdr.EndRejected, cdr.ByCalled, 1},
		abandoned:  {cdr.EndCancelled, cdr.ByCaller, 1},
		hunted:     {cdr.EndCompleted, cdr.ByCaller, 2},
	}[e.fate]
	if got := (end{*r.EndReason, *r.HungUpBy, len(r.Attempts)}); got != want || *r.SIPStatus != e.status || r.Called != e.called {
		t.Errorf("%s: the record says %+v with status %d to %s, the caller %+v with %d to %s",
			e.sipCallID, got, *r.SIPStatus, r.Called, want, e.status, e.called)
	}
	if (r.AnsweredAt != nil) != !e.answered.IsZero() {
		t.Errorf("%s: answered at %v, for the caller at %v", e.sipCallID, r.AnsweredAt, e.answered)
		return
	}
	near(t, e.sipCallID+" started", r.StartedAt, e.begun)
	near(t, e.sipCallID+" ended", *r.EndedAt, e.ended)
	if r.AnsweredAt != nil {
		near(t, e.sipCallID+" answered", *r.AnsweredAt, e.answered)
		billed, spoke := time.Duration(r.BillableMS)*time.Millisecond, e.ended.Sub(e.answered)
		if (billed - spoke).Abs() > closeTo {
			t.Errorf("%s: %s billed, spoke for %s", e.sipCallID, billed, spoke)
		}
	}
}

func near(t testing.TB, what string, recorded, seen time.Time) {
	t.Helper()
	if apart := recorded.Sub(seen); math.Abs(apart.Seconds()) > closeTo.Seconds() {
		t.Errorf("%s: the record is %s off", what, apart)
	}
}
