package test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"b2bua/cdr"
	"b2bua/internal/pgtest"
)

// heartbeat is how often a process writes that it lives, with what a busy
// machine adds to it.
const heartbeat = 2 * time.Second

// onBoth runs a test on a database of each kind.
func onBoth(t *testing.T, test func(t *testing.T, s *server, url string)) {
	t.Helper()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			url := "sqlite://" + t.TempDir() + "/b2bua.db"
			if kind == "postgres" {
				url = pgtest.URL(t)
			}
			s := prepare(t, url, "")
			s.start()
			t.Cleanup(s.stop)
			test(t, s, url)
		})
	}
}

// died reports whether a record is that of a call that was up when its process
// died, ended at the last heartbeat.
func died(t *testing.T, r *cdr.Record, killed time.Time) bool {
	t.Helper()
	if *r.EndReason != cdr.EndNodeFailure {
		return false
	}
	if *r.HungUpBy != cdr.BySystem || r.AnsweredAt == nil || r.EndedAt.Before(*r.AnsweredAt) ||
		r.EndedAt.After(killed.Add(time.Second)) || killed.Sub(*r.EndedAt) > heartbeat {
		t.Errorf("%s: answered %v, ended %v by %v; killed %v", r.Received.SIPCallID, r.AnsweredAt, r.EndedAt, *r.HungUpBy, killed)
	}
	return true
}

// The process is killed with SIPp's calls ringing, up and ended, started again
// on the same data, killed again while it cleans up, and started once more:
// each call that was answered has one record, each that had ended another.
func TestKilledSIPp(t *testing.T) {
	t.Parallel()
	const each = 20
	onBoth(t, func(t *testing.T, s *server, url string) {
		answers := callee{First: ringing, Final: reply{200, true}, Answered: true}
		begin := func(x sipp) (pid int, wait func()) {
			x.calls, x.rate = each, 100
			p, wait := x.run(t)
			t.Cleanup(func() { _ = p.Kill() })
			return p.Pid, wait
		}
		s.route(nil, s.ip(3)+":5060")
		for i, n := range []int{5, 6} { // callers of the ringing and of the short calls
			name := fmt.Sprint("caller", i)
			s.api("POST", "/v1/trunks", object{"name": name, "sources": []string{s.ip(n) + "/32"}}, nil)
		}
		s.api("POST", "/v1/trunks", object{"name": "silent", "gateways": []object{{"uri": "sip:" + s.ip(4) + ":5060"}}}, nil)
		s.api("POST", "/v1/routes", object{"name": "nobody", "match": object{"called_prefix": "", "inbound_trunk": "caller0"}, "targets": []object{{"trunk": "silent"}}}, nil)

		uas := sipp{scenario: "uas", ip: s.ip(3), facts: answers, calls: 2 * each}
		p, _ := uas.run(t)
		t.Cleanup(func() { _ = p.Kill() })
		begin(sipp{scenario: "cancelled", ip: s.ip(4), facts: callee{First: ringing}})
		short, waitShort := begin(sipp{scenario: "uac", ip: s.ip(6), to: s.ip(1), facts: caller{HangUp: true}, hold: 200 * time.Millisecond})
		waitShort()
		long, _ := begin(sipp{scenario: "uac", ip: s.ip(2), to: s.ip(1), facts: caller{HangUp: true}, hold: time.Minute})
		begin(sipp{scenario: "uac", ip: s.ip(5), to: s.ip(1), facts: caller{HangUp: true}})
		s.await("answers written", 2*each, func() float64 { return s.metric("b2bua_journal_entries_total", `mark="answered"`) })
		s.await("calls ringing", each, s.ringing)
		killed := s.kill()
		s.start()
		s.kill()
		s.start()

		found := make(map[string]int)
		for _, r := range settled(t, s, url) {
			found[r.Received.SIPCallID]++
			pid := long
			if !died(t, &r, killed) {
				pid = short
			}
			var n, by int
			if _, err := fmt.Sscanf(r.Received.SIPCallID, "%d-%d@", &n, &by); err != nil || by != pid || n < 1 || n > each {
				t.Errorf("%s ended %s", r.Received.SIPCallID, *r.EndReason)
			}
		}
		if len(found) != 2*each {
			t.Errorf("%d calls have records, want %d", len(found), 2*each)
		}
		for id, n := range found {
			if n != 1 {
				t.Errorf("%s has %d records", id, n)
			}
		}
	})
}

// ringing counts the calls that ring.
func (s *server) ringing() (n float64) {
	s.t.Helper()
	var list struct {
		Items []cdr.Record `json:"items"`
	}
	s.api("GET", "/v1/calls?limit=500", nil, &list)
	for _, r := range list.Items {
		if r.AnsweredAt == nil && r.RingingAt != nil {
			n++
		}
	}
	return n
}

// The process is killed in the middle of a load: what a caller has heard
// answered or ended is in the table, once, however short before the end.
func TestKilledUnderLoad(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server, url string) {
		l := newLedger(t, s)
		s.route(nil, s.ip(3)+":5060", s.ip(4)+":5060")
		stop := make(chan struct{})
		var load sync.WaitGroup
		load.Go(func() { l.load(callsPerSecond, stop) })
		<-time.After(5 * time.Second)
		killed := s.kill()
		close(stop)
		l.caller.hangUp()
		for _, w := range l.called {
			w.hangUp()
		}
		load.Wait()
		s.start()
		l.killed(killed, settled(t, s, url))
	})
}

// killed holds the ledger against the table of a process that was killed.
func (l *ledger) killed(at time.Time, records []cdr.Record) {
	l.t.Helper()
	found := l.byCall(records)
	up, late, over := 0, 0, 0
	for _, e := range l.calls {
		r := found[e.sipCallID]
		finished := e.fault == ""
		switch {
		case r == nil && !e.answered.IsZero():
			l.t.Errorf("%s was answered and has no record", e.sipCallID)
		case r == nil && finished && at.Sub(e.ended) > 100*time.Millisecond:
			l.t.Errorf("%s (fate %d) ended %s before the kill and has no record", e.sipCallID, e.fate, at.Sub(e.ended))
		case r == nil:
		case died(l.t.(*testing.T), r, at):
			up++
			if finished {
				late++ // its end was still on the way to the disk
				if at.Sub(e.ended) > 100*time.Millisecond {
					l.t.Errorf("%s ended %s before the kill, by the record it did not", e.sipCallID, at.Sub(e.ended))
				}
			}
		case finished:
			over++
			e.compare(l.t, r)
		default:
			over++ // the caller was not told any more
		}
	}
	l.t.Logf("%d calls: %d up at the kill, %d of these ended for the caller; %d ended before", len(l.calls), up, late, over)
	if up == 0 || over == 0 {
		l.t.Errorf("%d calls were up and %d over: nothing was shown", up, over)
	}
}
