package shard

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// What a batch has gathered is handled by Run, and flushed at once for all.
func TestBatch(t *testing.T) {
	var got []int
	var flushed [][]ID
	s := newSet(Config[int]{
		Handle: func(_ *Shard[int], ev int, _ time.Time) { got = append(got, ev) },
		Drained: func(shards []*Shard[int]) {
			var ids []ID
			for _, sh := range shards {
				ids = append(ids, sh.ID)
			}
			flushed = append(flushed, ids)
		},
	})
	b := s.Batch()
	for ev, id := range []ID{3, 1, 3, 2} {
		if !b.Enqueue(id, InDialog, ev) {
			t.Fatal("no room")
		}
	}
	if len(got) > 0 || s.Depth(InDialog) != 4 {
		t.Errorf("handled %v before Run", got)
	}
	b.Run()
	if want := []int{0, 2, 1, 3}; !slices.Equal(got, want) {
		t.Errorf("handled %v, want %v", got, want)
	}
	if len(flushed) != 1 || !slices.Equal(flushed[0], []ID{3, 1, 2}) {
		t.Errorf("flushed %v", flushed)
	}
	if !s.Shard(3).claim() {
		t.Error("shard 3 is not idle")
	}
}

// A batch that fills a queue itself makes room first; one that finds it full is
// refused.
func TestBatchOfFullQueue(t *testing.T) {
	var got []int
	s := newSet(Config[int]{
		NewLimit: 2,
		Handle:   func(_ *Shard[int], ev int, _ time.Time) { got = append(got, ev) },
	})
	b := s.Batch()
	for ev := range 5 {
		if !b.Enqueue(1, New, ev) {
			t.Errorf("event %d refused", ev)
		}
	}
	if !slices.Equal(got, []int{0, 1, 2, 3}) {
		t.Errorf("handled %v before Run", got)
	}
	b.Run()
	if len(got) != 5 {
		t.Errorf("handled %v", got)
	}
	sh := s.Shard(1)
	sh.claim() // by somebody else
	s.Enqueue(1, New, 5)
	s.Enqueue(1, New, 6)
	b = s.Batch()
	if b.Enqueue(1, New, 7) {
		t.Error("no limit")
	}
	b.Run()
	s.run(sh, quantum)
	if len(got) != 7 {
		t.Errorf("handled %v", got)
	}
	if n := counterValue(t, s.cfg.Metrics.refused[New]); n != 1 {
		t.Errorf("%v refused", n)
	}
}

// Who waits for room does not wait for what it holds up itself.
func TestBatchEnqueueWithin(t *testing.T) {
	got := 0
	s := newSet(Config[int]{NewLimit: 1, Handle: func(*Shard[int], int, time.Time) { got++ }})
	b := s.Batch()
	b.Enqueue(1, New, 0)
	if !b.EnqueueWithin(1, New, 1, time.Hour) || got != 2 {
		t.Errorf("%d handled", got)
	}
	b.Run()
}

// Batches look for timers, once a tick, and the clock, which leaves that to them,
// takes over when they end.
func TestBatchLooksForTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var fired []time.Duration
		s := NewSet(Config[time.Duration]{Handle: func(sh *Shard[time.Duration], at time.Duration, now time.Time) {
			if at > 0 {
				fired = append(fired, now.Sub(start)-at)
				return
			}
			for at := time.Duration(1); at <= 400*time.Millisecond; at += Resolution {
				sh.Wheel.Schedule(start.Add(at), at)
			}
		}})
		s.Start()
		defer s.Stop()
		s.Enqueue(1, New, 0)
		for range 50 { // until 200 ms
			time.Sleep(4 * time.Millisecond)
			s.Batch().Run()
		}
		time.Sleep(260 * time.Millisecond)
		synctest.Wait()
		for i, late := range fired {
			limit := Resolution + 4*time.Millisecond
			if i >= 19 && i < 19+patience+1 { // the clock still trusts
				limit = (patience + 1) * Resolution
			} else if i > 20 {
				limit = 2 * Resolution
			}
			if late > limit {
				t.Errorf("timer %d is %v late", i, late)
			}
		}
		if len(fired) != 40 {
			t.Errorf("%d timers fired, want 40", len(fired))
		}
	})
}

