package legs_test

import (
	"strings"
	"testing"

	"b2bua/internal/siptest"
	"b2bua/legs"
)

// Responses that come after the INVITE was decided move nothing, and whoever
// waits for an ACK gets it.
func TestLateResponses(t *testing.T) {
	t.Parallel()

	t.Run("after an answer", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		leg, invite, ok := r.talking("g")
		for _, status := range []int{100, 180, 183, 486, 603} {
			r.gate.Send(r.server, r.gate.Respond(invite, status, "g", nil))
		}
		r.gate.Send(r.server, ok)
		r.gate.Expect("ACK")
		r.fence(r.gate, r.server)
		r.gate.Silent()
		r.host.none()
		r.on(out, func(*legs.Core) {
			if leg.State() != legs.Confirmed {
				t.Errorf("state %v", leg.State())
			}
		})
	})

	t.Run("after a refusal", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.dial()
		invite := r.gate.Fresh("INVITE")
		r.gate.Send(r.server, r.gate.Respond(invite, 486, "g", nil))
		r.gate.Expect("ACK")
		r.host.expect(legs.Refused)
		r.host.expect(legs.Ended)
		for _, status := range []int{180, 503} { // 503: somebody else's opinion
			r.gate.Send(r.server, r.gate.Respond(invite, status, "h", nil))
		}
		r.gate.Expect("ACK")
		r.gate.Send(r.server, r.gate.Respond(invite, 200, "i", nil)) // no call of anybody's
		if ack, bye := r.gate.Expect("ACK"), r.gate.Expect("BYE"); ack.To.Tag() != "i" || bye.To.Tag() != "i" {
			t.Errorf("ACK %+v\nBYE %+v", ack, bye)
		}
		r.fence(r.gate, r.server)
		r.host.none()
		r.noLegs()
	})

	t.Run("after BYE", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		leg, invite, ok := r.talking("g")
		r.hangup(out, leg)
		bye := r.gate.Expect("BYE")
		for _, status := range []int{200, 481, 200} {
			r.gate.Send(r.server, r.gate.Respond(bye, status, "", nil))
		}
		r.host.expect(legs.Ended)
		r.gate.Send(r.server, ok) // its ACK was lost, or so it says after its 200 to BYE
		r.gate.Expect("ACK")
		r.gate.Send(r.server, r.gate.Respond(r.gate.Expect("BYE"), 481, "", nil))
		r.gate.Send(r.server, r.gate.Respond(invite, 486, "g", nil))
		r.fence(r.gate, r.server)
		r.gate.Silent()
		r.host.none()
		r.noLegs()
	})
}

// Responses that match no request of ours to the letter of RFC 3261 §17.1.3.
func TestResponsesThatMatchNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.dial()
	invite := r.gate.Fresh("INVITE")
	raw, err := r.gate.Respond(invite, 200, "g", nil).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	via := "Via: " + invite.Vias[0].Raw
	for name, replace := range map[string]*strings.Replacer{
		"method":         strings.NewReplacer("1 INVITE", "1 BYE"),
		"CANCEL":         strings.NewReplacer("1 INVITE", "1 CANCEL"),
		"branch":         strings.NewReplacer(invite.Vias[0].Branch(), "z9hG4bKforeign"),
		"last character": strings.NewReplacer(invite.Vias[0].Branch(), invite.Vias[0].Branch()[:len(invite.Vias[0].Branch())-1]+"w"),
		"not our Via":    strings.NewReplacer(via, "Via: "+r.gate.Via().Raw),
		"our Via below":  strings.NewReplacer(via, "Via: "+r.gate.Via().Raw+"\r\n"+via),
	} {
		before := r.count("b2bua_sip_strays_total", "response")
		r.gate.Write(r.server, replace.Replace(string(raw)))
		r.fence(r.gate, r.server)
		if n := r.count("b2bua_sip_strays_total", "response") - before; n != 1 {
			t.Errorf("%s: %d strays counted", name, n)
		}
	}
	r.host.none()
	r.gate.Send(r.server, r.gate.Respond(invite, 486, "g", nil))
	r.gate.Expect("ACK")
	r.host.expect(legs.Refused)
	r.host.expect(legs.Ended)
}

// What is sent in the dialog goes to the Contact of the 2xx, not to that of the
// 18x before it nor to that of a copy after it.
func TestTargetOfTheAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	leg := r.dial()
	invite := r.gate.Fresh("INVITE")
	early, answering, later := r.gate, siptest.New(t, siblingIP), siptest.New(t, siblingIP)
	early.Send(r.server, early.Respond(invite, 180, "g", nil))
	r.host.expect(legs.Progress)
	early.Send(r.server, answering.Respond(invite, 200, "g", nil))
	r.host.expect(legs.Accepted)
	r.on(out, func(*legs.Core) { leg.Ack(legs.Body{}) })
	answering.Expect("ACK")
	early.Send(r.server, later.Respond(invite, 200, "g", nil))
	answering.Expect("ACK")
	r.hangup(out, leg)
	bye := answering.Expect("BYE")
	if bye.RequestURI != "sip:callee@"+answering.Addr().String() {
		t.Errorf("BYE %s", bye.RequestURI)
	}
	answering.Send(r.server, answering.Respond(bye, 200, "", nil))
	r.host.expect(legs.Ended)
	early.Silent()
	later.Silent()
}

// Requests that overlap in a dialog are answered one by one, and a request that
// one of them has overtaken is not obeyed (RFC 3261 §12.2.2).
func TestOverlappingRequests(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	invite, ok, _ := r.answered("overlap")
	for cseq, method := range []string{2: "INFO", 4: "MESSAGE", 6: "FROBNICATE"} {
		if method != "" {
			r.caller.Send(r.server, r.caller.Request(method, uint32(cseq), invite, ok))
		}
	}
	r.caller.Expect("405 INFO")
	r.caller.Expect("405 MESSAGE")
	r.caller.Expect("501 FROBNICATE")
	r.caller.Send(r.server, r.caller.Request("BYE", 5, invite, ok))
	r.caller.Expect("500 BYE")
	r.host.none()
	r.caller.Send(r.server, r.caller.Request("BYE", 7, invite, ok))
	r.caller.Send(r.server, r.caller.Request("BYE", 8, invite, ok))
	r.caller.Expect("200 BYE")
	r.caller.Expect("481 BYE")
	r.host.expect(legs.Bye)
	r.host.expect(legs.Ended)
	r.host.none()
}
