package legs_test

import (
	"strings"
	"testing"

	"b2bua/internal/siptest"
	"b2bua/legs"
	"b2bua/legs/shard"
	"b2bua/legs/sipmsg"
)

func TestInviteIsAnswered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	invite, in := r.call("uas-1")
	trying := r.caller.Next()
	if trying.Status != 100 || trying.To.Tag() != "" {
		t.Errorf("first: %s, tag %q; want 100 without a tag", siptest.Describe(trying), trying.To.Tag())
	}
	if in.inv.Trunk != "pbx" || in.inv.Source != r.caller.Addr() || in.inv.RequestURI != r.uri() || in.inv.MaxForwards != 70 {
		t.Errorf("the handler got %+v", in.inv)
	}
	r.on(in.shard, func(*legs.Core) {
		in.leg.Progress(180, false, nil, legs.Body{})
		in.leg.Progress(183, false, []sipmsg.Header{{Name: "Subject", Value: "x"}}, legs.Body{Type: "application/sdp", Data: []byte("v=0\r\n")})
		in.leg.Answer(false, nil, legs.Body{Type: "application/sdp", Data: []byte("v=1\r\n")})
	})
	ringing, progress, ok := r.caller.Expect("180"), r.caller.Expect("183"), r.caller.Expect("200 INVITE")
	for _, m := range []*sipmsg.Message{ringing, progress, ok} {
		if _, id, ours := shard.Owner(m.To.Tag()); !ours || id != in.shard || m.To.Tag() != ok.To.Tag() {
			t.Errorf("%d: To tag %q", m.Status, m.To.Tag())
		}
		if len(m.Contacts) != 1 || m.Contacts[0].URI.HostPort() != r.server.String() {
			t.Errorf("%d: Contact %v", m.Status, m.Contacts)
		}
		if m.Header("Allow") == "" || m.Header("Server") != "b2bua" {
			t.Errorf("%d: headers %v", m.Status, m.Headers)
		}
	}
	if progress.Header("Subject") != "x" || string(progress.Body) != "v=0\r\n" || string(ok.Body) != "v=1\r\n" || ok.ContentType != "application/sdp" {
		t.Errorf("bodies or headers lost: %+v %+v", progress, ok)
	}
	r.caller.Send(r.server, r.caller.Request("ACK", 1, invite, ok))
	r.host.expect(legs.Acked)
	r.caller.Send(r.server, r.caller.Request("BYE", 2, invite, ok))
	r.caller.Expect("200 BYE")
	r.host.expect(legs.Bye)
	r.host.expect(legs.Ended)
	r.noLegs()
	if n := r.count("b2bua_legs_total", "inbound"); n != 1 {
		t.Errorf("%d legs counted", n)
	}
	if n := r.count("b2bua_legs_ended_total"); n != 1 {
		t.Errorf("%d ended legs counted", n)
	}
}

// RFC 3261 §13.3.1.4: the 2xx again and again until the ACK, then no more.
func TestAnswerIsRepeatedUntilAck(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	invite, in := r.call("uas-2")
	r.on(in.shard, func(*legs.Core) { in.leg.Answer(false, nil, legs.Body{}) })
	ok := r.caller.Expect("200 INVITE")
	for range 3 {
		if again := r.caller.Expect("200 INVITE"); again.To.Tag() != ok.To.Tag() {
			t.Errorf("repeated with tag %q, first %q", again.To.Tag(), ok.To.Tag())
		}
	}
	r.caller.Send(r.server, invite) // the request again: absorbed, RFC 6026
	r.caller.Send(r.server, r.caller.Request("ACK", 1, invite, ok))
	r.host.expect(legs.Acked)
	r.caller.Send(r.server, r.caller.Request("ACK", 1, invite, ok))
	r.hangup(in.shard, in.leg)
	bye := r.caller.Expect("BYE")
	r.caller.Send(r.server, r.caller.Respond(bye, 200, "", nil))
	r.host.expect(legs.Ended)
	if n := r.count("b2bua_sip_retransmissions_total", "sent"); n < 3 {
		t.Errorf("%d retransmissions counted", n)
	}
	r.host.none()
}

