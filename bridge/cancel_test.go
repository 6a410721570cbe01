package bridge_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"b2bua/cdr"
	"b2bua/legs/sipmsg"
	"b2bua/policy"
)

var cancelReason = sipmsg.Header{Name: "Reason", Value: `SIP;cause=200;text="Call completed elsewhere"`}

// The gateway has said nothing: CANCEL must wait for its first 1xx (RFC 3261
// §9.1).
func TestCancelBeforeTrying(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	d := r.invite()
	d.cancels(cancelReason)
	rec := r.ends(cdr.EndCancelled, cdr.ByCaller, 487)
	if rec.Attempts[0].SIPStatus != nil || *rec.Attempts[0].EndReason != cdr.EndCancelled {
		t.Errorf("attempt %+v", rec.Attempts[0])
	}
	d.gate.Silent()
	d.says(100, nil)
	if m := d.cancelled(); m.Header("Reason") != cancelReason.Value {
		t.Errorf("CANCEL with Reason %q", m.Header("Reason"))
	}
}

func TestCancelWhileRinging(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	d := r.invite()
	d.says(180, nil)
	d.hears("180")
	d.cancels(cancelReason)
	if m := d.cancelled(); m.Header("Reason") != cancelReason.Value {
		t.Errorf("CANCEL with Reason %q", m.Header("Reason"))
	}
	rec := r.ends(cdr.EndCancelled, cdr.ByCaller, 487)
	if rec.RingingAt == nil || rec.AnsweredAt != nil || *rec.Q850Cause != 16 {
		t.Errorf("%+v", rec)
	}
}

// A caller may end an early dialog with BYE too (RFC 3261 §15).
func TestByeWhileRinging(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	d := r.invite()
	d.says(180, nil)
	ringing := d.hears("180")
	r.caller.Send(r.server, r.caller.Request("BYE", 2, d.invite, ringing))
	r.caller.Expect("200 BYE")
	d.hears("487")
	d.cancelled()
	r.ends(cdr.EndCancelled, cdr.ByCaller, 487)
}

// The gateway has answered and its record is being written: the caller was not
// answered, the called side was.
func TestCancelWhileJournalIsPending(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	release := r.holdJournal()
	d := r.invite()
	d.says(200, gateSDP(d.gate))
	d.gate.Expect("ACK")
	d.cancels()
	d.calledGets("BYE")
	release()
	rec := r.ends(cdr.EndCancelled, cdr.ByCaller, 487)
	if a := rec.Attempts[0]; rec.AnsweredAt != nil || rec.BillableMS != 0 || a.AnsweredAt == nil || *a.SIPStatus != 200 || *a.EndReason != cdr.EndCancelled {
		t.Errorf("%+v", rec)
	}
	r.caller.Silent()
}

// The CANCEL comes after the 200 has left: it has no effect (RFC 3261 §9.2).
func TestCancelCrossesAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	d := r.invite()
	d.answers(gateSDP(d.gate))
	r.caller.Send(r.server, r.caller.Cancel(d.invite))
	r.caller.Await("200 CANCEL")
	d.callerBye()
	r.ends(cdr.EndCompleted, cdr.ByCaller, 200)
}

// The gateway's 200 crosses our CANCEL: it is acknowledged and hung up (RFC
// 3261 §9.1, RFC 5407 §3.1.2).
func TestAnswerCrossesCancel(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	d := r.invite()
	d.says(180, nil)
	d.hears("180")
	d.cancels()
	cancel := d.gate.Expect("CANCEL")
	d.ok = d.gate.Respond(d.got, 200, d.tag(), gateSDP(d.gate))
	d.gate.Send(r.inner, d.ok)
	d.gate.Send(r.inner, d.gate.Respond(cancel, 200, d.tag(), nil))
	d.gate.Expect("ACK")
	d.calledGets("BYE")
	r.ends(cdr.EndCancelled, cdr.ByCaller, 487)
	if n := r.journal.count(cdr.Answered); n != 0 {
		t.Errorf("%d answer records", n)
	}
}

// A gateway that is still being looked up when the caller gives up is never
// dialled.
func TestCancelWhileResolving(t *testing.T) {
	t.Parallel()
	lookup := make(chan struct{})
	r := newRig(t, 0, func(c *config) {
		c.carrier().Gateways = []policy.Gateway{policy.NewGateway("sip:gateway.invalid")}
	}, resolver(func(context.Context, string, string) ([]netip.Addr, error) {
		<-lookup
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}))
	d := r.send()
	r.caller.Expect("100")
	d.cancels()
	close(lookup)
	rec := r.ends(cdr.EndCancelled, cdr.ByCaller, 487)
	if len(rec.Attempts) != 1 || rec.Attempts[0].Sent.Destination != "" {
		t.Errorf("%+v", rec.Attempts)
	}
}

// No answer: the gateway rang, so nobody else is rung.
func TestRingTimeout(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, ringsFor(time.Minute))
	d := r.invite()
	d.says(180, nil)
	d.hears("180")
	r.advance(time.Minute)
	if m := d.cancelled(); m.Header("Reason") == "" {
		t.Error("CANCEL gives no Reason")
	}
	d.hears("480")
	rec := r.ends(cdr.EndNoAnswer, cdr.BySystem, 480)
	if *rec.Attempts[0].EndReason != cdr.EndNoAnswer || rec.Attempts[0].SIPStatus != nil || len(rec.Attempts) != 1 {
		t.Errorf("%+v", rec.Attempts)
	}
	r.gates[1].Silent()
}

// No answer from a gateway that never rang: the next one is tried, and what the
// first says later changes nothing.
func TestSilentGatewayIsLeft(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, ringsFor(20*time.Second))
	first := r.invite()
	first.says(100, nil)
	r.advance(20 * time.Second)
	d := *first
	d.hunted(1)
	first.gate.Expect("CANCEL")
	late := first.gate.Respond(first.got, 200, first.tag(), gateSDP(first.gate))
	first.gate.Send(r.inner, late)
	first.gate.Expect("ACK")
	first.calledGets("BYE")
	d.answers(gateSDP(d.gate)).callerBye()
	rec := r.ends(cdr.EndCompleted, cdr.ByCaller, 200)
	if len(rec.Attempts) != 2 || *rec.Attempts[0].EndReason != cdr.EndNoAnswer || *rec.Attempts[1].EndReason != cdr.EndCompleted {
		t.Errorf("%+v", rec.Attempts)
	}
}

// Every gateway is silent: 408, and nobody answered.
func TestAllSilent(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, ringsFor(20*time.Second))
	d := r.invite()
	d.says(100, nil)
	first := *d
	r.advance(20 * time.Second)
	d.hunted(1)
	d.says(100, nil)
	first.cancelled()
	r.advance(20 * time.Second)
	d.cancelled()
	d.hears("408")
	r.ends(cdr.EndNoAnswer, cdr.BySystem, 408)
}

func ringsFor(timeout time.Duration) option {
	return func(c *config) { c.carrier().RingTimeout = policy.Duration(timeout) }
}
