package bridge

import (
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"b2bua/cdr"
	"b2bua/policy"
)

// world is what the machine acts on: the caller, the attempts, the journal.
// It does what it is told, and says what should never be asked of it.
type world struct {
	t        *rapid.T
	m        machine
	finals   int          // final responses the caller got
	answered bool         // one of them was 200
	gone     bool         // the caller hung up or was hung up
	live     map[int]bool // attempts dialled that are not over
	over     map[int]bool
	pending  int  // attempt whose record is being written; 0 none
	finished int  // finish actions
	stopped  bool // the machine was told to stop
	lastHunt bool // the last failure allowed another attempt
	offers   offers
}

// send gives one event to the machine, now and then after a trip to JSON and
// back, and does what it says.
func (w *world) send(ev event) {
	w.t.Helper()
	twin := w.copied()
	acts := w.m.step(ev, nil)
	if again := twin.step(ev, nil); !reflect.DeepEqual(again, acts) || !reflect.DeepEqual(twin.copied(), w.m.copied()) {
		w.t.Fatalf("%s: read back from JSON it does %s, else %s", ev.in, show(again), show(acts))
	}
	for _, a := range acts {
		w.do(a)
	}
	if (w.m.Phase == Done) != (w.finished == 1) {
		w.t.Fatalf("after %s: phase %s, %d times finished", ev.in, w.m.Phase, w.finished)
	}
	if o := w.offers; w.m.Phase == Talking && w.m.Exchange == Stable && o != (offers{}) {
		w.t.Fatalf("after %s: stable, and left behind %+v", ev.in, o)
	}
	if w.m.Phase != Talking && w.m.Exchange != Stable {
		w.t.Fatalf("after %s: %s and %s", ev.in, w.m.Phase, w.m.Exchange)
	}
}

func (w *world) copied() *machine { return w.m.copied() }

func (m *machine) copied() *machine {
	raw, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	var back machine
	if err := json.Unmarshal(raw, &back); err != nil {
		panic(err)
	}
	return &back
}

func (w *world) do(a action) {
	if w.finished > 0 {
		w.t.Fatalf("%s after finish", a.op)
	}
	switch a.op {
	case opDial:
		if len(w.live) > 0 || a.attempt != w.m.Attempt || w.over[a.attempt] || w.finals > 0 || w.gone {
			w.t.Fatalf("dials %d: live %v, finals %d, gone %v", a.attempt, w.live, w.finals, w.gone)
		}
		if a.attempt > 1 && !w.lastHunt {
			w.t.Fatalf("hunts to %d although hunt_on forbids it", a.attempt)
		}
		w.live[a.attempt] = true
	case opRing:
		if !w.live[a.attempt] || w.finals > 0 {
			w.t.Fatalf("rings for %d", a.attempt)
		}
	case opJournal:
		if w.pending != 0 || !w.live[a.attempt] {
			w.t.Fatalf("journals %d while %d is pending", a.attempt, w.pending)
		}
		w.pending = a.attempt
	case opAnswer:
		if !w.live[a.attempt] {
			w.t.Fatal("answers for an attempt that is over")
		}
		w.final()
		w.answered = true
	case opRefuse:
		if a.status < 400 || a.status > 699 {
			w.t.Fatalf("refuses with %d", a.status)
		}
		w.final()
	case opDropIn:
		if !w.answered || w.gone {
			w.t.Fatal("BYE to a caller that has no dialog")
		}
		w.gone = true
	case opDropOut:
		if !w.live[a.attempt] {
			w.t.Fatalf("drops %d, which is not up", a.attempt)
		}
		w.end(a.attempt)
	case opFinish:
		w.finish(a)
	default:
		if !w.answered && (a.op != opRerefuse || a.party != Called) || w.gone {
			w.t.Fatalf("does %s in a call that is not answered", a.op)
		}
		w.offers.do(w.t, a)
	}
}

func (w *world) final() {
	if w.finals++; w.finals > 1 || w.gone {
		w.t.Fatalf("final response %d, caller gone %v", w.finals, w.gone)
	}
}

func (w *world) end(attempt int) {
	delete(w.live, attempt)
	w.over[attempt] = true
}

func (w *world) finish(a action) {
	w.finished++
	if len(w.live) > 0 {
		w.t.Fatalf("finished with %v still up", w.live)
	}
	if !w.gone && w.answered {
		w.t.Fatal("finished with the caller still up")
	}
	if w.finals == 0 && !w.gone {
		w.t.Fatal("finished without a final response")
	}
	if a.end == "" || a.by == "" {
		w.t.Fatalf("finish says %+v", a)
	}
	if !w.stopped && w.answered != (a.end == cdr.EndCompleted) {
		w.t.Fatalf("answered %v, stopped %v, end %s", w.answered, w.stopped, a.end)
	}
}

// anyAttempt is mostly the current one, sometimes one that was given up.
func (w *world) anyAttempt() int {
	if w.m.Attempt > 1 && rapid.IntRange(0, 4).Draw(w.t, "late") == 0 {
		return rapid.IntRange(1, w.m.Attempt-1).Draw(w.t, "attempt")
	}
	return w.m.Attempt
}