func TestAnswerNeverAcknowledged(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *rig, c *legs.Config) { c.Timers = brief })
	invite, in := r.call("uas-3")
	r.on(in.shard, func(*legs.Core) { in.leg.Answer(false, nil, legs.Body{}) })
	r.caller.Expect("200 INVITE")
	bye := r.caller.Await("BYE")
	if bye.From.Tag() == "" || bye.To.Tag() != invite.From.Tag() || !strings.Contains(bye.Header("Reason"), "408") {
		t.Errorf("BYE %+v", bye)
	}
	r.host.expect(legs.AckLost)
	r.caller.Send(r.server, r.caller.Respond(bye, 200, "", nil))
	r.host.expect(legs.Ended)
	r.idle()
}

// An ACK of a 2xx has a branch of its own; some peers reuse the INVITE's.
func TestAckOnEitherBranch(t *testing.T) {
	t.Parallel()
	for name, same := range map[string]bool{"own branch": false, "branch of the INVITE": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			invite, in := r.call("uas-4")
			r.on(in.shard, func(*legs.Core) { in.leg.Answer(false, nil, legs.Body{}) })
			ok := r.caller.Expect("200 INVITE")
			ack := r.caller.Request("ACK", 1, invite, ok)
			if same {
				ack.Vias = invite.Vias
			}
			ack.ContentType, ack.Body = "application/sdp", []byte("v=0\r\n")
			r.caller.Send(r.server, ack)
			if ev := r.host.expect(legs.Acked); ev.ContentType != "application/sdp" || string(ev.Body) != "v=0\r\n" {
				t.Errorf("event %+v", ev)
			}
			r.hangup(in.shard, in.leg)
			r.caller.Expect("BYE")
		})
	}
}

// An ACK with another number, or from another dialog, acknowledges nothing.
func TestAckOfSomethingElse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	invite, in := r.call("uas-5")
	r.on(in.shard, func(*legs.Core) { in.leg.Answer(false, nil, legs.Body{}) })
	ok := r.caller.Expect("200 INVITE")
	r.caller.Send(r.server, r.caller.Request("ACK", 7, invite, ok))
	other := r.caller.Request("ACK", 1, invite, ok)
	other.CallID = "another"
	r.caller.Send(r.server, other)
	r.caller.Expect("200 INVITE") // still repeated
	r.caller.Send(r.server, r.caller.Request("ACK", 1, invite, ok))
	r.host.expect(legs.Acked)
	r.host.none()
}

func TestInviteIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	invite, in := r.call("uas-6")
	r.on(in.shard, func(*legs.Core) {
		in.leg.Progress(180, false, nil, legs.Body{})
		in.leg.Refuse(486, "Engaged", []sipmsg.Header{{Name: "Reason", Value: "Q.850;cause=17"}})
		in.leg.Refuse(500, "", nil)                  // too late: nothing
		in.leg.Progress(183, true, nil, legs.Body{}) // likewise
		in.leg.Answer(true, nil, legs.Body{})
		in.leg.Hangup("")
	})
	r.host.expect(legs.Ended)
	ringing, busy := r.caller.Expect("180"), r.caller.Expect("486")
	if busy.To.Tag() != ringing.To.Tag() || busy.Reason != "Engaged" || busy.Header("Reason") != "Q.850;cause=17" {
		t.Errorf("refused with %+v", busy)
	}
	r.caller.Expect("486") // until the ACK
	r.caller.Send(r.server, r.caller.Ack(invite, busy))
	r.caller.Send(r.server, invite) // absorbed
	r.noLegs()
	r.idle()
	r.caller.Silent()
	r.host.none()
}

func TestHangupBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, in := r.call("uas-7")
	r.on(in.shard, func(*legs.Core) { in.leg.Hangup("Q.850;cause=16") })
	if m := r.caller.Expect("480"); m.Header("Reason") != "Q.850;cause=16" {
		t.Errorf("Reason %q", m.Header("Reason"))
	}
	r.host.expect(legs.Ended)
	r.noLegs()
}

