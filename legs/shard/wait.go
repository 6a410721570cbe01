package shard

import "time"

// EnqueueWithin is [Set.Enqueue] for a producer that can wait, such as the reader
// of a connection: when the queue is full it waits for room, no longer than d. It
// must not be called inside Handle, nor from a goroutine that others wait for.
func (s *Set[E]) EnqueueWithin(id ID, q Queue, ev E, d time.Duration) bool {
	sh := &s.shards[id]
	ok, claimed := s.offer(sh, q, ev, s.limit[q])
	if !ok && d > 0 {
		ok, claimed = s.insist(sh, q, ev, d)
	}
	if claimed {
		s.run(sh, quantum)
	}
	if !ok {
		s.cfg.Metrics.refused[q].Inc()
	}
	return ok
}

// EnqueueWithin is [Set.EnqueueWithin]; what has been gathered is run first.
func (b Batch[E]) EnqueueWithin(id ID, q Queue, ev E, d time.Duration) bool {
	b.r.run(quantum)
	return b.r.set.EnqueueWithin(id, q, ev, d)
}

// insist offers again whenever there may be room.
func (s *Set[E]) insist(sh *Shard[E], q Queue, ev E, d time.Duration) (ok, claimed bool) {
	room := make(chan struct{}, 1)
	sh.mu.Lock()
	sh.waiting[q] = append(sh.waiting[q], room)
	sh.mu.Unlock()
	s.cfg.Metrics.waited[q].Inc()
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		if ok, claimed = s.offer(sh, q, ev, s.limit[q]); ok {
			break
		}
		select {
		case <-room:
			continue
		case <-timer.C:
		}
		break
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for i, w := range sh.waiting[q] {
		if w == room {
			sh.waiting[q] = append(sh.waiting[q][:i], sh.waiting[q][i+1:]...)
			break
		}
	}
	sh.callWaiting(q) // what woke us may have been meant for two
	return ok, claimed
}

// callWaiting wakes who waits longest for room. sh.mu is held.
func (sh *Shard[E]) callWaiting(q Queue) {
	if len(sh.waiting[q]) == 0 {
		return
	}
	select {
	case sh.waiting[q][0] <- struct{}{}:
	default: // it is awake already
	}
}
