package rtprelay

import (
	"runtime"
	"sync"
	"testing"
)

func TestRingRefusesWhenFullAndKeepsOrder(t *testing.T) {
	t.Parallel()
	r := newRing(3)
	for i := range 5 {
		if got, want := r.push(Event{Index: i}), i < 3; got != want {
			t.Errorf("push %d: %v, want %v", i, got, want)
		}
	}
	if got := r.pop(make([]Event, 0, 2)); len(got) != 2 || got[0].Index != 0 || got[1].Index != 1 {
		t.Errorf("first two: %v", got)
	}
	if !r.push(Event{Index: 9}) {
		t.Error("no room after a pop")
	}
	if got := r.pop(make([]Event, 0, 9)); len(got) != 2 || got[0].Index != 2 || got[1].Index != 9 {
		t.Errorf("the rest: %v", got)
	}
	for _, e := range r.slots {
		if e != (Event{}) {
			t.Errorf("a popped event is still held: %v", e)
		}
	}
}

func TestRingBetweenTwoGoroutines(t *testing.T) {
	t.Parallel()
	const events = 20000
	r := newRing(64)
	var pushing sync.WaitGroup
	pushing.Go(func() {
		for i := 0; i < events; {
			if r.push(Event{Index: i}) {
				i++
			} else {
				runtime.Gosched()
			}
		}
	})
	batch := make([]Event, 0, 16)
	for next := 0; next < events; runtime.Gosched() {
		for _, e := range r.pop(batch[:0]) {
			if e.Index != next {
				t.Fatalf("event %d, want %d", e.Index, next)
			}
			next++
		}
	}
	pushing.Wait()
}
