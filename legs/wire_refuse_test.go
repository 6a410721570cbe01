package legs_test

import (
	"strconv"
	"strings"
	"testing"

	"b2bua/internal/siptest"
	"b2bua/legs"
	"b2bua/legs/sipmsg"
)

// What a request outside a dialog is refused with, before any call is made.
func TestRefusedOutsideADialog(t *testing.T) { //nolint:tparallel // one stack for all
	t.Parallel()
	tests := map[string]struct {
		method  string
		edit    func(m *sipmsg.Message)
		status  int
		headers map[string]string
	}{
		"too many hops":        {"INVITE", func(m *sipmsg.Message) { m.MaxForwards = 0 }, 483, nil},
		"options at the last":  {"OPTIONS", func(m *sipmsg.Message) { m.MaxForwards = 0 }, 200, map[string]string{"Allow": "INVITE", "Accept": "application/sdp"}},
		"required extensions":  {"INVITE", header("Require", "100rel, timer"), 420, map[string]string{"Unsupported": "100rel, timer"}},
		"required of proxies":  {"INVITE", header("Proxy-Require", "sec-agree"), 420, map[string]string{"Unsupported": "sec-agree"}},
		"no Contact":           {"INVITE", func(m *sipmsg.Message) { m.Contacts = nil }, 400, nil},
		"unknown method":       {"REGISTER", nil, 405, map[string]string{"Allow": "INVITE"}},
		"invented method":      {"FROBNICATE", nil, 501, nil},
		"method of a dialog":   {"UPDATE", nil, 405, map[string]string{"Allow": "INVITE"}},
		"BYE without a dialog": {"BYE", nil, 481, nil},
		"URN":                  {"INVITE", func(m *sipmsg.Message) { m.RequestURI = "urn:service:sos" }, 416, nil},
		"without a Contact":    {"INVITE", func(m *sipmsg.Message) { m.Contacts = nil }, 400, nil},
		"tag of somebody else": {"BYE", func(m *sipmsg.Message) { m.To.Raw += ";tag=foreign" }, 481, nil},
		"INVITE with such":     {"INVITE", func(m *sipmsg.Message) { m.To.Raw += ";tag=foreign" }, 481, nil},
		"tag that looks ours":  {"BYE", func(m *sipmsg.Message) { m.To.Raw += ";tag=b000u8gitcp7m3rnhvke4okje" }, 481, nil},
	}
	r := newRig(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			peer := siptest.New(t, callerIP)
			m := peer.Outside(tt.method, r.uri(), "1000", "refuse-"+strconv.Itoa(len(name))+name[:1])
			if tt.edit != nil {
				tt.edit(m)
			}
			peer.Send(r.server, m)
			got := peer.Next()
			if got.Status != tt.status || got.To.Tag() == "" || got.CallID != m.CallID || got.CSeq != m.CSeq || got.Method != tt.method {
				t.Errorf("%s, tag %q; want %d", siptest.Describe(got), got.To.Tag(), tt.status)
			}
			for name, part := range tt.headers {
				if !strings.Contains(got.Header(name), part) {
					t.Errorf("%s: %q, want %q", name, got.Header(name), part)
				}
			}
			if tt.method == "INVITE" {
				ack := peer.Ack(m, got)
				peer.Send(r.server, ack)
			}
		})
	}
	r.noLegs()
	r.host.none()
	if f := r.count("b2bua_sip_requests_total", "received", "other"); f != 1 {
		t.Errorf("%d requests with an invented method", f)
	}
}

func header(name, value string) func(*sipmsg.Message) {
	return func(m *sipmsg.Message) { m.Headers = append(m.Headers, sipmsg.Header{Name: name, Value: value}) }
}

// A process that is going to stop takes no new call, and keeps those it has.
func TestDrain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	invite, ok, _ := r.answered("drain-1")
	r.stack.Drain()
	for _, method := range []string{"INVITE", "OPTIONS"} {
		r.caller.Send(r.server, r.caller.Outside(method, r.uri(), "1000", "drain-2"+method))
		if m := r.caller.Expect("503 " + method); m.Header("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", method)
		}
	}
	r.caller.Send(r.server, r.caller.Request("OPTIONS", 2, invite, ok))
	r.caller.Expect("200 OPTIONS")
	r.caller.Send(r.server, r.caller.Request("BYE", 3, invite, ok))
	r.caller.Expect("200 BYE")
	r.host.expect(legs.Bye)
	r.host.expect(legs.Ended)
	r.host.none()
}

