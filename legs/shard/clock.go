package shard

import (
	"math"
	"time"
)

// Resolution of the timers: one fires at its time or less than Resolution later,
// and up to four times that where a flow of batches ends.
const Resolution = 10 * time.Millisecond

// Start starts the clock, one goroutine that runs the shards whose timers are
// due, and the runners. A started set stays as it is.
func (s *Set[E]) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		return
	}
	s.started = true
	s.stop = make(chan struct{})
	s.looked.Store(0)
	s.wg.Add(1 + runners())
	go s.tick(s.stop)
	for range runners() {
		go s.serve(s.stop)
	}
}

// Stop stops the clock and the runners, and returns when the last goroutine of
// the set is gone. Stop the producers first: a shard that is kept busy is not
// left alone. Events enqueued afterwards are still handled, by whoever enqueues
// them, but timers no longer fire by themselves.
func (s *Set[E]) Stop() {
	s.mu.Lock()
	if s.started {
		s.started = false
		s.looked.Store(never)
		close(s.stop)
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// Advance moves the clock of a set that is not started, for tests: every timer
// due until now fires in the order of time over all shards, each at its own
// tick, and Advance returns when all shards are drained. From the first call on
// Config.Now is not asked again: the time is what Advance has set. Not to be
// called from Handle.
func (s *Set[E]) Advance(now time.Time) {
	for {
		at, ok := s.Next()
		if !ok || at.After(now) {
			break
		}
		s.set(at)
		s.kick(s.Now(), math.MaxInt)
	}
	s.set(now)
}

// Next is when the first timer is due, or earlier when a shard has not said yet,
// for those who drive the set with Advance; ok is false when there is none.
func (s *Set[E]) Next() (at time.Time, ok bool) {
	first := int64(never)
	for i := range s.next {
		first = min(first, s.next[i].Load())
	}
	if first == never {
		return time.Time{}, false
	}
	return s.base.Add(time.Duration(first) * Resolution), true
}

// set moves the manual clock, forwards only.
func (s *Set[E]) set(now time.Time) {
	if t := s.Now(); now.Before(t) {
		now = t
	}
	s.manual.Store(&now)
}

// patience is how many ticks the clock leaves to batches that came when it woke
// up last. A timer may be so much later when just then no more come.
const patience = 4

// tick is the clock. Where batches come all the time their producers look for
// timers more often than it does; then it only sees that they do.
func (s *Set[E]) tick(stop <-chan struct{}) {
	defer s.wg.Done()
	alarm := time.NewTimer(Resolution)
	defer alarm.Stop()
	for {
		select {
		case <-stop:
			return
		case <-alarm.C:
			// Not put off by those who look: that would wake up the runtime.
			if s.look() {
				alarm.Reset(Resolution)
			} else {
				alarm.Reset(patience * Resolution)
			}
		}
	}
}

// look runs the idle shards that have a timer due, and reports false when
// somebody has done so in this tick.
func (s *Set[E]) look() bool {
	now := s.Now()
	tick := tickAt(s.base, now)
	if last := s.looked.Load(); tick <= last || !s.looked.CompareAndSwap(last, tick) {
		return false
	}
	s.kick(now, quantum)
	return true
}

// kick runs the idle shards that have a timer due, as one. A shard that is
// running looks after its timers itself.
func (s *Set[E]) kick(now time.Time, budget int) {
	tick := tickAt(s.base, now)
	r := s.rounds.Get().(*round[E])
	for i := range s.next {
		if sh := &s.shards[i]; s.next[i].Load() <= tick && sh.claim() {
			r.work = append(r.work, sh)
		}
	}
	r.run(budget)
	s.rounds.Put(r)
}
