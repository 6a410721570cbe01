package rtprelay

import (
	"sync"
	"sync/atomic"
	"time"
)

// orderDelay is how long an order that is not urgent may lie while the worker
// has nothing else to do: so long that those of many calls share a wake-up.
const orderDelay = 20 * time.Millisecond

// order is something that a worker does for control code. The orders for every
// call are a pointer with a name, which costs no allocation.
type order interface {
	obey(w *worker, now time.Duration)
	urgent() bool // else a packet's arrival or orderDelay is soon enough
}

// The orders.
type (
	attaching struct{ *Stream }
	syncing   struct{ *Stream }
	detaching struct{ *Stream }
	releasing struct{ *pair }
	ending    struct{ *Session }
	timing    struct {
		*Session
		timeout, from time.Duration
	}
	orderFunc func(now time.Duration)
)

func (o attaching) obey(w *worker, now time.Duration) { w.attach(o.Stream, now) }
func (o syncing) obey(w *worker, _ time.Duration)     { w.sync(o.Stream) }
func (o detaching) obey(w *worker, now time.Duration) { w.detach(o.Stream, now) }
func (o releasing) obey(w *worker, now time.Duration) {
	w.closePair(o.pair, now+max(w.relay.cfg.Quarantine, 0))
}
func (o ending) obey(w *worker, now time.Duration)    { w.end(o.Session, now) }
func (o timing) obey(w *worker, _ time.Duration)      { w.deadlines.set(o.Session, o.timeout, o.from) }
func (o orderFunc) obey(_ *worker, now time.Duration) { o(now) }

func (attaching) urgent() bool { return false } // orders run before the packets of a batch
func (syncing) urgent() bool   { return true }  // a connected socket does not hear the new peer
func (detaching) urgent() bool { return false }
func (releasing) urgent() bool { return false }
func (ending) urgent() bool    { return false }
func (timing) urgent() bool    { return false } // a timeout is longer than orderDelay, and counted from when it was set
func (orderFunc) urgent() bool { return true }

// mailbox is how control code has a worker do what only the worker may:
// anything that touches a socket, a latch or a deadline. Orders run in the
// order they were posted, before the packets of a batch.
type mailbox struct {
	waiting atomic.Bool // put has put something that take has not taken

	mu     sync.Mutex
	orders []order
	spare  []order // the slice of the batch before, to be filled again
	shut   bool
}

// put adds an order. first means that none was waiting; ok is false
// after close.
func (m *mailbox) put(o order) (first, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shut {
		return false, false
	}
	m.orders = append(m.orders, o)
	m.waiting.Store(true)
	return len(m.orders) == 1, true
}

// take returns the waiting orders. The slice is valid until the next take.
func (m *mailbox) take() []order {
	if !m.waiting.Load() { // the usual case
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting.Store(false)
	taken := m.orders
	clear(m.spare)
	m.orders, m.spare = m.spare[:0], taken
	return taken
}

// close refuses further orders; those waiting stay.
func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shut = true
}
