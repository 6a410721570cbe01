package legs_test

import (
	"testing"

	"b2bua/internal/siptest"
	"b2bua/legs"
	"b2bua/legs/sipmsg"
)

// RFC 3261 §9.2: 200 to the CANCEL and 487 to the INVITE, with one To tag.
func TestCancel(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	invite, in := r.call("cancel-1")
	r.on(in.shard, func(*legs.Core) {
		in.leg.Progress(180, false, nil, legs.Body{})
		in.leg.Progress(183, true, nil, legs.Body{})
	})
	r.caller.Expect("180")
	progress := r.caller.Expect("183")
	cancel := r.caller.Cancel(invite)
	cancel.Headers = []sipmsg.Header{{Name: "Reason", Value: "Q.850;cause=16"}}
	r.caller.Send(r.server, cancel)
	ok, gone := r.caller.Expect("200 CANCEL"), r.caller.Expect("487 INVITE")
	if tag := progress.To.Tag(); ok.To.Tag() != tag || gone.To.Tag() != tag {
		t.Errorf("tags: 183 %q, 200 %q, 487 %q", tag, ok.To.Tag(), gone.To.Tag())
	}
	if ev := r.host.expect(legs.Cancelled); ev.Reason != "Q.850;cause=16" {
		t.Errorf("Reason %q", ev.Reason)
	}
	r.host.expect(legs.Ended)
	r.noLegs()

	r.caller.Send(r.server, cancel) // again, before the ACK: absorbed
	r.caller.Expect("200 CANCEL")
	r.caller.Send(r.server, r.caller.Ack(invite, gone))
	r.idle()
	r.caller.Silent()
	r.host.none()
}

// After a final response CANCEL is answered, with the tag of that response, and
// has no effect.
func TestCancelAfterTheFinalResponse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		respond func(*legs.Inbound)
		status  string
	}{
		"answered": {func(l *legs.Inbound) { l.Answer(false, nil, legs.Body{}) }, "200 INVITE"},
		"refused":  {func(l *legs.Inbound) { l.Refuse(486, "", nil) }, "486 INVITE"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			invite, in := r.call("cancel-2")
			r.on(in.shard, func(*legs.Core) { tt.respond(in.leg) })
			final := r.caller.Expect(tt.status)
			r.caller.Send(r.server, r.caller.Cancel(invite))
			if ok := r.caller.Expect("200 CANCEL"); ok.To.Tag() != final.To.Tag() {
				t.Errorf("tag %q, the INVITE's is %q", ok.To.Tag(), final.To.Tag())
			}
			if final.Status == 200 {
				r.caller.Send(r.server, r.caller.Request("ACK", 1, invite, final))
				r.host.expect(legs.Acked)
				r.hangup(in.shard, in.leg)
				r.caller.Send(r.server, r.caller.Respond(r.caller.Expect("BYE"), 200, "", nil))
				r.host.expect(legs.Ended)
				r.caller.Send(r.server, func() *sipmsg.Message { // the leg is over, its transaction is not
					m := r.caller.Cancel(invite)
					m.Headers = []sipmsg.Header{{Name: "X", Value: "y"}}
					return m
				}())
				r.caller.Expect("200 CANCEL")
			} else {
				r.host.expect(legs.Ended)
			}
			r.host.none()
		})
	}
}

func TestCancelOfNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	never := r.caller.Invite(r.uri(), "1000", "cancel-3", nil)
	r.caller.Send(r.server, r.caller.Cancel(never))
	if m := r.caller.Expect("481 CANCEL"); m.To.Tag() == "" {
		t.Error("481 without a To tag")
	}
	r.host.none()
}

