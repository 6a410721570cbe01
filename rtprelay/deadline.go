package rtprelay

import (
	"container/heap"
	"time"
)

// deadline is a session's place among its worker's media timeouts.
type deadline struct {
	timeout time.Duration // 0 = off
	armed   time.Duration // when it was set: silence counts from here at the earliest
	due     time.Duration // when to look again; not later than the real deadline
	index   int           // in the heap, plus one; 0 = not there
	known   bool          // the worker has it: in the heap, or done with
}

// deadlines orders the sessions of a worker by when to look at them next. A
// session that turns out to have had media is put back at its true deadline,
// so a packet costs nothing here and a session costs one look per timeout.
type deadlines []*Session

// Len implements heap.Interface.
func (d deadlines) Len() int { return len(d) }

// Less implements heap.Interface.
func (d deadlines) Less(i, j int) bool { return d[i].deadline.due < d[j].deadline.due }

// Swap implements heap.Interface.
func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].deadline.index, d[j].deadline.index = i+1, j+1
}

// Push implements heap.Interface.
func (d *deadlines) Push(x any) {
	s := x.(*Session)
	*d = append(*d, s)
	s.deadline.index = len(*d)
}

// Pop implements heap.Interface.
func (d *deadlines) Pop() any {
	old := *d
	s := old[len(old)-1]
	old[len(old)-1] = nil
	*d = old[:len(old)-1]
	s.deadline.index = 0
	return s
}

// set gives s a timeout that counts from now, or none.
func (d *deadlines) set(s *Session, timeout, now time.Duration) {
	d.remove(s)
	s.deadline.known = true
	s.deadline.timeout, s.deadline.armed, s.deadline.due = timeout, now, now+timeout
	if timeout > 0 {
		heap.Push(d, s)
	}
}

// remove forgets s.
func (d *deadlines) remove(s *Session) {
	if s.deadline.index > 0 {
		heap.Remove(d, s.deadline.index-1)
	}
}

// next returns the session to look at when one is due at now, else nil.
func (d deadlines) next(now time.Duration) *Session {
	if len(d) == 0 || d[0].deadline.due > now {
		return nil
	}
	return d[0]
}

// postpone moves s, which is in the heap, to due.
func (d *deadlines) postpone(s *Session, due time.Duration) {
	s.deadline.due = due
	heap.Fix(d, s.deadline.index-1)
}

// wait returns how long from now until a session is due, negative for ever.
func (d deadlines) wait(now time.Duration) time.Duration {
	if len(d) == 0 {
		return -1
	}
	return max(d[0].deadline.due-now, 0)
}

// silentSince returns since when a joined pair of streams, both of which may
// receive, has had no media, and false when there is no such pair: on hold, not
// answered yet, or without a peer. Only the worker calls it.
func (s *Session) silentSince() (time.Duration, bool) {
	last, running := s.deadline.armed, false
	for _, st := range s.open {
		c := st.control.Load()
		if c.peer == nil || !c.recv {
			continue
		}
		other := c.peer.control.Load()
		if !other.recv {
			continue
		}
		running = true
		last = max(last, c.since, time.Duration(st.counters.lastArrival.Load()))
	}
	return last, running
}