// RFC 3261 §8.2.2.2: one request that reaches us on two ways.
func TestMergedRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	invite, in := r.call("merged-1")
	other := *invite
	other.Vias = []sipmsg.Via{r.caller.Via()}
	r.caller.Send(r.server, &other)
	if m := r.caller.Expect("482"); m.To.Tag() == "" {
		t.Error("482 without a tag")
	}
	r.on(in.shard, func(*legs.Core) { in.leg.Refuse(503, "", nil) })
	r.caller.Expect("503")
	r.host.expect(legs.Ended)

	// Refused, it may come again: a proxy hunts by sending it anew.
	other.Vias = []sipmsg.Via{r.caller.Via()}
	r.caller.Send(r.server, &other)
	again := r.host.invite()
	r.on(again.shard, func(*legs.Core) { again.leg.Refuse(486, "", nil) })
	r.caller.Await("486")
}

// Our own INVITE, back unchanged, is a loop; with another Request-URI it is a
// spiral, and a call like any other.
func TestOwnLoop(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.dial()
	ours := r.gate.Fresh("INVITE")
	back := *ours
	back.Vias = append([]sipmsg.Via{r.gate.Via()}, ours.Vias...)
	back.MaxForwards--
	r.gate.Send(r.server, &back)
	r.gate.Expect("482")
	spiral := back
	spiral.Vias = append([]sipmsg.Via{r.gate.Via()}, ours.Vias...)
	spiral.RequestURI = "sip:44@" + r.server.String()
	spiral.CSeq = 2
	r.gate.Send(r.server, &spiral)
	if in := r.host.invite(); in.inv.RequestURI != spiral.RequestURI {
		t.Errorf("the handler got %s", in.inv.RequestURI)
	}
	if n := r.count("b2bua_sip_refused_total", "loop"); n != 1 {
		t.Errorf("%d loops counted", n)
	}
}

func TestUnknownSource(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stranger := siptest.New(t, strangerIP)
	for _, method := range []string{"INVITE", "OPTIONS", "BYE"} {
		m := stranger.Outside(method, r.uri(), "1000", "unknown-"+method)
		if method == "BYE" {
			m.To.Raw += ";tag=foreign" // no tag of ours: the same rule
		}
		stranger.Send(r.server, m)
		got := stranger.Expect("403 " + method)
		stranger.Send(r.quiet, m)
		if method == "INVITE" {
			stranger.Send(r.server, stranger.Ack(m, got))
		}
	}
	stranger.Send(r.quiet, stranger.Outside("ACK", r.uri(), "1000", "unknown-ack"))
	r.caller.Send(r.quiet, r.caller.Outside("OPTIONS", r.uri(), "1000", "known"))
	r.caller.Expect("200 OPTIONS")
	stranger.Silent()
	if n := r.count("b2bua_sip_refused_total", "unknown_source"); n != 6 {
		t.Errorf("%d strangers counted", n)
	}
	r.host.none()
	r.noLegs()
}

// Rubbish is answered where it can be, and only to those we know.
func TestMalformed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stranger := siptest.New(t, strangerIP)
	text := func(p *siptest.Peer) string {
		return "INVITE " + r.uri() + " SIP/2.0\nVia: SIP/2.0/UDP " + p.Addr().String() + ";branch=z9hG4bKbad;rport\n" +
			"From: <sip:a@b>;tag=1\nTo: <sip:c@d>\nCall-ID: bad\nCSeq: 1 OPTIONS\nMax-Forwards: 70\nContent-Length: 0\n\n"
	}
	stranger.Write(r.server, text(stranger))
	stranger.Write(r.server, "\n\n")
	stranger.Write(r.server, "rubbish")
	r.caller.Write(r.server, "rubbish")
	r.caller.Write(r.server, strings.Replace(text(r.caller), "INVITE", "ACK", 1))
	r.caller.Write(r.server, text(r.caller))
	r.caller.Expect("400")
	r.caller.Silent()
	stranger.Silent()
	if n := r.count("b2bua_sip_malformed_total"); n != 5 {
		t.Errorf("%d malformed counted", n)
	}
	r.host.none()
}

// A response that names another Via, or more than ours, is none of ours.
func TestForeignResponses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.dial()
	invite := r.gate.Fresh("INVITE")
	foreign := r.gate.Respond(invite, 200, "g", nil)
	foreign.Vias = []sipmsg.Via{r.gate.Via()}
	r.gate.Send(r.server, foreign)
	two := r.gate.Respond(invite, 200, "g", nil)
	two.Vias = append(invite.Vias[:1:1], r.gate.Via())
	r.gate.Send(r.server, two)
	unknown := r.gate.Respond(invite, 486, "g", nil)
	unknown.Vias = []sipmsg.Via{{Raw: "SIP/2.0/UDP " + r.server.String() + ";branch=z9hG4bKb000u8gitcp7m3rnhvke4okje"}}
	r.gate.Send(r.server, unknown)
	r.gate.Send(r.server, r.gate.Respond(invite, 180, "g", nil))
	r.host.expect(legs.Progress)
	r.host.none()
	if n := r.count("b2bua_sip_strays_total", "response"); n != 3 {
		t.Errorf("%d stray responses counted", n)
	}
}