// What several admit at a time is handled and flushed, every shard alone, and
// nothing waits when the set has stopped.
func TestRunners(t *testing.T) {
	const producers, each = 4, 5000
	var inside [Count]atomic.Int32
	var handled, flushed atomic.Int32
	s := NewSet(Config[int]{
		Handle: func(sh *Shard[int], left int, _ time.Time) {
			if inside[sh.ID].Add(1) != 1 {
				t.Error("two runners in one shard")
			}
			handled.Add(1)
			if left > 0 {
				sh.Enqueue(sh.ID+1, InDialog, left-1)
			}
			inside[sh.ID].Add(-1)
		},
		Drained: func(shards []*Shard[int]) {
			for _, sh := range shards {
				if inside[sh.ID].Add(1) != 1 {
					t.Error("flushed while it runs")
				}
				inside[sh.ID].Add(-1)
			}
			flushed.Add(1)
		},
		InDialogLimit: producers * each * 2,
	})
	s.Start()
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() {
			draw := rand.New(rand.NewPCG(uint64(p), 1))
			for range each / 10 {
				b := s.Batch()
				for range 5 {
					s.Admit(ID(draw.IntN(Count)), 1)
					b.Enqueue(ID(draw.IntN(Count)), InDialog, 1)
				}
				b.Run()
			}
		})
	}
	wg.Wait()
	s.Stop()
	if n := handled.Load(); n != 2*producers*each || flushed.Load() == 0 {
		t.Errorf("%d events handled, want %d; %d flushes", n, 2*producers*each, flushed.Load())
	}
	if s.Depth(InDialog) != 0 || len(s.handed) != 0 {
		t.Errorf("%d events and %d shards left", s.Depth(InDialog), len(s.handed))
	}
}

// What is admitted together is run by who says so, as one round, and what
// others admit at that time is not left lying.
func TestTogether(t *testing.T) {
	var handled atomic.Int32
	var mu sync.Mutex
	var flushes []int // shards in each
	s := NewSet(Config[int]{
		Handle: func(*Shard[int], int, time.Time) { handled.Add(1) },
		Drained: func(shards []*Shard[int]) {
			mu.Lock()
			defer mu.Unlock()
			flushes = append(flushes, len(shards))
		},
	})
	s.Start()
	s.Together(func() {
		for id := range ID(5) {
			s.Admit(id, 1)
			s.Admit(id, 2)
		}
		if handled.Load() != 0 {
			t.Error("not together")
		}
	})
	if handled.Load() != 10 || !slices.Equal(flushes, []int{5}) { // nobody else runs anything
		t.Errorf("%d handled, flushed %v", handled.Load(), flushes)
	}
	s.Together(func() { // more than one goroutine runs at a time
		for id := range ID(roundSize + 10) {
			s.Admit(id, 1)
		}
	})
	s.Stop()
	if n := handled.Load(); n != 10+roundSize+10 {
		t.Errorf("%d handled", n)
	}
}

// Those who admit while others do so together wake nobody in vain and are not
// forgotten.
func TestTogetherWithOthers(t *testing.T) {
	const each = 2000
	var handled atomic.Int32
	done := make(chan struct{})
	s := NewSet(Config[int]{Handle: func(*Shard[int], int, time.Time) {
		if handled.Add(1) == 4*each {
			close(done)
		}
	}})
	s.Start()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i := range each {
				s.Together(func() { s.Admit(ID(i), 0) })
			}
		})
		wg.Go(func() {
			for i := range each {
				s.Admit(ID(i), 0)
			}
		})
	}
	wg.Wait()
	<-done // the runners are still there: Stop makes nobody look
	s.Stop()
}
