package shard

import "math"

// A round is the shards that one goroutine has claimed and runs together: all
// handle their events first, then one Drained flushes what they wrote, and then
// each goes idle, unless something came in meanwhile. The list replaces
// recursion: what a shard claims while it runs joins the round.
type round[E any] struct {
	set  *Set[E]
	work []*Shard[E]
	more []*Shard[E] // claimed by those of work
}

// run runs one claimed shard; see [round.run] for the budget.
func (s *Set[E]) run(sh *Shard[E], budget int) {
	r := s.rounds.Get().(*round[E])
	r.work = append(r.work, sh)
	r.run(budget)
	s.rounds.Put(r)
}

// run returns when no shard of the round has work left, or hands over what is
// left after budget events. The round is empty then.
//
// No wake-up is lost: a producer either sees running under the mutex, and then
// the check before running is cleared, under the same mutex, sees its event; or
// it sees an idle shard and claims it. A timer that falls due after the last
// look is found by the clock's next tick through next.
func (r *round[E]) run(budget int) {
	for len(r.work) > 0 {
		n, ran := r.handle()
		budget -= n
		if n > 0 {
			r.set.flush(r.work[:ran]) // may enqueue: look again afterwards
		}
		r.settle(ran)
		if budget <= 0 && len(r.work) > 0 && r.set.handOver(r.work) {
			break
		}
	}
	clear(r.work)
	r.work = r.work[:0]
}

// handle lets the shards handle what waits, drainEvery events in all, and
// returns how many these were and how many of the shards have had their turn.
func (r *round[E]) handle() (events, ran int) {
	for _, sh := range r.work {
		sh.now, sh.stale = r.set.Now(), false
		for events < drainEvery && r.set.step(sh) {
			events++
		}
		if ran++; events >= drainEvery {
			break
		}
	}
	return events, ran
}

// settle lets the shards that have had their turn go idle if they can. What
// stays in the round begins with those that have not.
func (r *round[E]) settle(ran int) {
	for _, sh := range r.work[:ran] {
		r.more = append(r.more, sh.claimed...)
		clear(sh.claimed)
		sh.claimed = sh.claimed[:0]
		if !r.set.rest(sh) {
			r.more = append(r.more, sh)
		}
	}
	n := copy(r.work, r.work[ran:])
	clear(r.work[n:])
	r.work = append(r.work[:n], r.more...)
	clear(r.more)
	r.more = r.more[:0]
}

// step handles the next timer or event. Timers go first, then what is in a
// dialog, then what is new. The clock is asked before an event, not to find that
// there is none: a timer that fell due meanwhile is the clock's to find.
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

// A Batch gathers the events of a producer that has several at a time, such as
// a reader of datagrams: [Batch.Run] then runs the shards it found idle as one,
// with one flush. Until then these shards take events and do nothing, so run a
// batch soon. It belongs to one goroutine, which must not be inside Handle.
type Batch[E any] struct{ r *round[E] }

// Batch begins a batch; end it with [Batch.Run].
func (s *Set[E]) Batch() Batch[E] { return Batch[E]{s.rounds.Get().(*round[E])} }

// Enqueue is [Set.Enqueue], but that nothing is handled before Run, unless the
// queue is full: then what has been gathered is run first.
func (b Batch[E]) Enqueue(id ID, q Queue, ev E) bool {
	s := b.r.set
	sh := &s.shards[id]
	ok, claimed := s.offer(sh, q, ev, s.limit[q])
	if !ok && len(b.r.work) > 0 {
		b.r.run(quantum)
		ok, claimed = s.offer(sh, q, ev, s.limit[q])
	}
	if claimed {
		b.r.work = append(b.r.work, sh)
	}
	if !ok {
		s.cfg.Metrics.refused[q].Inc()
	}
	return ok
}

// Run handles what was gathered, and the timers that are due. The batch must
// not be used afterwards.
func (b Batch[E]) Run() {
	b.r.run(quantum)
	b.r.set.rounds.Put(b.r)
	b.r.set.look()
}

// unlimited is the budget of who has nothing else to do.
const unlimited = math.MaxInt
