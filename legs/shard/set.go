package shard

import (
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

	rounds sync.Pool     // of *round
	looked atomic.Int64  // the newest tick whose timers somebody has looked for; never: nobody shall
	wake   chan struct{} // there is something in handed

	mu      sync.Mutex // guards the following fields
	started bool
	stop    chan struct{}
	handed  []*Shard[E]    // claimed shards that wait for a runner
	held    int            // calls of Together under way, which run them
	wg      sync.WaitGroup // the clock and the runners
}

// NewSet makes a set of idle shards. It panics when Handle is missing.
func NewSet[E any](cfg Config[E]) *Set[E] {
	s := &Set[E]{cfg: cfg.withDefaults(), wake: make(chan struct{}, 1)}
	s.rounds.New = func() any { return &round[E]{set: s} }
	s.limit = [queues]int{InDialog: s.cfg.InDialogLimit, New: s.cfg.NewLimit}
	s.base = s.cfg.Now()
	s.looked.Store(never)
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
// a runner so that a hot shard cannot keep a socket's reader from its socket.
// Events of one producer to one queue of a shard keep their order.
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
	ok, claimed = s.offer(&s.shards[id], q, ev, s.limit[q])
	if !ok {
		s.cfg.Metrics.refused[q].Inc()
	}
	return ok, claimed
}

// offer is push within a limit and without counting.
func (s *Set[E]) offer(sh *Shard[E], q Queue, ev E, limit int) (ok, claimed bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if !sh.queue[q].push(ev, limit) {
		return false, false
	}
	claimed = !sh.running
	sh.running = true
	return true, claimed
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
