package shard

import (
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// newSet makes a set whose clock stands still at t0 until Advance.
func newSet[E any](cfg Config[E]) *Set[E] {
	cfg.Now = func() time.Time { return t0 }
	return NewSet(cfg)
}

// Many producers on few shards: nothing is lost or handled twice, each
// producer's events keep their order per queue, and a shard is never run twice
// at a time (the race detector watches the unguarded state).
func TestManyProducers(t *testing.T) {
	type event struct {
		producer, n int
		q           Queue
	}
	type owned struct{ last map[event]int } // by producer and queue
	const producers, each, used = 8, 2000, 3
	s := newSet(Config[event]{
		InDialogLimit: producers * each, NewLimit: producers * each,
		Handle: func(sh *Shard[event], ev event, _ time.Time) {
			o := sh.State.(*owned)
			key := event{producer: ev.producer, q: ev.q}
			if ev.n <= o.last[key] {
				t.Errorf("shard %d: producer %d queue %v: %d after %d", sh.ID, ev.producer, ev.q, ev.n, o.last[key])
			}
			o.last[key] = ev.n
			o.last[event{}]++
		},
	})
	for id := range ID(used) {
		s.Shard(id).State = &owned{last: map[event]int{}}
	}
	var wg sync.WaitGroup
	for p := 1; p <= producers; p++ {
		wg.Go(func() {
			for n := 1; n <= each; n++ {
				q := Queue(n % 2)
				if !s.Enqueue(ID(n%used), q, event{p, n, q}) {
					t.Errorf("refused")
				}
			}
		})
	}
	wg.Wait()
	// Every runner was a producer, and all have returned: an event that is still
	// in a queue has lost its wake-up.
	total := 0
	for id := range ID(used) {
		total += s.Shard(id).State.(*owned).last[event{}]
	}
	if total != producers*each || s.Depth(InDialog)+s.Depth(New) != 0 {
		t.Errorf("handled %d of %d, %d and %d left", total, producers*each, s.Depth(InDialog), s.Depth(New))
	}
}

// The moment between the runner's last look and its going idle loses nothing:
// what came in between keeps it running.
func TestNoLostWakeUp(t *testing.T) {
	handled := 0
	s := newSet(Config[int]{Handle: func(*Shard[int], int, time.Time) { handled++ }})
	sh := s.Shard(1)
	if !sh.claim() || s.step(sh) {
		t.Fatal("not idle")
	}
	if ok, claimed := s.push(1, New, 0); !ok || claimed {
		t.Fatal("a running shard is claimed again")
	}
	if s.rest(sh) {
		t.Fatal("goes idle with an event in its queue")
	}
	s.run(sh, quantum)
	if handled != 1 || !sh.claim() {
		t.Errorf("handled %d", handled)
	}
}

// The clock leaves a shard alone that somebody runs.
func TestKickOfRunningShard(t *testing.T) {
	handled := 0
	s := newSet(Config[int]{Handle: func(*Shard[int], int, time.Time) { handled++ }})
	sh := s.Shard(1)
	sh.claim()
	s.push(1, New, 0)
	if s.kick(t0.Add(time.Hour), quantum); handled != 0 {
		t.Error("run twice at a time")
	}
	if s.run(sh, quantum); handled != 1 {
		t.Errorf("handled %d", handled)
	}
}

// What is in a dialog goes before what is new, also when it comes later.
func TestInDialogFirst(t *testing.T) {
	var got []string
	s := newSet(Config[string]{Handle: func(sh *Shard[string], ev string, _ time.Time) {
		got = append(got, ev)
		switch ev {
		case "start":
			sh.Enqueue(sh.ID, New, "new 1")
			sh.Enqueue(sh.ID, New, "new 2")
			sh.Enqueue(sh.ID, InDialog, "in dialog 1")
			sh.Enqueue(sh.ID, InDialog, "in dialog 2")
		case "new 1":
			sh.Enqueue(sh.ID, InDialog, "in dialog 3")
		}
	}})
	s.Enqueue(5, New, "start")
	want := []string{"start", "in dialog 1", "in dialog 2", "new 1", "in dialog 3", "new 2"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A full queue refuses and counts; the other queue and the other shards do not
// notice.
func TestFullQueue(t *testing.T) {
	var s *Set[int]
	var refused [queues]int
	s = newSet(Config[int]{InDialogLimit: 20, NewLimit: 3, Handle: func(sh *Shard[int], ev int, _ time.Time) {
		if ev != 0 {
			return
		}
		for n := range 30 {
			for q := range queues {
				if !s.Enqueue(sh.ID, q, n+1) {
					refused[q]++
				}
			}
		}
		if got := [...]int{s.Depth(InDialog), s.Depth(New)}; got != [...]int{20, 3} {
			t.Errorf("depth is %v", got)
		}
		if !sh.Enqueue(sh.ID+1, New, 1) {
			t.Error("a full shard fills its neighbour")
		}
	}})
	s.Enqueue(255, InDialog, 0)
	if refused != [...]int{10, 27} {
		t.Errorf("refused %v, want 10 and 27", refused)
	}
	if s.Depth(InDialog)+s.Depth(New) != 0 {
		t.Error("not drained")
	}
}

// A ring is a slice queue with a bound.
func TestRing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 200).Draw(t, "limit")
		var r ring[int]
		var model []int
		for i := range rapid.IntRange(1, 500).Draw(t, "steps") {
			if rapid.IntRange(0, 2).Draw(t, "push") > 0 {
				ok := r.push(i, limit)
				if ok != (len(model) < limit) {
					t.Fatalf("push with %d of %d in it: %v", len(model), limit, ok)
				}
				if ok {
					model = append(model, i)
				}
				continue
			}
			ev, ok := r.pop()
			if ok != (len(model) > 0) || ok && ev != model[0] {
				t.Fatalf("pop gives %d %v, want %v", ev, ok, model)
			}
			if ok {
				model = model[1:]
			}
			if r.trim(); r.n == 0 && len(r.buf) > ringKeep {
				t.Fatalf("an empty ring keeps %d places", len(r.buf))
			}
		}
	})
}

