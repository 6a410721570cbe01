package shard

import "math"

// Admit gives an event to a shard's InDialog queue whatever that queue's limit:
// the result of work that the shard itself asked for (a look-up, a write to the
// journal, a call over the API), of which there is never more than the shard
// has calls. An idle shard is run by a goroutine of its own: who admits has
// other work waiting (the journal its next entries, the relay its next events).
func (s *Set[E]) Admit(id ID, ev E) {
	sh := &s.shards[id]
	sh.mu.Lock()
	sh.queue[InDialog].push(ev, math.MaxInt)
	claimed := !sh.running
	sh.running = true
	sh.mu.Unlock()
	if claimed && !s.handOver(sh, nil) {
		s.run(sh, quantum)
	}
}
