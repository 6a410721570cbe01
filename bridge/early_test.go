package bridge_test

import (
	"net/netip"
	"testing"

	"b2bua/cdr"
	"b2bua/policy"
)

// Early media: sound goes both ways before the answer.
func TestEarlyMedia(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	near, far := newSound(t, r.ip(callerIP)), newSound(t, r.ip(gateIP))
	d := r.invite(sdpBody(near.SDP()))
	d.says(183, far.SDP())
	progress := d.hears("183")
	far.reaches(port(t, d.got.Body), near, "ringing tone")
	near.reaches(port(t, progress.Body), far, "pressed 1")
	d.answers(far.SDP())
	if d.answer.To.Tag() != progress.To.Tag() || string(d.answer.Body) != string(progress.Body) {
		t.Errorf("nothing changed, but the caller hears\n%s\nafter\n%s", d.answer.Body, progress.Body)
	}
	near.reaches(port(t, d.answer.Body), far, "hello")
	d.callerBye()
	rec := r.ends(cdr.EndCompleted, cdr.ByCaller, 200)
	if rec.PDDMS == nil || rec.RingingAt == nil {
		t.Errorf("%+v", rec)
	}
}

// Two attempts with different early media: the caller gets a second early
// dialog, hears the newest, and is answered in it.
func TestEarlyMediaOfTwoAttempts(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	near, one, two := newSound(t, r.ip(callerIP)), newSound(t, r.ip(gateIP)), newSound(t, r.ip(gateIP+1))
	d := r.invite(sdpBody(near.SDP()))
	d.says(183, one.SDP("a=ptime:20"))
	first := d.hears("183")
	one.reaches(port(t, d.got.Body), near, "one")
	d.says(503, nil)
	d.hunted(1)
	d.says(183, two.SDP("a=ptime:30"))
	second := d.hears("183")
	if first.To.Tag() == second.To.Tag() {
		t.Errorf("one To tag for\n%s\nand\n%s", first.Body, second.Body)
	}
	a, b := parse(t, first.Body).Origin(), parse(t, second.Body).Origin()
	if a.ID != b.ID || b.Version <= a.Version {
		t.Errorf("origins %+v, %+v", a, b)
	}
	two.reaches(port(t, d.got.Body), near, "two")
	d.answers(two.SDP("a=ptime:30"))
	if d.answer.To.Tag() != second.To.Tag() || string(d.answer.Body) != string(second.Body) {
		t.Errorf("answered in %q with\n%s", d.answer.To.Tag(), d.answer.Body)
	}
	near.reaches(port(t, d.answer.Body), two, "hello")
	d.callerBye()
	r.ends(cdr.EndCompleted, cdr.ByCaller, 200)
}

// The same early media from another gateway is no news.
func TestSameEarlyMediaOfTwoAttempts(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	d := r.invite()
	d.says(183, gateSDP(d.gate))
	first := d.hears("183")
	d.says(503, nil)
	d.hunted(1)
	d.says(183, gateSDP(d.gate))
	second := d.hears("183")
	d.answers(gateSDP(d.gate))
	if first.To.Tag() != second.To.Tag() || string(first.Body) != string(second.Body) || d.answer.To.Tag() != first.To.Tag() {
		t.Errorf("To tags %q, %q, %q", first.To.Tag(), second.To.Tag(), d.answer.To.Tag())
	}
	d.callerBye()
	r.record()
}

// The answer contradicts the attempt's own early media.
func TestAnswerContradictsEarlyMedia(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	d := r.invite()
	d.says(183, gateSDP(d.gate))
	early := d.hears("183")
	d.answers(describe(netip.AddrPortFrom(d.gate.Addr().Addr(), 4002), "m=audio PORT RTP/AVP 8"))
	if d.answer.To.Tag() == early.To.Tag() {
		t.Errorf("one To tag for\n%s\nand\n%s", early.Body, d.answer.Body)
	}
	d.callerBye()
	r.ends(cdr.EndCompleted, cdr.ByCaller, 200)
}