// Handle is not re-entered by its own events.
func TestNoReentry(t *testing.T) {
	depth, handled := 0, 0
	var s *Set[int]
	s = newSet(Config[int]{Handle: func(sh *Shard[int], left int, _ time.Time) {
		if depth++; depth > 1 {
			t.Error("re-entered")
		}
		handled++
		if left > 0 {
			s.Enqueue(sh.ID, InDialog, left-1)
			sh.Enqueue(sh.ID, InDialog, 0)
		}
		depth--
	}})
	s.Enqueue(1, InDialog, 100)
	if handled != 201 {
		t.Errorf("handled %d, want 201", handled)
	}
}

// Events that wander through all shards again and again: with Shard.Enqueue run
// loops do not nest at all, with Set.Enqueue never deeper than there are shards.
func TestNesting(t *testing.T) {
	const hops = 5*Count + 7
	for _, tt := range []struct {
		name    string
		inside  bool
		deepest int
	}{{"Shard.Enqueue", true, 1}, {"Set.Enqueue", false, Count}} {
		t.Run(tt.name, func(t *testing.T) {
			depth, deepest, handled := 0, 0, 0
			var s *Set[int]
			s = newSet(Config[int]{Handle: func(sh *Shard[int], left int, _ time.Time) {
				depth++
				deepest = max(deepest, depth)
				handled++
				if left > 0 && tt.inside {
					sh.Enqueue(sh.ID+1, InDialog, left-1)
				} else if left > 0 {
					s.Enqueue(sh.ID+1, InDialog, left-1)
				}
				depth--
			}})
			s.Enqueue(250, InDialog, hops)
			if handled != hops+1 || deepest > tt.deepest {
				t.Errorf("handled %d of %d, %d deep, want at most %d", handled, hops+1, deepest, tt.deepest)
			}
		})
	}
}

// Two shards that keep enqueuing to each other from several goroutines neither
// deadlock nor lose an event.
func TestPingPong(t *testing.T) {
	const each = 500
	var handled [2]int
	var s *Set[int]
	s = newSet(Config[int]{InDialogLimit: 8 * each, Handle: func(sh *Shard[int], left int, _ time.Time) {
		handled[sh.ID]++
		if left > 0 && left%2 == 0 {
			sh.Enqueue(1-sh.ID, InDialog, left-1)
		} else if left > 0 {
			s.Enqueue(1-sh.ID, InDialog, left-1)
		}
	}})
	var wg sync.WaitGroup
	for p := range ID(4) {
		wg.Go(func() { s.Enqueue(p%2, InDialog, each-1) })
	}
	wg.Wait()
	if handled != [2]int{2 * each, 2 * each} {
		t.Errorf("handled %v, want %d each", handled, 2*each)
	}
}
