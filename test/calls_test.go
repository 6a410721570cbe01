package test

import (
	"testing"
	"time"

	"b2bua/cdr"
)

// reply is one response of a scripted callee.
type reply struct {
	Status int
	Body   bool
}

// callee is what uas.xml does.
type callee struct {
	First, Final     reply
	Answered, HangUp bool
}

// caller is what uac.xml does.
type caller struct{ Early, HangUp bool }

var ringing = reply{Status: 180}

// offers is what hold.xml offers in an answered call, and held.xml answers.
type offers struct {
	First, Final reply
	Offers       []offer
}

// offer is a re-INVITE: the directions of both descriptions.
type offer struct {
	CSeq          int
	Offer, Answer string
}

// expect is what a record must say.
type expect struct {
	end      cdr.EndReason
	by       cdr.HungUpBy
	status   int
	attempts int
	answered bool
}

func (e expect) check(t *testing.T, r cdr.Record) {
	t.Helper()
	if r.EndReason == nil || *r.EndReason != e.end || r.HungUpBy == nil || *r.HungUpBy != e.by ||
		r.SIPStatus == nil || *r.SIPStatus != e.status || len(r.Attempts) != e.attempts || (r.AnsweredAt != nil) != e.answered {
		t.Errorf("record: end %v by %v status %v, %d attempts, answered %v; want %+v",
			deref(r.EndReason), deref(r.HungUpBy), deref(r.SIPStatus), len(r.Attempts), r.AnsweredAt, e)
	}
	if r.EndedAt == nil || r.Caller != "2000" || *r.InboundTrunk != "pbx" || *r.OutboundTrunk != "carrier" {
		t.Errorf("record: %+v", r)
	}
	if e.answered && (r.BillableMS <= 0 || r.BillableMS > r.DurationMS || r.RingingAt == nil) {
		t.Errorf("record: billable %d ms of %d ms, ringing %v", r.BillableMS, r.DurationMS, r.RingingAt)
	}
}

func deref[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

func TestSIPp(t *testing.T) {
	t.Parallel()
	answers := callee{First: ringing, Final: reply{200, true}, Answered: true}
	hold := offers{First: ringing, Final: reply{200, true}, Offers: []offer{
		{2, "sendonly", "recvonly"}, {3, "inactive", "inactive"}, {4, "sendrecv", "sendrecv"}, {5, "sendrecv", "sendrecv"},
	}}
	tests := []struct {
		name    string
		caller  sipp
		callees []sipp
		trunk   object
		want    expect
	}{
		{
			name:    "answer, the caller hangs up",
			caller:  sipp{scenario: "uac", facts: caller{HangUp: true}, hold: 300 * time.Millisecond},
			callees: []sipp{{scenario: "uas", facts: answers}},
			want:    expect{cdr.EndCompleted, cdr.ByCaller, 200, 1, true},
		},
		{
			name:    "answer, the callee hangs up",
			caller:  sipp{scenario: "uac", facts: caller{}},
			callees: []sipp{{scenario: "uas", facts: callee{First: ringing, Final: reply{200, true}, Answered: true, HangUp: true}, hold: 300 * time.Millisecond}},
			want:    expect{cdr.EndCompleted, cdr.ByCalled, 200, 1, true},
		},
		{
			name:    "early media",
			caller:  sipp{scenario: "uac", facts: caller{Early: true, HangUp: true}, hold: 300 * time.Millisecond},
			callees: []sipp{{scenario: "uas", facts: callee{First: reply{183, true}, Final: reply{200, true}, Answered: true}}},
			want:    expect{cdr.EndCompleted, cdr.ByCaller, 200, 1, true},
		},
		{
			name:    "hold, and back",
			caller:  sipp{scenario: "hold", facts: hold, hold: 300 * time.Millisecond},
			callees: []sipp{{scenario: "held", facts: hold}},
			want:    expect{cdr.EndCompleted, cdr.ByCaller, 200, 1, true},
		},
		{
			name:    "busy",
			caller:  sipp{scenario: "refused", facts: reply{Status: 486}},
			callees: []sipp{{scenario: "uas", facts: callee{First: ringing, Final: reply{Status: 486}}}},
			want:    expect{cdr.EndRejected, cdr.ByCalled, 486, 1, false},
		},
		{
			name:    "no answer",
			caller:  sipp{scenario: "refused", facts: reply{Status: 480}},
			callees: []sipp{{scenario: "cancelled", facts: callee{First: ringing}}},
			trunk:   object{"ring_timeout": "1s"},
			want:    expect{cdr.EndNoAnswer, cdr.BySystem, 480, 1, false},
		},
		{
			name:    "the caller gives up",
			caller:  sipp{scenario: "cancel"},
			callees: []sipp{{scenario: "cancelled", facts: callee{First: ringing}}},
			want:    expect{cdr.EndCancelled, cdr.ByCaller, 487, 1, false},
		},
		{
			name:    "hunting to the second gateway",
			caller:  sipp{scenario: "uac", facts: caller{HangUp: true}, hold: 300 * time.Millisecond},
			callees: []sipp{{scenario: "uas", facts: callee{First: reply{Status: 100}, Final: reply{Status: 503}}}, {scenario: "uas", facts: answers}},
			want:    expect{cdr.EndCompleted, cdr.ByCaller, 200, 2, true},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, "")
			var gateways []string
			var waits []func()
			for i, c := range tt.callees {
				c.ip = s.ip(3 + i)
				gateways = append(gateways, c.ip+":5060")
				waits = append(waits, c.start(t))
			}
			s.route(tt.trunk, gateways...)
			tt.caller.ip, tt.caller.to = s.ip(2), s.ip(1)
			for _, wait := range append(waits, tt.caller.start(t)) {
				wait()
			}
			tt.want.check(t, s.cdrs(1)[0])
		})
	}
}