// early_dialogs: single, wherever it is asked for: a second description is not
// shown, and an answer that contradicts the first is passed over.
func TestEarlySingle(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]option{
		"the caller's trunk": func(c *config) { c.pbx().EarlyDialogs = policy.EarlySingle },
		"the called's trunk": func(c *config) { c.carrier().EarlyDialogs = policy.EarlySingle },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 3, ask)
			d := r.invite()
			d.says(183, gateSDP(d.gate))
			first := d.hears("183")
			d.says(503, nil)
			other := describe(netip.AddrPortFrom(r.gates[1].Addr().Addr(), 4002), "m=audio PORT RTP/AVP 8")
			d.hunted(1).says(183, other)
			if m := d.hears("183"); m.To.Tag() != first.To.Tag() || len(m.Body) != 0 {
				t.Errorf("shown %s", m.Body)
			}
			d.says(200, other)
			d.gate.Expect("ACK")
			d.calledGets("BYE")
			d.hunted(2).answers(gateSDP(d.gate))
			if d.answer.To.Tag() != first.To.Tag() || string(d.answer.Body) != string(first.Body) {
				t.Errorf("answered in %q with %s", d.answer.To.Tag(), d.answer.Body)
			}
			d.callerBye()
			rec := r.ends(cdr.EndCompleted, cdr.ByCaller, 200)
			if a := rec.Attempts[1]; *a.EndReason != cdr.EndBadOffer || *a.SIPStatus != 200 || a.AnsweredAt == nil {
				t.Errorf("%+v", a)
			}
		})
	}
}

// single, and nobody is left to keep the promise.
func TestEarlySingleNobodyLeft(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, func(c *config) { c.pbx().EarlyDialogs = policy.EarlySingle })
	d := r.invite()
	d.says(183, gateSDP(d.gate))
	d.hears("183")
	d.says(200, describe(netip.AddrPortFrom(d.gate.Addr().Addr(), 4002), "m=audio PORT RTP/AVP 8"))
	d.gate.Expect("ACK")
	d.calledGets("BYE")
	d.hears("488")
	r.ends(cdr.EndBadOffer, cdr.BySystem, 488)
}

// An answer given in a provisional response holds for a 2xx without one.
func TestAnswerInProgressOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	d := r.invite()
	d.says(183, gateSDP(d.gate))
	early := d.hears("183")
	d.answers(nil)
	if string(d.answer.Body) != string(early.Body) {
		t.Errorf("answered with %q", d.answer.Body)
	}
	d.callerBye()
	r.record()
}

// A gateway that forks: the answer of one early dialog is not that of another.
func TestAnswerOfAnotherFork(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	d := r.invite()
	d.says(183, gateSDP(d.gate))
	d.hears("183")
	ok := d.gate.Respond(d.got, 200, "callees-tag-2", nil)
	d.gate.Send(r.inner, ok)
	d.gate.Expect("ACK")
	d.calledGets("BYE")
	d.hears("488")
	r.ends(cdr.EndBadOffer, cdr.BySystem, 488)
}

// A gateway that forks, with a description each: the caller sees two early
// dialogs, and the one that answers.
func TestForkedEarlyMedia(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	d := r.invite()
	d.says(183, gateSDP(d.gate))
	one := d.hears("183")
	other := describe(netip.AddrPortFrom(d.gate.Addr().Addr(), 4006), "m=audio PORT RTP/AVP 8")
	d.gate.Send(r.inner, d.gate.Respond(d.got, 183, "callees-tag-2", other))
	two := d.hears("183")
	d.ok = d.gate.Respond(d.got, 200, "callees-tag-2", other)
	d.gate.Send(r.inner, d.ok)
	d.gate.Expect("ACK")
	d.answer = r.caller.Expect("200 INVITE")
	r.caller.Send(r.server, r.caller.Request("ACK", 1, d.invite, d.answer))
	if one.To.Tag() == two.To.Tag() || d.answer.To.Tag() != two.To.Tag() || string(d.answer.Body) != string(two.Body) {
		t.Errorf("To tags %q, %q, %q", one.To.Tag(), two.To.Tag(), d.answer.To.Tag())
	}
	d.callerBye()
	r.record()
}
