package txn_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"b2bua/legs/txn"
)

// serverWorld is to a server transaction what clientWorld is to a client.
type serverWorld struct {
	t    *rapid.T
	s    txn.Server
	now  time.Time
	wake time.Time
	over bool

	count    int
	final    int       // status of the first final response
	finalAt  time.Time // when it was given
	ackAt    time.Time // the first ACK after it
	last     string    // the response that answers a retransmission
	resends  []time.Time
	timeouts int
}

func (w *serverWorld) fireUntil(limit time.Time) {
	for n := 0; !w.wake.IsZero() && !w.wake.After(limit); n++ {
		if n > 1000 {
			w.t.Fatal("it wakes for ever")
		}
		w.now = w.wake
		res := w.s.Fire(w.now)
		if res.Do.Has(txn.SendStored) {
			w.resends = append(w.resends, w.now)
		}
		if !res.Wake.IsZero() && !res.Wake.After(w.now) {
			w.t.Fatalf("at %v: wants to wake at %v", w.now.Sub(epoch), res.Wake.Sub(epoch))
		}
		w.after(res)
	}
	w.now = limit
}

func (w *serverWorld) after(res txn.Result) {
	if w.over && (res.Do != 0 || !res.Wake.IsZero()) {
		w.t.Fatalf("after its end: %v, wake %v", res.Do, res.Wake)
	}
	if res.Do.Has(txn.SendStored) && string(w.s.Response) != w.last {
		w.t.Fatalf("sends %q, want %q", w.s.Response, w.last)
	}
	if res.Do.Has(txn.Timeout) {
		w.timeouts++
	}
	if res.Do.Has(txn.Done) != (!w.over && w.s.State == txn.Terminated) {
		w.t.Fatalf("%v in state %v", res.Do, w.s.State)
	}
	w.over = w.over || res.Do.Has(txn.Done)
	w.wake = res.Wake
}

func (w *serverWorld) respond(status int) {
	w.count++
	response := fmt.Sprint(status, " ", w.count)
	again := w.s.Kind == txn.Invite && w.final/100 == 2 && status/100 == 2
	want := !w.over && (w.final == 0 || again)
	if want {
		w.last = response
		if status >= 200 && w.final == 0 {
			w.final, w.finalAt = status, w.now
		}
	}
	res := w.s.Respond(status, []byte(response), w.now)
	if res.Do.Has(txn.SendStored) != want {
		w.t.Fatalf("%d after %d: %v", status, w.final, res.Do)
	}
	w.after(res)
}

func (w *serverWorld) request() {
	invite := w.s.Kind == txn.Invite
	want := !w.over && w.last != "" && (!invite || (w.final/100 != 2 && w.ackAt.IsZero()))
	res := w.s.Receive(w.s.Method, w.now)
	if res.Do.Has(txn.SendStored) != want || res.Do.Has(txn.Deliver) {
		w.t.Fatalf("request again after %d: %v", w.final, res.Do)
	}
	w.after(res)
}

func (w *serverWorld) ack() {
	want := !w.over && w.s.Kind == txn.Invite && w.final/100 == 2
	if !w.over && w.final != 0 && w.ackAt.IsZero() {
		w.ackAt = w.now
	}
	res := w.s.Receive("ACK", w.now)
	if res.Do.Has(txn.Deliver) != want || res.Do.Has(txn.SendStored) {
		w.t.Fatalf("ACK after %d: %v", w.final, res.Do)
	}
	w.after(res)
}

func (w *serverWorld) fail() {
	state := w.s.State
	res := w.s.Fail(w.now)
	if w.s.State != state {
		w.t.Fatalf("a transport error leads from %v to %v", state, w.s.State)
	}
	w.after(res)
}

func (w *serverWorld) freeze() {
	text, err := json.Marshal(w.s)
	if err != nil {
		w.t.Fatal(err)
	}
	var s txn.Server
	if err := json.Unmarshal(text, &s); err != nil {
		w.t.Fatal(err)
	}
	again, err := json.Marshal(s)
	if err != nil || string(again) != string(text) {
		w.t.Fatalf("written %s, read %s (%v)", text, again, err)
	}
	w.s = s
}

// expectedResends says when timer G sends the final response again.
func (w *serverWorld) expectedResends() (at []time.Time) {
	if w.s.Reliable || w.s.Kind != txn.Invite || w.final < 300 {
		return nil
	}
	const t1, t2 = 500 * time.Millisecond, 4 * time.Second
	interval, end := t1, w.finalAt.Add(64*t1)
	for due := w.finalAt.Add(t1); due.Before(end); due = due.Add(interval) {
		if !w.ackAt.IsZero() && due.After(w.ackAt) {
			break
		}
		at = append(at, due)
		interval = min(2*interval, t2)
	}
	return at
}

func (w *serverWorld) check() {
	if !w.over {
		w.t.Fatalf("still %v, wake %v", w.s.State, w.wake)
	}
	if want := w.expectedResends(); !slices.EqualFunc(w.resends, want, time.Time.Equal) {
		w.t.Fatalf("sent again at %v, want %v", since(w.resends), since(want))
	}
	wantTimeouts := 0
	if w.s.Kind == txn.Invite && w.final >= 300 && w.ackAt.IsZero() {
		wantTimeouts = 1
	}
	if w.timeouts != wantTimeouts {
		w.t.Fatalf("%d time-outs, want %d", w.timeouts, wantTimeouts)
	}
}

func TestServerModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kind, method := txn.Invite, "INVITE"
		if rapid.Bool().Draw(t, "other") {
			kind, method = txn.NonInvite, "BYE"
		}
		s, res := txn.NewServer(kind, method, rapid.Bool().Draw(t, "reliable"), epoch, nil)
		w := &serverWorld{t: t, s: s, now: epoch}
		if res.Do != txn.Deliver {
			t.Fatalf("begins with %v", res.Do)
		}
		w.after(res)
		pause := gaps()
		statuses := rapid.SampledFrom([]int{100, 100, 180, 183, 200, 202, 302, 404, 486, 503, 603})
		t.Repeat(map[string]func(*rapid.T){
			"":        func(*rapid.T) {},
			"wait":    func(t *rapid.T) { w.fireUntil(w.now.Add(pause.Draw(t, "pause"))) },
			"respond": func(t *rapid.T) { w.respond(statuses.Draw(t, "status")) },
			"request": func(*rapid.T) { w.request() },
			"ack":     func(*rapid.T) { w.ack() },
			"fail":    func(*rapid.T) { w.fail() },
			"freeze":  func(*rapid.T) { w.freeze() },
		})
		if w.final == 0 {
			w.respond(500) // a server waits for its owner, however long that takes
		}
		w.fireUntil(w.now.Add(32*time.Second + 5*time.Second))
		w.check()
		w.request()
		w.respond(200)
	})
}
