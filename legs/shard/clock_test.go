package shard

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// By hand: timers of all shards fire in the order of time, at their own time.
func TestAdvance(t *testing.T) {
	type fired struct {
		shard ID
		after time.Duration
	}
	var got []fired
	s := newSet(Config[time.Duration]{Handle: func(sh *Shard[time.Duration], again time.Duration, now time.Time) {
		got = append(got, fired{sh.ID, now.Sub(t0)})
		if again > 0 {
			sh.Wheel.Schedule(now.Add(again), again)
		}
	}})
	s.Enqueue(200, New, 400*time.Millisecond)
	s.Enqueue(3, InDialog, time.Second)
	s.Shard(9).Wheel.Schedule(t0.Add(90*time.Second), 0) // before the shard has ever run

	ms := time.Millisecond
	for _, tt := range []struct {
		to   time.Duration
		want []fired
	}{
		{0, []fired{{200, 0}, {3, 0}}},
		{399 * ms, nil},
		{2 * time.Second, []fired{{200, 400 * ms}, {200, 800 * ms}, {3, 1000 * ms}, {200, 1200 * ms}, {200, 1600 * ms}, {3, 2000 * ms}, {200, 2000 * ms}}},
		{2 * time.Second, nil},
		{time.Second, nil},
	} {
		s.Advance(t0.Add(tt.to))
		if !slices.Equal(got, tt.want) {
			t.Fatalf("at %v: got %v, want %v", tt.to, got, tt.want)
		}
		if want := t0.Add(max(tt.to, s.Now().Sub(t0))); s.Now() != want {
			t.Fatalf("now is %v, want %v", s.Now(), want)
		}
		got = nil
	}
	s.Advance(t0.Add(2 * time.Minute))
	if !slices.Contains(got, fired{9, 90 * time.Second}) {
		t.Error("the timer from before the first event was lost")
	}
}

// A timer that is due goes before an event that waits.
func TestTimerBeforeEvents(t *testing.T) {
	var got []string
	now := t0
	s := NewSet(Config[string]{Now: func() time.Time { return now }, Handle: func(sh *Shard[string], ev string, at time.Time) {
		got = append(got, ev)
		if ev == "start" {
			sh.Wheel.Schedule(at.Add(50*time.Millisecond), "timer")
			sh.Enqueue(sh.ID, InDialog, "event 1")
			sh.Enqueue(sh.ID, InDialog, "event 2")
		}
		if ev == "event 1" {
			now = now.Add(time.Second)
		}
	}})
	s.Enqueue(1, New, "start")
	if want := []string{"start", "event 1", "timer", "event 2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The clock goroutine fires the timers of idle shards within the resolution, and
// Stop leaves nothing behind.
func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		fired := make(chan time.Duration, 2*Count)
		s := NewSet(Config[time.Duration]{Handle: func(sh *Shard[time.Duration], at time.Duration, now time.Time) {
			if at > 0 && now.Before(start.Add(at)) {
				t.Errorf("timer for %v fires at %v", at, now.Sub(start))
			}
			if at > 0 {
				fired <- now.Sub(start) - at
				return
			}
			sh.Wheel.Schedule(start.Add(time.Duration(sh.ID)*7*time.Millisecond+1), time.Duration(sh.ID)*7*time.Millisecond+1)
			sh.Wheel.Schedule(start.Add(3*time.Minute), 3*time.Minute)
		}})
		s.Start()
		s.Start() // once is enough
		for id := range Count {
			s.Enqueue(ID(id), New, 0)
		}
		time.Sleep(3*time.Minute + 2*Resolution) // the bubble's clock
		synctest.Wait()
		s.Stop()
		s.Stop()
		if len(fired) != 2*Count {
			t.Fatalf("%d timers fired, want %d", len(fired), 2*Count)
		}
		for range 2 * Count {
			// Up to a tick for the resolution and one for the ticker's phase.
			if late := <-fired; late > 2*Resolution {
				t.Errorf("%v late", late)
			}
		}
		s.Enqueue(0, New, 0) // still handled
		if s.Depth(New) != 0 {
			t.Error("an event after Stop waits for ever")
		}
	})
}

