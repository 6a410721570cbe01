package test

import (
	"testing"
	"time"

	"b2bua/cdr"
)

// Calls over TCP on either side or both, over one connection and over one for
// each call, whoever hangs up.
func TestTCP(t *testing.T) {
	t.Parallel()
	const calls = 20
	for _, tt := range []struct {
		name           string
		caller, callee string // modes
		hangUp         bool   // the caller does
	}{
		{"TCP to UDP", "t1", "", true},
		{"UDP to TCP", "", "t1", true},
		{"TCP to TCP", "t1", "t1", true},
		{"TCP to TCP, the callee hangs up", "t1", "t1", false},
		{"a connection for each call", "tn", "t1", true},
		{"a connection for each call, the callee hangs up", "tn", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, "")
			gateway := s.ip(3) + ":5060"
			if tt.callee != "" {
				gateway += ";transport=tcp"
			}
			hold := 300 * time.Millisecond
			callee := sipp{
				scenario: "uas", ip: s.ip(3), mode: tt.callee, calls: calls, hold: hold,
				facts: callee{First: ringing, Final: reply{200, true}, Answered: true, HangUp: !tt.hangUp},
			}.start(t)
			s.route(nil, gateway)
			caller := sipp{scenario: "uac", ip: s.ip(2), to: s.ip(1), mode: tt.caller, calls: calls, rate: 20, hold: hold, facts: caller{HangUp: tt.hangUp}}.start(t)
			caller()
			callee()
			by := cdr.ByCaller
			if !tt.hangUp {
				by = cdr.ByCalled
			}
			for _, r := range s.cdrs(calls) {
				expect{cdr.EndCompleted, by, 200, 1, true}.check(t, r)
			}
			accepted, dialled := 0.0, 0.0
			if tt.caller != "" {
				accepted = 1
			}
			if tt.caller == "tn" {
				accepted = calls
			}
			if tt.callee != "" {
				dialled = 1
			}
			if a, d := s.metric("b2bua_transport_connections_total", "accepted"), s.metric("b2bua_transport_connections_total", "dialled"); a != accepted || d != dialled {
				t.Errorf("%v connections accepted and %v dialled, want %v and %v", a, d, accepted, dialled)
			}
		})
	}
}

// A gateway that is reached over IPv6 and over TCP, by a caller over IPv4 and UDP.
func TestFourToSix(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]string{"UDP": "", "TCP": "t1"} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, `networks: {six: {listen: ["udp://[::1]:5060", "tcp://[::1]:5060"], media: {addresses: ["::1"]}}}`)
			gateway := "[::1]:5062"
			if mode != "" {
				gateway += ";transport=tcp"
			}
			callee := sipp{scenario: "uas", ip: "::1", port: 5062, mode: mode, facts: callee{First: ringing, Final: reply{200, true}, Answered: true}}.start(t)
			s.route(object{"network": "six"}, gateway)
			caller := sipp{scenario: "uac", ip: s.ip(2), to: s.ip(1), facts: caller{HangUp: true}, hold: 300 * time.Millisecond}.start(t)
			caller()
			callee()
			expect{cdr.EndCompleted, cdr.ByCaller, 200, 1, true}.check(t, s.cdrs(1)[0])
		})
	}
}
