package rtprelay

import "sync/atomic"

// ring is a bounded queue of events from one worker to the goroutine that
// delivers them. It never blocks: a full ring refuses.
type ring struct {
	slots []Event
	_     [64]byte // the two ends are written by different threads
	tail  atomic.Uint64
	_     [64]byte
	head  atomic.Uint64
}

// newRing returns a ring for size events.
func newRing(size int) *ring { return &ring{slots: make([]Event, size)} }

// push appends e and reports whether there was room. Only the worker calls it.
func (r *ring) push(e Event) bool {
	tail := r.tail.Load()
	if tail-r.head.Load() == uint64(len(r.slots)) {
		return false
	}
	r.slots[tail%uint64(len(r.slots))] = e
	r.tail.Store(tail + 1)
	return true
}

// pop appends waiting events to dst until it is full. Only the delivering
// goroutine calls it.
func (r *ring) pop(dst []Event) []Event {
	head, tail := r.head.Load(), r.tail.Load()
	for head != tail && len(dst) < cap(dst) {
		slot := &r.slots[head%uint64(len(r.slots))]
		dst = append(dst, *slot)
		*slot = Event{} // keep no closed stream alive
		head++
	}
	r.head.Store(head)
	return dst
}
