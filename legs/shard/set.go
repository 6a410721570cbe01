package shard

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// A Set is all [Count] shards of a process. Make one with [NewSet].
type Set[E any] struct {
	cfg    Config[E]
	limit  [queues]int
	base   time.Time // tick 0 of every wheel
	shards [Count]Shard[E]

	// next holds each shard's next deadline as a tick, no later than its first
	// timer. It stands apart from the shards so that the clock reads 2 KiB per
	// tick. 0 (at first) means that the shard has not been looked at yet.
	next   [Count]atomic.Int64
	manual atomic.Pointer[time.Time] // the clock after Advance; nil means cfg.Now

	mu      sync.Mutex
	started bool
	stop    chan struct{}
	wg      sync.WaitGroup // the clock and the runs that were handed over
}

// NewSet makes a set of idle shards. It panics when Handle is missing.
func NewSet[E any](cfg Config[E]) *Set[E] {
	s := &Set[E]{cfg: cfg.withDefaults()}
	s.limit = [queues]int{InDialog: s.cfg.InDialogLimit, New: s.cfg.NewLimit}
	s.base = s.cfg.Now()
	for i := range s.shards {
		sh := &s.shards[i]
		sh.ID, sh.set = ID(i), s
		sh.Wheel = *NewWheel[E](s.base)
	}
	s.cfg.Metrics.watch(s.Depth, s.taken)
	return s
}

// Shard returns a shard so that its owner can set State before the first event.
func (s *Set[E]) Shard(id ID) *Shard[E] { return &s.shards[id] }

// Now is the time that Handle sees: [Config.Now], or what [Set.Advance] has set.
func (s *Set[E]) Now() time.Time {
	if t := s.manual.Load(); t != nil {
		return *t
	}
	return s.cfg.Now()
}

// Depth returns how many events wait in a queue, over all shards.
func (s *Set[E]) Depth(q Queue) int {
	n := 0
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		n += sh.queue[q].n
		sh.mu.Unlock()
	}
	return n
}

// taken returns how many events were taken out of a queue so far.
func (s *Set[E]) taken(q Queue) uint64 {
	var n uint64
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		n += sh.handled[q]
		sh.mu.Unlock()
	}
	return n
}

// Enqueue gives an event to a shard and reports whether there was room; what is
// refused is counted. When the shard is idle the caller runs it: Enqueue then
// returns after the shard is empty, or after 1024 events, when the rest moves to
// a goroutine of its own so that a hot shard cannot keep a socket's reader from
// its socket. Events of one producer to one queue of a shard keep their order.
//
// Do not hold a lock that Handle takes. It may be called from anywhere; inside
// Handle, [Shard.Enqueue] is the better one.
func (s *Set[E]) Enqueue(id ID, q Queue, ev E) bool {
	ok, claimed := s.push(id, q, ev)
	if claimed {
		s.run(&s.shards[id], quantum)
	}
	return ok
}

// Enqueue is [Set.Enqueue] from inside Handle. A shard it finds idle is run by
// this goroutine too, but only when this shard is drained: run loops never nest,
// however the shards enqueue to one another, and Handle is not held up by
// another shard's work.
func (sh *Shard[E]) Enqueue(id ID, q Queue, ev E) bool {
	ok, claimed := sh.set.push(id, q, ev)
	if claimed {
		sh.claimed = append(sh.claimed, &sh.set.shards[id])
	}
	return ok
}

// push queues an event. claimed means that the shard was idle and that the
// caller has just become its runner.
func (s *Set[E]) push(id ID, q Queue, ev E) (ok, claimed bool) {
	sh := &s.shards[id]
	sh.mu.Lock()
	ok = sh.queue[q].push(ev, s.limit[q])
	if ok && !sh.running {
		sh.running, claimed = true, true
	}
	sh.mu.Unlock()
	if !ok {
		s.cfg.Metrics.refused[q].Inc()
	}
	return ok, claimed
}

// run drains a claimed shard, then the shards that it claimed, and so on. The
// work list replaces recursion. After budget events what is left goes to
// goroutines, at most one per shard.
func (s *Set[E]) run(sh *Shard[E], budget int) {
	var waiting []*Shard[E]
	for {
		if !s.drain(sh, &budget, &waiting) {
			if s.handOver(sh, waiting) {
				return
			}
			budget = math.MaxInt // not started: nobody to hand over to
			continue
		}
		if len(waiting) == 0 {
			return
		}
		sh, waiting = waiting[0], waiting[1:]
	}
}

// drain runs a shard until it is empty and reports true, or until the budget is
// used up and reports false: the shard is still claimed then.
//
// No wake-up is lost: a producer either sees running under the mutex, and then
// the check before running is cleared, under the same mutex, sees its event; or
// it sees an idle shard and claims it. A timer that falls due after the last
// look is found by the clock's next tick through next.
func (s *Set[E]) drain(sh *Shard[E], budget *int, waiting *[]*Shard[E]) (idle bool) {
	sh.now, sh.stale = s.Now(), false
	for unflushed := 0; ; {
		if s.step(sh) {
			*budget--
			if unflushed++; unflushed >= drainEvery {
				s.flush(sh)
				unflushed = 0
			}
			if *budget <= 0 && unflushed == 0 {
				return false
			}
			continue
		}
		if unflushed > 0 {
			s.flush(sh) // may enqueue: look again afterwards
			unflushed = 0
			continue
		}
		*waiting = append(*waiting, sh.claimed...)
		clear(sh.claimed)
		sh.claimed = sh.claimed[:0]
		if s.rest(sh) {
			return true
		}
	}
}

// step handles the next timer or event. Timers go first, then what is in a
// dialog, then what is new. The clock is asked before an event, not to find that
// there is none: a timer that fell due meanwhile is the clock goroutine's to find.
func (s *Set[E]) step(sh *Shard[E]) bool {
	if ev, ok := sh.Wheel.pop(sh.now); ok {
		s.handle(sh, ev)
		return true
	}
	sh.mu.Lock()
	if sh.stale && sh.waits() {
		sh.mu.Unlock()
		sh.now, sh.stale = s.Now(), false
		return s.step(sh)
	}
	for q := range sh.queue {
		if ev, ok := sh.take(Queue(q)); ok {
			sh.mu.Unlock()
			s.handle(sh, ev)
			return true
		}
	}
	sh.mu.Unlock()
	return false
}

// waits reports whether there is an event. sh.mu is held.
func (sh *Shard[E]) waits() bool {
	for q := range sh.queue {
		if sh.queue[q].n > 0 {
			return true
		}
	}
	return false
}

// take takes the next event of a queue. sh.mu is held.
func (sh *Shard[E]) take(q Queue) (ev E, ok bool) {
	if ev, ok = sh.queue[q].pop(); ok {
		sh.handled[q]++
		sh.callWaiting(q)
	}
	return ev, ok
}

// rest makes the shard idle unless something came in meanwhile.
func (s *Set[E]) rest(sh *Shard[E]) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.waits() {
		return false
	}
	for q := range sh.queue {
		sh.queue[q].trim()
	}
	s.next[sh.ID].Store(sh.Wheel.next())
	sh.running = false
	return true
}

// claim makes the caller the runner of an idle shard.
func (sh *Shard[E]) claim() bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.running {
		return false
	}
	sh.running = true
	return true
}
