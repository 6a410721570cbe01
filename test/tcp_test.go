package test

import (
	"fmt"
	"net"
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
	for _, tt := range []struct {
		name, mode, param, media string
		ours, theirs             int
	}{
		{"UDP", "", "", "21000-21999", 5060, 5062},
		{"TCP", "t1", ";transport=tcp", "22000-22999", 5064, 5066},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, fmt.Sprintf(`networks: {six: {listen: ["udp://[::1]:%[1]d", "tcp://[::1]:%[1]d"], media: {addresses: ["::1"], ports: %[2]s}}}`, tt.ours, tt.media))
			gateway := fmt.Sprintf("[::1]:%d%s", tt.theirs, tt.param)
			callee := sipp{scenario: "uas", ip: "::1", port: tt.theirs, mode: tt.mode, facts: callee{First: ringing, Final: reply{200, true}, Answered: true}}.start(t)
			s.route(object{"network": "six"}, gateway)
			caller := sipp{scenario: "uac", ip: s.ip(2), to: s.ip(1), facts: caller{HangUp: true}, hold: 300 * time.Millisecond}.start(t)
			caller()
			callee()
			expect{cdr.EndCompleted, cdr.ByCaller, 200, 1, true}.check(t, s.cdrs(1)[0])
		})
	}
}

// An INVITE that is too long for UDP reaches a gateway over TCP when it takes it,
// and over UDP when it does not.
func TestBigInvite(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, mode, outcome string }{
		{"TCP", "t1", "tcp"},
		{"refused", "", "refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, "")
			callee := sipp{scenario: "uas", ip: s.ip(3), mode: tt.mode, facts: callee{First: ringing, Final: reply{200, true}, Answered: true}}.start(t)
			s.route(object{"mtu": "576"}, s.ip(3)+":5060")
			caller := sipp{scenario: "uac", ip: s.ip(2), to: s.ip(1), facts: caller{HangUp: true}, hold: 300 * time.Millisecond}.start(t)
			caller()
			callee()
			expect{cdr.EndCompleted, cdr.ByCaller, 200, 1, true}.check(t, s.cdrs(1)[0])
			if n := s.metric("b2bua_sip_big_requests_total", tt.outcome); n != 1 {
				t.Errorf("%v requests", n)
			}
		})
	}
}

// One source takes no more connections than it may, and those that say nothing
// are closed; a call goes through meanwhile.
func TestConnectionFlood(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	s.route(nil, s.ip(3)+":5060")
	for range 200 { // max_per_source is 128
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(s.ip(9))}, Timeout: patience}
		c, err := d.Dial("tcp", s.ip(1)+":5060")
		if err != nil {
			continue // cut off already
		}
		defer func() { _ = c.Close() }()
		if _, err := c.Write([]byte("INVITE sip:1 SIP/2.0\r\nVia: ")); err != nil {
			continue
		}
	}
	callee := sipp{scenario: "uas", ip: s.ip(3), facts: callee{First: ringing, Final: reply{200, true}, Answered: true}}.start(t)
	sipp{scenario: "uac", ip: s.ip(2), to: s.ip(1), mode: "t1", facts: caller{HangUp: true}, hold: 300 * time.Millisecond}.start(t)()
	callee()
	if n := s.metric("b2bua_transport_refused_connections_total", `reason="source"`); n != 72 {
		t.Errorf("%v connections refused, want 72", n)
	}
	s.await("connections closed for saying nothing whole", 128, func() float64 {
		return s.metric("b2bua_transport_closed_connections_total", `reason="partial"`)
	})
}