// RFC 3261 §15: the callee's UA must not send BYE before the ACK has come.
func TestHangupBeforeTheAck(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	invite, in := r.call("uas-8")
	r.on(in.shard, func(*legs.Core) {
		in.leg.Answer(false, nil, legs.Body{})
		in.leg.Hangup("Q.850;cause=16")
	})
	ok := r.caller.Expect("200 INVITE")
	r.caller.Expect("200 INVITE")
	r.caller.Silent()
	r.caller.Send(r.server, r.caller.Request("ACK", 1, invite, ok))
	bye := r.caller.Expect("BYE")
	if bye.Header("Reason") != "Q.850;cause=16" {
		t.Errorf("Reason %q", bye.Header("Reason"))
	}
	r.caller.Send(r.server, r.caller.Respond(bye, 200, "", nil))
	r.host.expect(legs.Ended)
	r.host.none()
}

// Every answer that contradicts an earlier one opens an early dialog of its
// own, and requests may name any of them.
func TestEarlyDialogs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	invite, in := r.call("uas-9")
	r.on(in.shard, func(*legs.Core) {
		in.leg.Progress(183, false, nil, legs.Body{})
		in.leg.Progress(183, true, nil, legs.Body{})
		in.leg.Progress(180, false, nil, legs.Body{})
	})
	first, second, third := r.caller.Expect("183"), r.caller.Expect("183"), r.caller.Expect("180")
	if first.To.Tag() == second.To.Tag() || second.To.Tag() != third.To.Tag() {
		t.Fatalf("tags %q %q %q", first.To.Tag(), second.To.Tag(), third.To.Tag())
	}
	for i, m := range []*sipmsg.Message{first, second} {
		r.caller.Send(r.server, r.caller.Request("OPTIONS", uint32(10+i), invite, m))
		r.caller.Expect("200 OPTIONS")
	}
	r.on(in.shard, func(*legs.Core) { in.leg.Answer(true, nil, legs.Body{}) })
	ok := r.caller.Expect("200 INVITE")
	if ok.To.Tag() == first.To.Tag() || ok.To.Tag() == second.To.Tag() {
		t.Errorf("answered with an old tag %q", ok.To.Tag())
	}
	r.caller.Send(r.server, r.caller.Request("ACK", 1, invite, ok))
	r.host.expect(legs.Acked)
	r.caller.Send(r.server, r.caller.Request("BYE", 20, invite, first)) // gone with the answer
	r.caller.Expect("481 BYE")
	r.caller.Send(r.server, r.caller.Request("BYE", 20, invite, ok))
	r.caller.Expect("200 BYE")
	r.host.expect(legs.Bye)
	r.host.expect(legs.Ended)
	r.noLegs()
}

// A caller may end an early dialog with BYE (RFC 3261 §15).
func TestByeInAnEarlyDialog(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	invite, in := r.call("uas-10")
	r.on(in.shard, func(*legs.Core) {
		in.leg.Progress(183, false, nil, legs.Body{})
		in.leg.Progress(183, true, nil, legs.Body{})
	})
	first, second := r.caller.Expect("183"), r.caller.Expect("183")
	bye := r.caller.Request("BYE", 2, invite, first)
	bye.Headers = []sipmsg.Header{{Name: "Reason", Value: "SIP;cause=200"}}
	r.caller.Send(r.server, bye)
	r.caller.Expect("200 BYE")
	if m := r.caller.Expect("487 INVITE"); m.To.Tag() != second.To.Tag() {
		t.Errorf("487 with tag %q, want %q", m.To.Tag(), second.To.Tag())
	}
	if ev := r.host.expect(legs.Cancelled); ev.Reason != "SIP;cause=200" {
		t.Errorf("Reason %q", ev.Reason)
	}
	r.host.expect(legs.Ended)
	r.noLegs()
}

// A BYE that overtakes the ACK is answered, and the 2xx is repeated no more.
func TestByeBeforeTheAck(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *rig, c *legs.Config) { c.Timers = brief })
	invite, in := r.call("uas-11")
	r.on(in.shard, func(*legs.Core) { in.leg.Answer(false, nil, legs.Body{}) })
	ok := r.caller.Expect("200 INVITE")
	r.caller.Send(r.server, r.caller.Request("BYE", 2, invite, ok))
	r.caller.Expect("200 BYE")
	r.caller.Send(r.server, r.caller.Request("ACK", 1, invite, ok))
	r.host.expect(legs.Bye)
	r.host.expect(legs.Ended)
	r.noLegs()
	r.idle()
	r.caller.Silent()
	r.host.none()
}