// CANCEL may leave only after a provisional response (RFC 3261 §9.1).
func TestCancelWaitsForAProvisional(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	leg := r.dial()
	invite := r.gate.Fresh("INVITE")
	r.on(out, func(*legs.Core) { leg.Hangup("Q.850;cause=16") })
	r.gate.Expect("INVITE") // again: it has heard nothing
	r.gate.Silent()
	r.gate.Send(r.server, r.gate.Respond(invite, 100, "", nil))
	cancel := r.gate.Expect("CANCEL")
	if cancel.RequestURI != invite.RequestURI || cancel.Vias[0].Raw != invite.Vias[0].Raw || len(cancel.Vias) != 1 ||
		cancel.From.Raw != invite.From.Raw || cancel.To.Raw != invite.To.Raw || cancel.CallID != invite.CallID ||
		cancel.CSeq != invite.CSeq || cancel.Header("Reason") != "Q.850;cause=16" {
		t.Errorf("CANCEL %+v of %+v", cancel, invite)
	}
	r.gate.Send(r.server, r.gate.Respond(cancel, 200, "g", nil))
	gone := r.gate.Respond(invite, 487, "g", nil)
	r.gate.Send(r.server, gone)
	if ack := r.gate.Expect("ACK"); ack.Vias[0].Raw != invite.Vias[0].Raw || ack.To.Tag() != "g" || ack.CSeq != invite.CSeq {
		t.Errorf("ACK %+v", ack)
	}
	r.gate.Send(r.server, gone) // the ACK was lost
	r.gate.Expect("ACK")
	r.host.expect(legs.Ended)
	r.host.none()
	r.noLegs()
}

// A 2xx that crosses the CANCEL is acknowledged and ended: no ghost call.
func TestAnswerCrossesCancel(t *testing.T) {
	t.Parallel()
	tests := map[string]func(r *rig, leg *legs.Outbound, invite *sipmsg.Message){
		"CANCEL is on its way": func(r *rig, leg *legs.Outbound, invite *sipmsg.Message) {
			r.gate.Send(r.server, r.gate.Respond(invite, 180, "g", nil))
			r.host.expect(legs.Progress)
			r.hangup(out, leg)
			r.gate.Expect("CANCEL")
		},
		"CANCEL has to wait": func(r *rig, leg *legs.Outbound, _ *sipmsg.Message) { r.hangup(out, leg) },
	}
	for name, before := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			leg := r.dial()
			invite := r.gate.Fresh("INVITE")
			before(r, leg, invite)
			ok := r.gate.Respond(invite, 200, "g", nil)
			r.gate.Send(r.server, ok)
			ack, bye := r.gate.Expect("ACK"), r.gate.Expect("BYE")
			if ack.CSeq != invite.CSeq || bye.CSeq != invite.CSeq+1 || ack.To.Tag() != "g" || bye.To.Tag() != "g" {
				t.Errorf("ACK %+v\nBYE %+v", ack, bye)
			}
			r.gate.Send(r.server, ok) // the ACK was lost
			r.gate.Expect("ACK")
			r.gate.Send(r.server, r.gate.Respond(bye, 200, "", nil))
			r.host.expect(legs.Ended)
			r.host.none()
			r.noLegs()
		})
	}
}

// A peer that never answers the cancelled INVITE does not hold the leg for ever.
func TestCancelIsNeverAnswered(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *rig, c *legs.Config) { c.Timers = brief })
	leg := r.dial()
	invite := r.gate.Fresh("INVITE")
	r.gate.Send(r.server, r.gate.Respond(invite, 180, "g", nil))
	r.host.expect(legs.Progress)
	r.hangup(out, leg)
	cancel := r.gate.Expect("CANCEL")
	r.gate.Send(r.server, r.gate.Respond(cancel, 200, "g", nil))
	r.host.expect(legs.Ended)
	r.idle()

	// It answers after all, to nobody we know any more.
	ok := r.gate.Respond(invite, 200, "late", nil)
	r.gate.Send(r.server, ok)
	if ack := r.gate.Expect("ACK"); ack.To.Tag() != "late" || ack.CSeq != invite.CSeq {
		t.Errorf("ACK %+v", ack)
	}
	bye := r.gate.Expect("BYE")
	r.gate.Send(r.server, ok)
	r.gate.Expect("ACK")
	r.gate.Send(r.server, r.gate.Respond(bye, 200, "", nil))
	r.idle()
	r.gate.Silent()
	r.host.none()
}

// A late answer from somebody who is nobody's gateway moves nothing.
func TestLateAnswerFromAStranger(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *rig, c *legs.Config) { c.Timers = brief })
	leg := r.dial()
	invite := r.gate.Fresh("INVITE")
	r.hangup(out, leg)
	r.host.expect(legs.Ended)
	r.idle()
	stranger := siptest.New(t, strangerIP)
	stranger.Send(r.server, stranger.Respond(invite, 200, "late", nil))
	r.caller.Send(r.server, r.caller.Outside("OPTIONS", r.uri(), "1000", "after"))
	r.caller.Expect("200 OPTIONS")
	stranger.Silent()
	r.gate.Silent()
}
