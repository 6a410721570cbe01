package legs_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"b2bua/internal/siptest"
	"b2bua/legs"
	"b2bua/legs/resolve"
	"b2bua/legs/sipmsg"
)

func TestOutboundCall(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	leg := r.dial(func(_ *legs.Peer, c *legs.Call) { c.Headers = []sipmsg.Header{{Name: "Subject", Value: "x"}} })
	invite := r.gate.Fresh("INVITE")
	if invite.MaxForwards != 69 || invite.Header("Subject") != "x" || invite.Header("User-Agent") != "b2bua" || invite.Header("Allow") == "" ||
		len(invite.Contacts) != 1 || len(invite.Vias) != 1 || invite.From.Tag() == "" || invite.To.Tag() != "" || len(invite.Body) == 0 {
		t.Errorf("INVITE %+v", invite)
	}
	r.on(out, func(*legs.Core) {
		if leg.Target() != r.gate.Addr() || leg.Dialog.CallID != invite.CallID {
			t.Errorf("target %v, Call-ID %s", leg.Target(), leg.Dialog.CallID)
		}
	})
	r.gate.Send(r.server, r.gate.Respond(invite, 100, "", nil))
	ringing := r.gate.Respond(invite, 183, "g", []byte("v=0\r\n"))
	ringing.Headers = []sipmsg.Header{{Name: "Alert-Info", Value: "<http://x>"}}
	r.gate.Send(r.server, ringing)
	ev := r.host.expect(legs.Progress)
	if ev.Leg != leg || ev.Status != 183 || ev.Tag != "g" || string(ev.Body) != "v=0\r\n" || len(ev.Headers) != 1 || ev.owner.(*party).name != "called" {
		t.Errorf("event %+v", ev)
	}
	ok := r.gate.Respond(invite, 200, "g", []byte("v=1\r\n"))
	r.gate.Send(r.server, ok)
	if ev := r.host.expect(legs.Accepted); ev.Status != 200 || ev.Tag != "g" || string(ev.Body) != "v=1\r\n" {
		t.Errorf("event %+v", ev)
	}
	r.gate.Send(r.server, ok) // again, before anybody has acknowledged it
	r.on(out, func(*legs.Core) { leg.Ack(legs.Body{Type: "application/sdp", Data: []byte("v=2\r\n")}) })
	ack := r.gate.Expect("ACK")
	if ack.CSeq != invite.CSeq || ack.To.Tag() != "g" || ack.From.Raw != invite.From.Raw || ack.Vias[0].Branch() == invite.Vias[0].Branch() ||
		ack.RequestURI != ok.Contacts[0].URI.String() || string(ack.Body) != "v=2\r\n" {
		t.Errorf("ACK %+v", ack)
	}
	r.gate.Send(r.server, ok)
	if again := r.gate.Expect("ACK"); again.Vias[0].Raw != ack.Vias[0].Raw || string(again.Body) != "v=2\r\n" {
		t.Errorf("ACK again %+v", again)
	}
	r.host.none()
	r.hangup(out, leg)
	bye := r.gate.Expect("BYE")
	if bye.CSeq != invite.CSeq+1 || bye.To.Tag() != "g" || bye.CallID != invite.CallID {
		t.Errorf("BYE %+v", bye)
	}
	r.gate.Send(r.server, r.gate.Respond(bye, 200, "", nil))
	r.host.expect(legs.Ended)
	r.noLegs()
	r.host.none()
}

// Every class of refusal is acknowledged on the INVITE's branch, again for
// every copy, and reported once.
func TestOutboundRefused(t *testing.T) {
	t.Parallel()
	for _, status := range []int{302, 404, 503, 603} {
		t.Run(sipmsg.ReasonPhrase(status), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(_ *rig, c *legs.Config) { c.Timers.D = 10 * fast.T1 })
			r.dial()
			invite := r.gate.Fresh("INVITE")
			no := r.gate.Respond(invite, status, "g", nil)
			no.Headers = []sipmsg.Header{{Name: "Reason", Value: "Q.850;cause=1"}}
			for range 2 {
				r.gate.Send(r.server, no)
				ack := r.gate.Expect("ACK")
				if ack.Vias[0].Raw != invite.Vias[0].Raw || ack.To.Tag() != "g" || ack.RequestURI != invite.RequestURI || ack.CSeq != invite.CSeq {
					t.Errorf("ACK %+v", ack)
				}
			}
			if ev := r.host.expect(legs.Refused); ev.Status != status || ev.Cause != legs.ByResponse || ev.Headers[0].Value != "Q.850;cause=1" {
				t.Errorf("event %+v", ev)
			}
			r.host.expect(legs.Ended)
			r.host.none()
			r.noLegs()
			r.idle()
		})
	}
}

// A forked INVITE: every 2xx is acknowledged, all but the first are ended
// (RFC 3261 §13.2.2.4).
func TestForkedAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	leg := r.dial()
	invite := r.gate.Fresh("INVITE")
	for _, tag := range []string{"a", "b"} {
		r.gate.Send(r.server, r.gate.Respond(invite, 180, tag, nil))
		if ev := r.host.expect(legs.Progress); ev.Tag != tag {
			t.Errorf("tag %q, want %q", ev.Tag, tag)
		}
	}
	other := siptest.New(t, siblingIP)
	r.gate.Send(r.server, r.gate.Respond(invite, 200, "b", nil))
	r.host.expect(legs.Accepted)
	loser := other.Respond(invite, 200, "a", nil)
	other.Send(r.server, loser)
	ack, bye := other.Expect("ACK"), other.Expect("BYE")
	if ack.To.Tag() != "a" || ack.CSeq != invite.CSeq {
		t.Errorf("ACK %+v", ack)
	}
	other.Send(r.server, loser)
	other.Expect("ACK")
	if bye.To.Tag() != "a" || bye.RequestURI != loser.Contacts[0].URI.String() {
		t.Errorf("BYE %+v", bye)
	}
	other.Send(r.server, other.Respond(bye, 200, "", nil))
	r.on(out, func(*legs.Core) { leg.Ack(legs.Body{}) })
	if ack := r.gate.Expect("ACK"); ack.To.Tag() != "b" {
		t.Errorf("ACK %+v", ack)
	}
	r.gate.Silent()
	other.Silent()
	r.host.none()
	r.on(out, func(*legs.Core) {
		if leg.State() != legs.Confirmed {
			t.Errorf("state %v", leg.State())
		}
	})
}

