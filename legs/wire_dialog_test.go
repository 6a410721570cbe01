package legs_test

import (
	"strconv"
	"testing"

	"b2bua/legs"
	"b2bua/legs/sipmsg"
)

// What is answered inside a dialog without a bridge being asked, on both sides.
func TestInsideADialog(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	invite, ok, _ := r.answered("dialog-1")
	_, ours, theirs := r.talking("g")
	r.host.none()
	tests := []struct {
		method string
		status int
	}{
		{"OPTIONS", 200}, {"UPDATE", 405}, {"INFO", 405}, {"FROBNICATE", 501},
	}
	for i, tt := range tests {
		cseq := uint32(10 + i)
		m := r.caller.Request(tt.method, cseq, invite, ok)
		r.caller.Send(r.server, m)
		got := r.caller.Expect(strconv.Itoa(tt.status) + " " + tt.method)
		back := r.gate.UASRequest(tt.method, cseq, ours, theirs)
		r.gate.Send(r.server, back)
		other := r.gate.Expect(strconv.Itoa(tt.status) + " " + tt.method)
		if tt.status == 405 || tt.method == "OPTIONS" {
			if got.Header("Allow") == "" || other.Header("Allow") == "" {
				t.Errorf("%s: no Allow", tt.method)
			}
		}
	}
	r.host.none() // the calls are as they were
	r.caller.Send(r.server, r.caller.Request("BYE", 20, invite, ok))
	r.caller.Expect("200 BYE")
	r.host.expect(legs.Bye)
	r.host.expect(legs.Ended)
	r.gate.Send(r.server, r.gate.UASRequest("BYE", 20, ours, theirs))
	r.gate.Expect("200 BYE")
	r.host.expect(legs.Bye)
	r.host.expect(legs.Ended)
	r.noLegs()
}

// A second INVITE before the first is settled: 500 with Retry-After while we owe
// the answer, 491 while ours is outstanding (RFC 3261 §14.2). One that overtakes
// the ACK is as good as that.
func TestReinviteTooEarly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	invite, in := r.call("dialog-2")
	r.on(in.shard, func(*legs.Core) { in.leg.Progress(183, false, nil, legs.Body{}) })
	early := r.caller.Expect("183")
	again := r.caller.Request("INVITE", 2, invite, early)
	r.caller.Send(r.server, again)
	m := r.caller.Expect("500 INVITE")
	if n, err := strconv.Atoi(m.Header("Retry-After")); err != nil || n < 0 || n > 10 {
		t.Errorf("Retry-After %q", m.Header("Retry-After"))
	}
	r.caller.Send(r.server, r.caller.Ack(again, m))
	r.on(in.shard, func(*legs.Core) { in.leg.Answer(false, nil, legs.Body{}) })
	ok := r.caller.Expect("200 INVITE")
	again = r.caller.Request("INVITE", 3, invite, ok)
	r.caller.Send(r.server, again)
	r.host.expect(legs.Acked)
	r.host.expect(legs.Reoffered)
	r.on(in.shard, func(*legs.Core) { in.leg.Rerefuse(488, nil) })
	r.caller.Send(r.server, r.caller.Ack(again, r.caller.Expect("488 INVITE")))

	leg := r.dial()
	ours := r.gate.Fresh("INVITE")
	ringing := r.gate.Respond(ours, 183, "g", nil)
	r.gate.Send(r.server, ringing)
	r.host.expect(legs.Progress)
	r.gate.Send(r.server, r.gate.UASRequest("INVITE", 5, ours, ringing))
	r.gate.Expect("491 INVITE")
	r.gate.Send(r.server, r.gate.UASRequest("OPTIONS", 6, ours, ringing)) // not 481: the dialog is there
	r.gate.Await("200 OPTIONS")
	r.hangup(out, leg)
	r.gate.Await("CANCEL")
}

// RFC 3261 §12.2.2: a request that is older than the last one is refused.
func TestCSeqOutOfOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	invite, ok, _ := r.answered("dialog-3")
	_, ours, theirs := r.talking("g")
	r.caller.Send(r.server, r.caller.Request("INFO", 10, invite, ok))
	r.caller.Expect("405 INFO")
	r.gate.Send(r.server, r.gate.UASRequest("INFO", 10, ours, theirs))
	r.gate.Expect("405 INFO")
	for _, cseq := range []uint32{10, 9} {
		r.caller.Send(r.server, r.caller.Request("BYE", cseq, invite, ok))
		r.caller.Expect("500 BYE")
		r.gate.Send(r.server, r.gate.UASRequest("INFO", cseq, ours, theirs))
		r.gate.Expect("500 INFO")
	}
	r.host.none()
	r.caller.Send(r.server, r.caller.Request("BYE", 11, invite, ok))
	r.caller.Expect("200 BYE")
}

// After BYE there is no dialog: 481 at once, not silence.
func TestRequestAfterBye(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	invite, ok, _ := r.answered("dialog-4")
	bye := r.caller.Request("BYE", 2, invite, ok)
	r.caller.Send(r.server, bye)
	first := r.caller.Expect("200 BYE")
	r.host.expect(legs.Bye)
	r.host.expect(legs.Ended)
	r.caller.Send(r.server, bye) // a retransmission is absorbed and answered the same
	if again := r.caller.Next(); again.Status != 200 || again.To.Tag() != first.To.Tag() {
		t.Errorf("again: %+v", again)
	}
	for i, method := range []string{"BYE", "INVITE", "OPTIONS", "INFO"} {
		m := r.caller.Request(method, uint32(3+i), invite, ok)
		r.caller.Send(r.server, m)
		r.caller.Expect("481 " + method)
	}
	r.caller.Send(r.server, r.caller.Request("ACK", 1, invite, ok)) // to nobody
	r.caller.Send(r.server, r.caller.Outside("OPTIONS", r.uri(), "1000", "fence"))
	r.caller.Expect("200 OPTIONS")
	r.caller.Silent()
	r.host.none()
}

