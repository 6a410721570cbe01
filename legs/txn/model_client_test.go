package txn_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"b2bua/legs/txn"
)

// clientWorld runs one client transaction under a virtual clock and writes down
// what happens. The oracle is in check: it knows the RFC's instants in closed
// form and nothing of states.
type clientWorld struct {
	t     *rapid.T
	c     txn.Client
	now   time.Time
	wake  time.Time
	over  bool
	ended time.Time

	heard      []time.Time // 1xx received before a final
	stopped    time.Time   // when retransmission has to stop; zero: only at the time-out
	resends    []time.Time
	delivered2 int // 2xx passed up
	received2  int // 2xx received that the RFC wants passed up
	refusals   int // 300-699 passed up
	acks       int
	refused    int // 300-699 received after a first one and before the end
	failures   int // Timeout and TransportFailed
}

func (w *clientWorld) fireUntil(limit time.Time) {
	for n := 0; !w.wake.IsZero() && !w.wake.After(limit); n++ {
		if n > 1000 {
			w.t.Fatal("it wakes for ever")
		}
		w.now = w.wake
		res := w.c.Fire(w.now)
		if res.Do.Has(txn.SendStored) {
			w.resends = append(w.resends, w.now)
		}
		if res.Do.Has(txn.SendAck) || res.Do.Has(txn.Deliver) {
			w.t.Fatalf("a timer cannot mean %v", res.Do)
		}
		if !res.Wake.IsZero() && !res.Wake.After(w.now) {
			w.t.Fatalf("at %v: wants to wake at %v", w.now.Sub(epoch), res.Wake.Sub(epoch))
		}
		w.after(res)
	}
	w.now = limit
}

// after takes note of what every result may say.
func (w *clientWorld) after(res txn.Result) {
	if w.over && (res.Do != 0 || !res.Wake.IsZero()) {
		w.t.Fatalf("after its end: %v, wake %v", res.Do, res.Wake)
	}
	if res.Do.Has(txn.SendStored) && string(w.c.Request) != "request" {
		w.t.Fatalf("sends %q", w.c.Request)
	}
	if res.Do.Has(txn.SendAck) {
		w.acks++
		if string(w.c.Ack) != "ack" {
			w.t.Fatalf("acknowledges with %q", w.c.Ack)
		}
	}
	if res.Do.Has(txn.Timeout) || res.Do.Has(txn.TransportFailed) {
		w.failures++
	}
	if res.Do.Has(txn.Done) != (!w.over && w.c.State == txn.Terminated) {
		w.t.Fatalf("%v in state %v", res.Do, w.c.State)
	}
	if res.Do.Has(txn.Done) {
		w.over, w.ended = true, w.now
	}
	w.wake = res.Wake
}

func (w *clientWorld) receive(status int) {
	invite := w.c.Kind == txn.Invite
	final := w.delivered2 > 0 || w.refusals > 0
	if status < 200 && !final && !w.over {
		w.heard = append(w.heard, w.now)
	}
	if status >= 300 && invite {
		w.c.SetAck([]byte("ack"))
	}
	if status/100 == 2 && !w.over && w.refusals == 0 && (invite || !final) {
		w.received2++
	}
	if status >= 300 && invite && w.refusals > 0 && !w.over {
		w.refused++
	}
	if w.stopped.IsZero() && (invite || status >= 200) {
		w.stopped = w.now
	}
	res := w.c.Receive(status, w.now)
	if res.Do.Has(txn.Deliver) {
		switch {
		case status/100 == 2:
			w.delivered2++
		case status >= 300:
			w.refusals++
		case final:
			w.t.Fatalf("a %d delivered after the final response", status)
		}
	} else if status < 200 && !final && !w.over {
		w.t.Fatalf("a %d is lost", status)
	}
	w.after(res)
}

func (w *clientWorld) fail() {
	res := w.c.Fail(w.now)
	if res.Do != 0 && w.stopped.IsZero() {
		w.stopped = w.now
	}
	w.after(res)
}

// freeze writes the transaction out and reads it in again: nothing may change.
func (w *clientWorld) freeze() {
	text, err := json.Marshal(w.c)
	if err != nil {
		w.t.Fatal(err)
	}
	var c txn.Client
	if err := json.Unmarshal(text, &c); err != nil {
		w.t.Fatal(err)
	}
	again, err := json.Marshal(c)
	if err != nil || string(again) != string(text) {
		w.t.Fatalf("written %s, read %s (%v)", text, again, err)
	}
	w.c = c
}

