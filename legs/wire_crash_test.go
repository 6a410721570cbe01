package legs_test

import (
	"context"
	"testing"

	"b2bua/legs"
	"b2bua/legs/sipmsg"
)

// A Handler that panics over a new call: 500, and nobody else notices.
func TestCrashInInvite(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.host.does(hooks{invite: func(_ *legs.Core, _ *legs.Inbound, inv *legs.Invite) {
		if inv.CallID == "crash-1" {
			panic("over a new call")
		}
	}})
	invite, in := r.call("crash-1")
	m := r.caller.Expect("500 INVITE")
	r.caller.Send(r.server, r.caller.Ack(invite, m))
	if owner, ok := r.host.crash().(*party); !ok || owner.name != "crash-1" {
		t.Errorf("Crashed for %v", owner)
	}
	if ev := r.host.expect(legs.Ended); ev.Leg != in.leg {
		t.Errorf("event %+v", ev)
	}
	r.noLegs()
	if n := r.count("b2bua_call_panics_total"); n != 1 {
		t.Errorf("%d panics counted", n)
	}
	r.answered("crash-2") // the next one works
	r.host.none()
}

// The same when the handler ends the call itself, as it should: one 500.
func TestCrashIsEndedByTheHandler(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var leg *legs.Inbound
	r.host.does(hooks{
		invite: func(_ *legs.Core, l *legs.Inbound, _ *legs.Invite) {
			leg = l
			l.Progress(180, true, nil, legs.Body{})
			panic("after 180")
		},
		crash: func(*legs.Core, any) { leg.Refuse(503, "", nil) },
	})
	r.call("crash-3")
	ringing, m := r.caller.Expect("180"), r.caller.Expect("503 INVITE")
	if m.To.Tag() != ringing.To.Tag() {
		t.Errorf("503 with tag %q", m.To.Tag())
	}
	r.host.expect(legs.Ended)
	r.noLegs()
	r.caller.Silent()
}

// A panic over an event ends that call; events that wait for others arrive.
func TestCrashInEvent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var calls []*legs.Outbound
	for range 3 {
		leg := r.dial()
		invite := r.gate.Fresh("INVITE")
		r.gate.Send(r.server, r.gate.Respond(invite, 200, "g", nil))
		r.host.expect(legs.Accepted)
		r.on(out, func(*legs.Core) { leg.Ack(legs.Body{}) })
		r.gate.Expect("ACK")
		calls = append(calls, leg)
	}
	r.host.does(hooks{event: func(_ *legs.Core, ev legs.Event) {
		if ev.Leg == calls[0] {
			panic("over an event")
		}
	}})
	// All three end in one step; the first one's event crashes.
	r.on(out, func(c *legs.Core) {
		for _, l := range calls {
			l.Hangup("")
		}
	})
	for range calls {
		bye := r.gate.Expect("BYE")
		r.gate.Send(r.server, r.gate.Respond(bye, 200, "", nil))
	}
	for range calls {
		r.host.expect(legs.Ended)
	}
	r.host.crash()
	r.noLegs()
	r.host.none()
}

// Events of several calls that wait in one step survive the crash of one.
func TestCrashKeepsTheEventsOfOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var crashing *legs.Outbound
	r.host.does(hooks{event: func(_ *legs.Core, ev legs.Event) {
		if ev.Leg == crashing {
			panic("over an event")
		}
	}})
	broken := &legs.Call{RequestURI: "sip:x y@z", From: "<sip:a@b>", To: "<sip:c@d>"} // refused at once
	peer := legs.Peer{Address: r.gate.Addr()}
	done := make(chan struct{})
	r.stack.Post(out, func(c *legs.Core) {
		defer close(done)
		crashing = c.Dial(&party{"crashing"}, peer, broken)
		c.Dial(&party{"other"}, peer, broken)
	})
	<-done
	r.host.expect(legs.Refused) // crashes
	if owner := r.host.crash().(*party); owner.name != "crashing" {
		t.Errorf("Crashed for %v", owner)
	}
	r.host.expect(legs.Ended) // crashes again
	r.host.crash()
	if ev := r.host.expect(legs.Refused); ev.owner.(*party).name != "other" {
		t.Errorf("event %+v", ev)
	}
	r.host.expect(legs.Ended)
	r.host.none()
	r.noLegs()
}