// Both sides hang up at once: each BYE is answered, the leg ends once.
func TestByeCrossing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	invite, ok, in := r.answered("dialog-5")
	r.hangup(in.shard, in.leg)
	ours := r.caller.Expect("BYE")
	reinvite := r.caller.Request("INVITE", 2, invite, ok)
	r.caller.Send(r.server, reinvite) // there is nothing left to change
	r.caller.Send(r.server, r.caller.Ack(reinvite, r.caller.Expect("481 INVITE")))
	r.caller.Send(r.server, r.caller.Request("BYE", 3, invite, ok))
	r.caller.Expect("200 BYE")
	r.host.none()
	r.caller.Send(r.server, r.caller.Respond(ours, 481, "", nil)) // as good as 200
	r.host.expect(legs.Ended)
	r.noLegs()

	leg, invite2, ok2 := r.talking("g")
	r.hangup(out, leg)
	ours = r.gate.Expect("BYE")
	r.gate.Send(r.server, r.gate.UASRequest("BYE", 9, invite2, ok2))
	r.gate.Expect("200 BYE")
	r.gate.Send(r.server, r.gate.Respond(ours, 200, "", nil))
	r.host.expect(legs.Ended)
	r.host.none()
	r.noLegs()
}

// A 100 to our BYE is not its end; silence is, after 64*T1.
func TestByeIsNotAnswered(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *rig, c *legs.Config) { c.Timers = brief })
	leg, _, _ := r.talking("g")
	r.hangup(out, leg)
	bye := r.gate.Expect("BYE")
	r.gate.Send(r.server, r.gate.Respond(bye, 100, "", nil))
	r.gate.Expect("BYE")
	r.host.expect(legs.Ended)
	r.host.none()
	r.idle()
}

// The called side may hang up between its 2xx and our ACK.
func TestByeBeforeOurAck(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	leg := r.dial()
	invite := r.gate.Fresh("INVITE")
	ok := r.gate.Respond(invite, 200, "g", nil)
	r.gate.Send(r.server, ok)
	r.host.expect(legs.Accepted)
	r.gate.Send(r.server, r.gate.UASRequest("BYE", 1, invite, ok))
	r.gate.Await("200 BYE")
	r.gate.Await("ACK") // the 2xx is acknowledged all the same
	r.host.expect(legs.Bye)
	r.host.expect(legs.Ended)
	r.on(out, func(*legs.Core) { leg.Ack(legs.Body{}); leg.Hangup("") }) // too late: nothing
	r.gate.Silent()
	r.host.none()
	r.noLegs()
}

// Requests go to the peer's Contact, along its route set.
func TestRouteSets(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	loose := "<sip:" + r.caller.Addr().String() + ";lr>"
	invite := r.caller.Invite(r.uri(), "1000", "route-1", nil)
	invite.RecordRoutes = []sipmsg.Address{{Raw: loose}, {Raw: "<sip:second.invalid;lr>;x=1"}}
	invite.Contacts = []sipmsg.Address{{Raw: "<sip:deep@10.9.9.9:7777;ob>"}}
	r.caller.Send(r.server, invite)
	in := r.host.invite()
	r.on(in.shard, func(*legs.Core) { in.leg.Answer(false, nil, legs.Body{}) })
	ok := r.caller.Expect("200 INVITE")
	if len(ok.RecordRoutes) != 2 || ok.RecordRoutes[0].Raw != loose || ok.RecordRoutes[1].Raw != "<sip:second.invalid;lr>;x=1" {
		t.Errorf("Record-Route %v", ok.RecordRoutes)
	}
	r.caller.Send(r.server, r.caller.Request("ACK", 1, invite, ok))
	r.host.expect(legs.Acked)
	r.hangup(in.shard, in.leg)
	bye := r.caller.Expect("BYE") // by the first route, not to the Contact
	if bye.RequestURI != "sip:deep@10.9.9.9:7777;ob" || len(bye.Routes) != 2 || bye.Routes[0].Raw != loose || bye.Routes[1].Raw != "<sip:second.invalid;lr>;x=1" {
		t.Errorf("BYE %s, Route %v", bye.RequestURI, bye.Routes)
	}
	r.caller.Send(r.server, r.caller.Respond(bye, 200, "", nil))
	r.host.expect(legs.Ended)

	leg := r.dial()
	ours := r.gate.Fresh("INVITE")
	answer := r.gate.Respond(ours, 200, "g", nil)
	// Nearest to the callee first; what is nearest to us is a strict router.
	strict := "sip:" + r.gate.Addr().String()
	answer.RecordRoutes = []sipmsg.Address{{Raw: "<sip:far.invalid;lr>"}, {Raw: "<" + strict + ">"}}
	answer.Contacts = []sipmsg.Address{{Raw: "<sip:callee@10.9.9.9>"}}
	r.gate.Send(r.server, answer)
	r.host.expect(legs.Accepted)
	r.on(out, func(*legs.Core) { leg.Ack(legs.Body{}) })
	ack := r.gate.Expect("ACK")
	if ack.RequestURI != strict || len(ack.Routes) != 2 || ack.Routes[0].Raw != "<sip:far.invalid;lr>" || ack.Routes[1].Raw != "<sip:callee@10.9.9.9>" {
		t.Errorf("ACK %s, Route %v", ack.RequestURI, ack.Routes)
	}
}
