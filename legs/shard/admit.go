package shard

import (
	"math"
	"runtime"
)

// Admit gives an event to a shard's InDialog queue whatever that queue's limit:
// the result of work that the shard itself asked for (a look-up, a write to the
// journal, a call over the API), of which there is never more than the shard
// has calls. An idle shard is run by a runner: who admits has other work waiting
// (the journal its next entries, the relay its next events), and what several
// admit at a time is then run as one.
func (s *Set[E]) Admit(id ID, ev E) {
	sh := &s.shards[id]
	if _, claimed := s.offer(sh, InDialog, ev, math.MaxInt); claimed && !s.handOver([]*Shard[E]{sh}) {
		s.run(sh, unlimited)
	}
}

// handOver gives claimed shards to the runners. It fails when the set is not
// started: there are none.
func (s *Set[E]) handOver(shards []*Shard[E]) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started {
		return false
	}
	s.handed = append(s.handed, shards...)
	if s.held == 0 {
		s.call()
	}
	return true
}

// togetherQuantum is how many events Together runs itself.
const togetherQuantum = 4 * drainEvery

// Together calls f, which admits events, and then runs what was admitted
// meanwhile on this goroutine, as one, so that nobody has to wake up for it; what
// is more than 64 shards or 256 events is the runners'. It is for who has the time
// to, and must not be called inside Handle.
func (s *Set[E]) Together(f func()) {
	s.hold(1)
	defer func() {
		s.hold(-1)
		for more := true; more; {
			more = s.serveOnce(togetherQuantum) && s.stopped()
		}
	}()
	f()
}

// stopped reports that there are no runners to leave anything to.
func (s *Set[E]) stopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.started
}

func (s *Set[E]) hold(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held += n
}

// call wakes a runner, unless one is waking up already.
func (s *Set[E]) call() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// runners is how many goroutines run what is handed over.
func runners() int { return runtime.GOMAXPROCS(0) }

// roundSize is how many shards a runner takes at a time.
const roundSize = 64

// serve is a runner: it runs what was handed over until the set is stopped and
// nothing is left.
func (s *Set[E]) serve(stop <-chan struct{}) {
	defer s.wg.Done()
	for stopped := false; !stopped; {
		select {
		case <-s.wake:
		case <-stop:
			stopped = true
		}
		for s.serveOnce(quantum) {
		}
	}
}

// serveOnce runs some of what was handed over, and reports whether there was any.
// What is held is left to the last who holds it.
func (s *Set[E]) serveOnce(budget int) bool {
	r := s.rounds.Get().(*round[E])
	defer s.rounds.Put(r)
	r.work = s.takeHanded(r.work)
	if len(r.work) == 0 {
		return false
	}
	s.cfg.Metrics.handovers.Add(float64(len(r.work)))
	r.run(budget)
	return true
}

// takeHanded appends up to a round of what was handed over, and leaves the rest to
// another runner.
func (s *Set[E]) takeHanded(into []*Shard[E]) []*Shard[E] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held > 0 || len(s.handed) == 0 {
		return into
	}
	n := min(len(s.handed), roundSize)
	into = append(into, s.handed[:n]...)
	left := copy(s.handed, s.handed[n:])
	clear(s.handed[left:])
	if s.handed = s.handed[:left]; left > 0 {
		s.call()
	}
	return into
}