func TestUnknownSource(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	s.route(nil, s.ip(3)+":5060")
	sipp{scenario: "refused", facts: reply{Status: 403}, ip: s.ip(9), to: s.ip(1)}.start(t)()
	if n := s.metric("b2bua_sip_refused_total", `reason="unknown_source"`); n < 1 {
		t.Errorf("refusals counted: %v", n)
	}
	if n := s.metric("b2bua_calls_active"); n != 0 {
		t.Errorf("%v calls active", n)
	}
	s.cdrs(0)
}

// TestThousandCalls is the load that a first installation has to carry without
// leaving anything behind.
func TestThousandCalls(t *testing.T) {
	const calls = 1000
	s := serve(t, "")
	idle := func(name string) float64 { return s.metric(name) }
	files := func() float64 { return idle("process_open_fds") - idle("b2bua_media_spare_sockets") }
	goroutines, fds := idle("go_goroutines"), files()
	ports := s.metric("b2bua_media_port_pairs", `state="free"`)

	uas := sipp{
		scenario: "uas", ip: s.ip(3), calls: calls,
		facts: callee{First: ringing, Final: reply{200, true}, Answered: true},
	}
	uac := sipp{scenario: "uac", facts: caller{HangUp: true}, ip: s.ip(2), to: s.ip(1), calls: calls, rate: 100, hold: time.Second}
	s.route(nil, s.ip(3)+":5060")
	waitUAS := uas.start(t)
	uac.start(t)()
	waitUAS()

	for _, r := range s.cdrs(calls) {
		expect{cdr.EndCompleted, cdr.ByCaller, 200, 1, true}.check(t, r)
	}
	s.await("calls active", 0, func() float64 { return s.metric("b2bua_calls_active") })
	s.await("port pairs in use", 0, func() float64 { return s.metric("b2bua_media_port_pairs", `state="used"`) })
	s.await("port pairs in quarantine", 0, func() float64 { return s.metric("b2bua_media_port_pairs", `state="quarantined"`) })
	s.await("media sockets", 0, func() float64 { return s.metric("b2bua_media_sockets") })
	if free := s.metric("b2bua_media_port_pairs", `state="free"`); free != ports {
		t.Errorf("%v free port pairs, %v before", free, ports)
	}
	// The idle pool: connections of the HTTP client and of the database, each
	// with a goroutine or two.
	const pool = 8
	t.Logf("goroutines %v before, %v after; descriptors %v before, %v after; idle pool at most %d", goroutines, idle("go_goroutines"), fds, files(), pool)
	if g := idle("go_goroutines"); g > goroutines+pool {
		t.Errorf("%v goroutines, %v when idle before", g, goroutines)
	}
	if f := files(); f > fds+pool {
		t.Errorf("%v descriptors, %v when idle before", f, fds)
	}
}