// expectedResends says when the request is sent again.
func (w *clientWorld) expectedResends() (at []time.Time) {
	if w.c.Reliable {
		return nil
	}
	const t1, t2 = 500 * time.Millisecond, 4 * time.Second
	interval, end := t1, epoch.Add(64*t1)
	for due := epoch.Add(t1); due.Before(end); due = due.Add(interval) {
		if !w.stopped.IsZero() && due.After(w.stopped) {
			break
		}
		at = append(at, due)
		interval *= 2
		if w.c.Kind == txn.NonInvite {
			interval = min(interval, t2)
			if len(w.heard) > 0 && w.heard[0].Before(due) {
				interval = t2
			}
		}
	}
	return at
}

func (w *clientWorld) check() {
	if !w.over {
		w.t.Fatalf("still %v, wake %v", w.c.State, w.wake)
	}
	if want := w.expectedResends(); !slices.EqualFunc(w.resends, want, time.Time.Equal) {
		w.t.Fatalf("sent again at %v, want %v", since(w.resends), since(want))
	}
	if w.refusals > 1 || (w.refusals > 0 && w.delivered2 > 0) {
		w.t.Fatalf("%d refusals and %d 2xx delivered", w.refusals, w.delivered2)
	}
	if w.delivered2 != w.received2 {
		w.t.Fatalf("%d of %d 2xx delivered", w.delivered2, w.received2)
	}
	if w.c.Kind == txn.NonInvite && w.delivered2 > 1 {
		w.t.Fatalf("%d final responses delivered", w.delivered2)
	}
	if w.c.Kind == txn.Invite && w.acks != w.refusals+w.refused {
		w.t.Fatalf("%d ACKs to %d refusals", w.acks, w.refusals+w.refused)
	}
	if w.refusals+min(1, w.delivered2)+w.failures == 0 || w.failures > 1 {
		w.t.Fatalf("%d refusals, %d answers, %d failures: the owner must learn of one end",
			w.refusals, w.delivered2, w.failures)
	}
	if w.c.Request != nil {
		w.t.Fatal("the request is still in memory")
	}
}

func since(at []time.Time) (out []time.Duration) {
	for _, a := range at {
		out = append(out, a.Sub(epoch))
	}
	return out
}

// gaps are the pauses between two inputs: none, shorter than a timer, on the very
// instant of one, longer than all.
func gaps() *rapid.Generator[time.Duration] {
	return rapid.OneOf(
		rapid.SampledFrom([]time.Duration{
			0, 500 * time.Millisecond, time.Second, 4 * time.Second, 5 * time.Second, 32 * time.Second, 181 * time.Second,
		}),
		rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.IntRange(1, 40_000).Draw(t, "ms")) * time.Millisecond
		}),
		rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.IntRange(1, 1500).Draw(t, "ms")) * time.Millisecond
		}),
	)
}

func TestClientModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kind, method := txn.Invite, "INVITE"
		if rapid.Bool().Draw(t, "other") {
			kind, method = txn.NonInvite, "BYE"
		}
		reliable := rapid.Bool().Draw(t, "reliable")
		c, res := txn.NewClient(kind, method, "z9hG4bKx", []byte("request"), reliable, epoch, nil)
		w := &clientWorld{t: t, c: c, now: epoch}
		if res.Do != txn.SendStored {
			t.Fatalf("begins with %v", res.Do)
		}
		w.after(res)
		pause := gaps()
		statuses := rapid.SampledFrom([]int{100, 100, 180, 183, 200, 202, 302, 404, 486, 503, 603})
		t.Repeat(map[string]func(*rapid.T){
			"":        func(*rapid.T) {},
			"wait":    func(t *rapid.T) { w.fireUntil(w.now.Add(pause.Draw(t, "pause"))) },
			"receive": func(t *rapid.T) { w.receive(statuses.Draw(t, "status")) },
			"cancel":  func(*rapid.T) { w.after(w.c.Cancelled(w.now)) },
			"fail":    func(*rapid.T) { w.fail() },
			"freeze":  func(*rapid.T) { w.freeze() },
		})
		stop := w.now
		w.fireUntil(stop.Add(181*time.Second + 32*time.Second)) // timer C, then the CANCEL's bound
		w.check()
		w.receive(200)
		w.fail()
	})
}
