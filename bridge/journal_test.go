package bridge_test

import (
	"errors"
	"testing"
	"time"

	"b2bua/cdr"
)

// Without its record no call is answered: 503 to the caller, BYE to the called
// side.
func TestAnswerNotJournaled(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*journal){
		"disk refuses": func(j *journal) { j.refuse = errors.New("no space left on device") },
		"queue full":   func(j *journal) { j.full = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 2)
			r.journal.with(func() { fail(r.journal) })
			d := r.invite()
			d.says(200, gateSDP(d.gate))
			d.gate.Expect("ACK")
			d.hears("503")
			d.calledGets("BYE")
			rec := r.ends(cdr.EndJournal, cdr.BySystem, 503)
			if a := rec.Attempts[0]; len(rec.Attempts) != 1 || rec.AnsweredAt != nil || rec.BillableMS != 0 || *a.SIPStatus != 200 || a.AnsweredAt == nil {
				t.Errorf("%+v", rec)
			}
			r.caller.Silent()
			r.gates[1].Silent()
		})
	}
}

// A disk that hangs does not hold an answered call for ever, and what it says
// afterwards is late news.
func TestJournalHangs(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, func(c *config) { c.bridge.JournalPatience = 100 * time.Millisecond })
	release := r.holdJournal()
	d := r.invite()
	d.says(200, gateSDP(d.gate))
	d.gate.Expect("ACK")
	d.hears("503")
	d.calledGets("BYE")
	r.ends(cdr.EndJournal, cdr.BySystem, 503)
	release()
	r.caller.Silent()
}

// The answer waits for its record, and the record has what is known by then.
func TestAnswerWaitsForJournal(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	release := r.holdJournal()
	d := r.invite()
	d.ok = d.says(200, gateSDP(d.gate))
	d.gate.Expect("ACK")
	r.until("the record is on its way", func() bool { return r.journal.count(cdr.Answered) == 1 })
	r.caller.Silent()
	d.says(180, nil) // late
	release()
	d.answer = r.caller.Expect("200")
	r.caller.Send(r.server, r.caller.Request("ACK", 1, d.invite, d.answer))
	d.callerBye()
	rec := r.record()
	r.journal.with(func() {
		a := r.journal.answers[0]
		if a.EndedAt != nil || a.AnsweredAt == nil || !a.AnsweredAt.Equal(*rec.AnsweredAt) || a.CallID != rec.CallID || a.Media == nil || len(a.Attempts) != 1 ||
			a.Attempts[0].AnsweredAt == nil || a.Caller != "1000" {
			t.Errorf("answer record %+v", a)
		}
	})
}

// The called side hangs up while the record is being written.
func TestCalledGoneWhileJournalIsPending(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	release := r.holdJournal()
	d := r.invite()
	d.ok = d.says(200, gateSDP(d.gate))
	d.gate.Expect("ACK")
	d.gate.Send(r.inner, d.gate.UASRequest("BYE", 1, d.got, d.ok))
	d.gate.Expect("200 BYE")
	d.hears("480")
	release()
	rec := r.ends(cdr.EndRejected, cdr.ByCalled, 480)
	if rec.AnsweredAt != nil || rec.Attempts[0].AnsweredAt == nil {
		t.Errorf("%+v", rec)
	}
	r.caller.Silent()
}

// The end of a call is never lost: it waits until the journal has room, and so
// does whoever wants to stop.
func TestEndWaitsForJournal(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	d := r.call()
	r.journal.with(func() { r.journal.busy = 2 })
	d.callerBye()
	if err := r.bridge.EndAll(t.Context(), cdr.EndShutdown); err != nil {
		t.Error(err)
	}
	if n := r.bridge.Live(); n != 0 {
		t.Errorf("%d live", n)
	}
	r.ends(cdr.EndCompleted, cdr.ByCaller, 200)
	if n := r.journal.count(cdr.Ended); n != 3 {
		t.Errorf("%d times offered", n)
	}
}

// The caller never acknowledges: both sides are hung up after 64*T1.
func TestAckLost(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	d := r.invite()
	d.ok = d.says(200, gateSDP(d.gate))
	d.gate.Expect("ACK")
	d.answer = r.caller.Expect("200 INVITE")
	r.advance(64 * r.config.legs.Timers.T1)
	r.caller.Send(r.server, r.caller.Respond(r.caller.Await("BYE"), 200, "", nil))
	d.calledGets("BYE")
	r.ends(cdr.EndAckTimeout, cdr.BySystem, 200)
}