func (w *world) fails() {
	no := w.anyAttempt()
	why := rapid.SampledFrom([]Why{ByStatus, ByStatus, ByTimeout, ByTransport, ByLimit, ByAnswer, ByEarly, ByPorts}).Draw(w.t, "why")
	status := rapid.SampledFrom([]int{302, 401, 404, 408, 480, 486, 487, 500, 503, 600, 603}).Draw(w.t, "status")
	if current := no == w.m.Attempt && (w.m.Phase == Dialing || w.m.Phase == Ringing); current {
		w.end(no) // a failed attempt is over by itself
		h := w.m.Targets[no-1].HuntOn
		w.lastHunt = map[Why]bool{
			ByStatus: h.OnStatus(status), ByTimeout: h.OnTimeout(), ByTransport: h.OnTransport(), ByLimit: true, ByEarly: true,
		}[why]
	}
	w.send(event{in: Failed, attempt: no, status: status, why: why})
}

func (w *world) timesOut() {
	no := w.anyAttempt()
	if no == w.m.Attempt && no > 0 && w.m.Targets != nil {
		w.lastHunt = !w.m.Rung && w.m.Targets[no-1].HuntOn.OnTimeout()
	}
	w.send(event{in: RingTimeout, attempt: no})
}

func (w *world) journaled() {
	if w.pending == 0 {
		return
	}
	w.pending = 0
	w.send(event{in: rapid.SampledFrom([]Input{Journaled, Journaled, Unjournaled}).Draw(w.t, "journal")})
}

func (w *world) callerGone() {
	if !w.gone && (w.finals == 0 || w.answered) { // a refused caller is silent
		w.gone = true
		w.send(event{in: CallerGone})
	}
}

func (w *world) calledGone() {
	no := w.anyAttempt()
	if no == w.m.Attempt && w.m.Phase != Answering && w.m.Phase != Talking {
		return // no dialog to end
	}
	if no == w.m.Attempt {
		w.end(no)
	}
	w.send(event{in: CalledGone, attempt: no})
}

func plans(t *rapid.T) []policy.Target {
	words := []string{"408", "480", "486", "500", "503", policy.HuntTimeout, policy.HuntTransport}
	list := make([]policy.Target, rapid.IntRange(1, 4).Draw(t, "targets"))
	for i := range list {
		list[i].HuntOn = policy.HuntOn(rapid.SliceOfNDistinct(rapid.SampledFrom(words), 0, len(words), rapid.ID[string]).Draw(t, "hunt_on"))
		if rapid.Bool().Draw(t, "default") {
			list[i].HuntOn = policy.HuntOn(policy.DefaultHuntOn())
		}
	}
	return list
}

// Whatever happens, in whatever order: a call ends once, its caller gets one
// final response, nobody is dialled or left behind afterwards, and the state can
// be written and read back at any point.
func TestMachineModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, live: map[int]bool{}, over: map[int]bool{}}
		if rapid.Bool().Draw(t, "answered at once") {
			w.send(event{in: Planned, targets: plans(t)})
			w.send(event{in: Answered, attempt: 1})
			w.pending = 0
			w.send(event{in: Journaled})
		}
		party := rapid.SampledFrom([]Party{Caller, Called})
		steps := map[string]func(*rapid.T){
			"planned":   func(t *rapid.T) { w.send(event{in: Planned, targets: plans(t)}) },
			"rang":      func(*rapid.T) { w.send(event{in: Rang, attempt: w.anyAttempt()}) },
			"answered":  func(*rapid.T) { w.send(event{in: Answered, attempt: w.anyAttempt()}) },
			"failed":    func(*rapid.T) { w.fails() },
			"timeout":   func(*rapid.T) { w.timesOut() },
			"journaled": func(*rapid.T) { w.journaled() },
			"caller gone": func(t *rapid.T) {
				if w.m.Phase != Talking || rapid.IntRange(0, 9).Draw(t, "bye") == 0 {
					w.callerGone()
				}
			},
			"called gone": func(t *rapid.T) {
				if w.m.Phase != Talking || rapid.IntRange(0, 9).Draw(t, "bye") == 0 {
					w.calledGone()
				}
			},
			"offers":    func(t *rapid.T) { w.reoffers(party.Draw(t, "party")) },
			"withdraws": func(t *rapid.T) { w.withdraws(party.Draw(t, "party")) },
			"replies":   func(t *rapid.T) { w.replies(party.Draw(t, "party")) },
			"unplanned": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "refused") == 0 {
					w.send(event{in: Unplanned, status: 404, end: cdr.EndNoRoute})
				}
			},
			"stop": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "stop") == 0 {
					w.stopped = w.stopped || w.m.Phase != Done
					w.send(event{in: Stop, status: 503, end: cdr.EndShutdown})
				}
			},
		}
		t.Repeat(steps)
		w.stopped = w.stopped || w.m.Phase != Done
		w.send(event{in: Stop, end: cdr.EndShutdown})
		if w.finished != 1 || len(w.live) != 0 {
			t.Fatalf("%d times finished, %v left", w.finished, w.live)
		}
	})
}
