package shard

// Sizes of a ring, in events: what the first push allocates, and the most that
// an empty ring keeps. An idle set of shards holds no memory for events.
const (
	ringStart = 8
	ringKeep  = 64
)

// A ring is a bounded first-in first-out queue that grows as it fills. The zero
// ring is empty.
type ring[E any] struct {
	buf  []E
	head int // index of the oldest event
	n    int // events in the ring
}

// push adds an event unless limit events are in the ring already.
func (r *ring[E]) push(ev E, limit int) bool {
	if r.n >= limit {
		return false
	}
	if r.n == len(r.buf) {
		r.grow(limit)
	}
	i := r.head + r.n
	if i >= len(r.buf) {
		i -= len(r.buf)
	}
	r.buf[i] = ev
	r.n++
	return true
}

// pop takes the oldest event.
func (r *ring[E]) pop() (ev E, ok bool) {
	if r.n == 0 {
		return ev, false
	}
	var zero E
	ev, r.buf[r.head] = r.buf[r.head], zero // the ring must not keep the event alive
	if r.head++; r.head == len(r.buf) {
		r.head = 0
	}
	r.n--
	return ev, true
}

// trim gives back the memory of an empty ring that a burst has made large.
func (r *ring[E]) trim() {
	if r.n == 0 && len(r.buf) > ringKeep {
		r.buf, r.head = nil, 0
	}
}

func (r *ring[E]) grow(limit int) {
	buf := make([]E, min(limit, max(ringStart, 2*len(r.buf))))
	n := copy(buf, r.buf[r.head:])
	copy(buf[n:], r.buf[:r.head])
	r.buf, r.head = buf, 0
}
