package bridge_test

import (
	"testing"

	"b2bua/bridge"
	"b2bua/cdr"
	"b2bua/legs"
)

// A fault of ours ends the call it happened in: 500, a record that says so, and
// the next call works.
func TestCrash(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	r.journal.with(func() { r.journal.panics = cdr.Answered })
	d := r.invite()
	d.says(200, gateSDP(d.gate))
	d.gate.Expect("ACK")
	d.hears("500")
	d.calledGets("BYE")
	rec := r.ends(cdr.EndInternal, cdr.BySystem, 500)
	if rec.AnsweredAt != nil || *rec.Attempts[0].EndReason != cdr.EndInternal {
		t.Errorf("%+v", rec)
	}
	r.journal.with(func() { r.journal.panics = 0 })
	r.call().callerBye()
	r.ends(cdr.EndCompleted, cdr.ByCaller, 200)
}

// A fault while the INVITE is still in hand, and another one while the call is
// ended for it: the record is handed over, and everything is given back, all the
// same.
func TestCrashTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, func(c *config) { c.bridge.Metrics = new(bridge.Metrics) }) // none of its collectors is there
	r.send().hears("500")
	rec := r.ends(cdr.EndInternal, cdr.BySystem, 500)
	if len(rec.Attempts) != 1 || *rec.Attempts[0].EndReason != cdr.EndInternal {
		t.Errorf("%+v", rec)
	}
}

// A fault in what follows when the journal has written the answer.
func TestCrashAfterJournal(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, func(c *config) {
		c.bridge.Metrics = bridge.NewMetrics(nil)
		c.bridge.Metrics.Break()
	})
	d := r.invite()
	d.says(200, gateSDP(d.gate))
	d.gate.Expect("ACK")
	d.answer = r.caller.Expect("200 INVITE")
	r.caller.Send(r.server, r.caller.Request("ACK", 1, d.invite, d.answer))
	d.callerGets("BYE")
	d.calledGets("BYE")
	r.ends(cdr.EndInternal, cdr.BySystem, 200)
}

// A fault in work that somebody else started: the API, or the journal.
func TestCrashInPostedWork(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, func(c *config) { c.bridge.Logger = nil })
	d := r.call()
	list, err := r.bridge.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.bridge.Fault(list[0].CallID); err != nil {
		t.Fatal(err)
	}
	d.callerGets("BYE")
	d.calledGets("BYE")
	r.ends(cdr.EndInternal, cdr.BySystem, 200)
}

// Owners that are nobody's.
func TestCrashOfNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t, 0, func(c *config) { c.carrier().Gateways = nil; c.carrier().Sources = []string{"127.0.0.1/32"} })
	if err := r.stack.Each(t.Context(), func(c *legs.Core) { r.bridge.Crashed(c, nil) }); err != nil {
		t.Error(err)
	}
}