// A set can be started again, and timers that came due meanwhile fire then.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fired atomic.Int32
		s := NewSet(Config[bool]{Handle: func(sh *Shard[bool], timer bool, now time.Time) {
			if timer {
				fired.Add(1)
				return
			}
			sh.Wheel.Schedule(now.Add(time.Second), true)
		}})
		s.Start()
		s.Enqueue(1, New, false)
		s.Stop()
		time.Sleep(time.Minute)
		if fired.Load() != 0 {
			t.Error("fired without a clock")
		}
		s.Start()
		time.Sleep(2 * Resolution)
		synctest.Wait()
		s.Stop()
		if fired.Load() != 1 {
			t.Error("lost")
		}
	})
}

// A shard that is never empty does not keep the goroutine that happened to find
// it idle, nor the shards that wait behind it.
func TestHandOver(t *testing.T) {
	var release atomic.Bool
	var handled, neighbour atomic.Int32
	var s *Set[int]
	s = NewSet(Config[int]{Handle: func(sh *Shard[int], left int, _ time.Time) {
		if sh.ID != 1 {
			neighbour.Add(1)
			return
		}
		if handled.Add(1) == 1 {
			sh.Enqueue(2, New, 0)
		}
		if !release.Load() {
			s.Enqueue(sh.ID, InDialog, 0)
			runtime.Gosched()
		}
	}})
	s.Start()
	s.Enqueue(1, New, 0) // would never return
	s.Enqueue(3, New, 0) // and so nobody would have come here
	if n := handled.Load() + neighbour.Load(); n < quantum {
		t.Errorf("handed over after %d events", n)
	}
	if s.Shard(1).claim() {
		t.Error("the busy shard is idle")
	}
	release.Store(true)
	s.Stop()
	if neighbour.Load() != 2 || s.Depth(InDialog) != 0 {
		t.Errorf("%d neighbours ran, %d events left", neighbour.Load(), s.Depth(InDialog))
	}
	if n := counterValue(t, s.cfg.Metrics.handovers); n < 1 {
		t.Error("not counted")
	}
}

// Shards that are claimed and wait go along when a run is handed over.
func TestHandOverOfWaiting(t *testing.T) {
	var release atomic.Bool
	var ran sync.Map
	s := NewSet(Config[int]{Handle: func(sh *Shard[int], left int, _ time.Time) {
		ran.Store(sh.ID, true)
		switch {
		case sh.ID == 1: // wakes two, and is drained
			sh.Enqueue(2, New, 0)
			sh.Enqueue(3, New, 0)
		case sh.ID == 2 && !release.Load(): // keeps busy until released
			sh.Enqueue(2, InDialog, 0)
			runtime.Gosched()
		case sh.ID == 3: // so this one must not wait for it
			release.Store(true)
		}
	}})
	s.Start()
	s.Enqueue(1, New, 0)
	s.Stop()
	if _, ok := ran.Load(ID(3)); !ok {
		t.Error("shard 3 never ran")
	}
}

// Who drives the clock by hand can go from timer to timer.
func TestNext(t *testing.T) {
	s := newSet(Config[time.Duration]{Handle: func(*Shard[time.Duration], time.Duration, time.Time) {}})
	s.Advance(t0)
	if at, ok := s.Next(); ok {
		t.Errorf("nothing to do, and yet at %v", at)
	}
	s.Shard(9).Wheel.Schedule(t0.Add(time.Hour), 0)
	s.Enqueue(9, New, 0)
	for range 100 {
		at, ok := s.Next()
		if !ok {
			return
		}
		if at.After(t0.Add(time.Hour)) {
			t.Fatalf("overslept: %v", at.Sub(t0))
		}
		s.Advance(at)
	}
	t.Error("there is always something to do")
}