// Crashed itself may panic: the leg in hand ends all the same.
func TestCrashInCrashed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.host.does(hooks{
		invite: func(_ *legs.Core, _ *legs.Inbound, inv *legs.Invite) {
			if inv.CallID == "crash-5" {
				panic("first")
			}
		},
		crash: func(*legs.Core, any) { panic("second") },
	})
	r.call("crash-5")
	r.caller.Expect("500 INVITE")
	r.host.expect(legs.Ended)
	r.noLegs()
	if n := r.count("b2bua_call_panics_total"); n != 2 {
		t.Errorf("%d panics counted", n)
	}
	r.answered("crash-6")
}

// A panic over an event of an answered call, whose handler does nothing about
// it, hangs up what crashed.
func TestCrashOfAnAnsweredCall(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.host.does(hooks{event: func(_ *legs.Core, ev legs.Event) {
		if ev.Kind == legs.Acked {
			panic("over an ACK")
		}
	}})
	r.answered("crash-7")
	bye := r.caller.Expect("BYE")
	r.caller.Send(r.server, r.caller.Respond(bye, 200, "", nil))
	r.host.expect(legs.Ended)
	if owner := r.host.crash().(*party); owner.name != "crash-7" {
		t.Errorf("Crashed for %v", owner)
	}
	r.noLegs()
}

// An answer that cannot be written crashes that call only: 500, no 2xx.
func TestAnswerThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	invite, in := r.call("crash-8")
	r.stack.Post(in.shard, func(*legs.Core) {
		in.leg.Answer(true, []sipmsg.Header{{Name: "Subject", Value: "a\r\nb"}}, legs.Body{})
	})
	if owner, ok := r.host.crash().(*party); !ok || owner.name != "crash-8" {
		t.Errorf("Crashed for %v", owner)
	}
	m := r.caller.Expect("500 INVITE")
	r.caller.Send(r.server, r.caller.Ack(invite, m))
	r.host.expect(legs.Ended)
	r.host.none()
	r.noLegs()
	r.idle()
}

// A refusal that cannot be written is sent without what is wrong with it, and a
// provisional response is left out.
func TestRefusalThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	invite, in := r.call("crash-9")
	bad := []sipmsg.Header{{Name: "Subject", Value: "a\r\nb"}}
	r.on(in.shard, func(*legs.Core) {
		in.leg.Progress(180, false, bad, legs.Body{})
		in.leg.Refuse(404, "Not\r\nFound", bad)
	})
	m := r.caller.Expect("404 INVITE")
	if m.Reason != "Not Found" || m.Header("Subject") != "" {
		t.Errorf("%+v", m)
	}
	r.caller.Send(r.server, r.caller.Ack(invite, m))
	r.host.expect(legs.Ended)
	r.noLegs()
}

// What is posted may panic: nobody's call, unless it says whose.
func TestCrashInPost(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, _, in := r.answered("crash-10")
	r.stack.Post(in.shard, func(*legs.Core) { panic("posted") })
	if owner := r.host.crash(); owner != nil {
		t.Errorf("Crashed for %v", owner)
	}
	mine := &party{"mine"}
	r.stack.Post(in.shard, func(c *legs.Core) {
		c.Blame(mine)
		panic("posted")
	})
	if owner := r.host.crash(); owner != mine {
		t.Errorf("Crashed for %v", owner)
	}
	// A step on another leg before it does not make that leg guilty.
	r.stack.Post(in.shard, func(*legs.Core) {
		in.leg.Progress(180, false, nil, legs.Body{})
		panic("posted")
	})
	if owner := r.host.crash(); owner != nil {
		t.Errorf("Crashed for %v", owner)
	}
	r.on(in.shard, func(*legs.Core) {
		if in.leg.State() != legs.Confirmed {
			t.Errorf("state %v", in.leg.State())
		}
	})
	if err := r.stack.Each(context.Background(), func(*legs.Core) { panic("each") }); err != nil {
		t.Error(err)
	}
	r.eventually("every panic to be counted", func() bool { return r.count("b2bua_call_panics_total") == 3+256 })
}

// A timer that panics is its owner's.
func TestCrashInWake(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := &alarmClock{party: &party{"sleeper"}, rang: make(chan struct{})}
	r.on(out, func(c *legs.Core) { c.Schedule(c.Now(), w) })
	<-w.rang
	if owner := r.host.crash(); owner != w.party {
		t.Errorf("Crashed for %v", owner)
	}
}

type alarmClock struct {
	party *party
	rang  chan struct{}
}

func (a *alarmClock) Owner() any { return a.party }

func (a *alarmClock) Wake(*legs.Core) {
	close(a.rang)
	panic("over a timer")
}