// Nobody answers at all: the attempt is over after 64*T1.
func TestOutboundTimeout(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *rig, c *legs.Config) { c.Timers = brief })
	r.dial()
	r.gate.Expect("INVITE")
	if ev := r.host.expect(legs.Refused); ev.Cause != legs.ByTimeout || ev.Status != 408 {
		t.Errorf("event %+v", ev)
	}
	r.host.expect(legs.Ended)
	r.idle()
}

// Somebody rings for ever: timer C ends it with CANCEL, and a 200 that comes
// then is acknowledged and ended.
func TestOutboundRingsForEver(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *rig, c *legs.Config) { c.Timers.C = 2 * fast.T1 })
	r.dial()
	invite := r.gate.Fresh("INVITE")
	r.gate.Send(r.server, r.gate.Respond(invite, 180, "g", nil))
	r.host.expect(legs.Progress)
	r.gate.Expect("CANCEL")
	if ev := r.host.expect(legs.Refused); ev.Cause != legs.ByTimeout || ev.Status != 408 {
		t.Errorf("event %+v", ev)
	}
	r.gate.Send(r.server, r.gate.Respond(invite, 200, "g", nil))
	r.gate.Expect("ACK")
	r.gate.Send(r.server, r.gate.Respond(r.gate.Expect("BYE"), 200, "", nil))
	r.host.expect(legs.Ended)
	r.host.none()
}

// What the kernel refuses to send is a transport error at once: hunting must
// not wait for timer B.
func TestUnreachableGateway(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.dial(func(p *legs.Peer, _ *legs.Call) { p.Address = netip.MustParseAddrPort("192.0.2.1:5060") })
	if ev := r.host.expect(legs.Refused); ev.Cause != legs.ByTransport || ev.Status != 503 {
		t.Errorf("event %+v", ev)
	}
	r.host.expect(legs.Ended)
	r.host.none()
	r.idle()
}

// A BYE that cannot be sent does not hold the leg.
func TestUnreachableContact(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	leg := r.dial()
	invite := r.gate.Fresh("INVITE")
	ok := r.gate.Respond(invite, 200, "g", nil)
	ok.Contacts = []sipmsg.Address{{Raw: "<sip:callee@192.0.2.1>"}}
	r.gate.Send(r.server, ok)
	r.host.expect(legs.Accepted)
	r.on(out, func(*legs.Core) { leg.Ack(legs.Body{}); leg.Hangup("") })
	r.host.expect(legs.Ended)
	r.host.none()
	r.noLegs()
}

// An INVITE that cannot be written is a transport error, not a crash.
func TestInviteThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.dial(func(_ *legs.Peer, c *legs.Call) { c.Headers = []sipmsg.Header{{Name: "Subject", Value: "a\r\nb"}} })
	if ev := r.host.expect(legs.Refused); ev.Cause != legs.ByTransport {
		t.Errorf("event %+v", ev)
	}
	r.host.expect(legs.Ended)
	r.gate.Silent()
	r.idle()
}

// A Contact with a host name is looked up, and what is sent meanwhile keeps
// its order: the ACK before the BYE.
func TestContactWithAHostName(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan string, 8), make(chan struct{})
	other := siptest.New(t, siblingIP)
	r := newRig(t, func(_ *rig, c *legs.Config) {
		c.Resolver = resolve.New(resolve.Config{Lookup: func(_ context.Context, _, host string) ([]netip.Addr, error) {
			asked <- host
			<-answer
			if host == "nowhere.invalid" {
				return nil, errors.New("no such host")
			}
			return []netip.Addr{netip.MustParseAddr("::1"), other.Addr().Addr()}, nil
		}})
	})
	talk := func(host string, port uint16) {
		leg := r.dial()
		invite := r.gate.Fresh("INVITE")
		ok := r.gate.Respond(invite, 200, "g", nil)
		ok.Contacts = []sipmsg.Address{{Raw: fmt.Sprintf("<sip:callee@%s:%d>", host, port)}}
		r.gate.Send(r.server, ok)
		r.host.expect(legs.Accepted)
		r.on(out, func(*legs.Core) { leg.Ack(legs.Body{}); leg.Hangup("") })
		if got := <-asked; got != host {
			t.Errorf("asked for %q", got)
		}
	}
	talk("callee.invalid", other.Addr().Port())
	close(answer)
	other.Expect("ACK")
	other.Send(r.server, other.Respond(other.Expect("BYE"), 200, "", nil))
	r.host.expect(legs.Ended)

	// What nobody can look up is reached where the INVITE went.
	talk("nowhere.invalid", 5060)
	r.gate.Expect("ACK")
	r.gate.Send(r.server, r.gate.Respond(r.gate.Expect("BYE"), 200, "", nil))
	r.host.expect(legs.Ended)
	r.host.none()
	r.gate.Silent()
	r.noLegs()
}
