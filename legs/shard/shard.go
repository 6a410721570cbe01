// Package shard spreads the signalling work of the process over a fixed number
// of shards. A shard owns its transactions, legs, calls and timers and is never
// run by two goroutines at once, so nothing it owns needs a lock.
//
// The path of an event, in the order of the files:
//
//	Owner / Of            which shard (ids.go)
//	Set.Enqueue, Batch    into one of the shard's two bounded queues (set.go, ring.go)
//	round                 due timers, then in-dialog events, then new ones (round.go)
//	Config.Handle         the owner's code, inside a panic fence (fence.go)
//	Config.Drained        flush what the events wrote, of all shards of a round (fence.go)
//
// Whoever enqueues to an idle shard runs it until it is empty, and a reader that
// has a batch runs the shards of the batch together: there is no worker goroutine
// per shard and no hand-over between threads on the normal path. A running shard
// only takes the event into its queue. What wakes an idle shard for a timer is
// whoever has run a batch, or one goroutine for all of them (clock.go).
package shard

import (
	"math"
	"sync"
	"time"
)

// Count is the number of shards, fixed for ever: it is written into the ids that
// leave the process (see [Seed]), and those outlive it.
const Count = 256

// An ID names one of the [Count] shards.
type ID uint8

// A Queue is one of the two queues of a shard.
type Queue uint8

// The two queues. New work is taken only when nothing waits in InDialog, so that
// an overload never touches what has already been accepted.
const (
	InDialog Queue = iota // what carries our ids: responses, in-dialog requests, results of blocking work
	New                   // what does not: the first request of a call, and everything stateless
	queues                // how many there are
)

// String is the value of the metric label "queue".
func (q Queue) String() string {
	if q == InDialog {
		return "in_dialog"
	}
	return "new"
}

// Defaults of [Config], and the two constants that keep one busy shard from
// starving everything else.
const (
	DefaultInDialogLimit = 1024
	DefaultNewLimit      = 32

	drainEvery = 64   // events after which Drained runs even if more are waiting
	quantum    = 1024 // events after which a run moves to a runner
)

// Config says what the shards do. Only Handle is required. E is the event type;
// it is copied, so large events should be pointers.
type Config[E any] struct {
	// InDialogLimit and NewLimit bound the two queues of each shard, in events.
	// 0 means [DefaultInDialogLimit] and [DefaultNewLimit].
	InDialogLimit, NewLimit int

	// Handle takes one event, or one timer that is due. It runs alone on its
	// shard, with no lock held, and must not block.
	Handle func(sh *Shard[E], ev E, now time.Time)

	// Panic is told of a panic in Handle, or in Drained (for each shard, and ev is
	// nil then). It runs on the shard, which goes on with the next event afterwards. ev is
	// valid only during the call. nil: the panic is only counted.
	Panic func(sh *Shard[E], ev *E, v any, stack []byte)

	// Drained is called after shards have handled events and before they go
	// idle, and after every 64 events when they do not: the place to flush
	// writes. It has the shards to itself, as Handle has one. nil: nothing.
	Drained func(shards []*Shard[E])

	// Now is the clock. nil means time.Now.
	Now func() time.Time

	// Metrics is where the set counts; each set needs its own. nil: a set of
	// collectors that nobody reads.
	Metrics *Metrics
}

func (c Config[E]) withDefaults() Config[E] {
	if c.Handle == nil {
		panic("shard: Config.Handle is nil")
	}
	if c.InDialogLimit <= 0 {
		c.InDialogLimit = DefaultInDialogLimit
	}
	if c.NewLimit <= 0 {
		c.NewLimit = DefaultNewLimit
	}
	if c.Panic == nil {
		c.Panic = func(*Shard[E], *E, any, []byte) {}
	}
	if c.Drained == nil {
		c.Drained = func([]*Shard[E]) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Metrics == nil {
		c.Metrics = NewMetrics(nil)
	}
	return c
}

// A Shard is one slice of the process's calls. Its exported fields belong to
// whoever runs it: they may be used inside Handle, Drained and Panic, and before
// the first event, and nowhere else.
type Shard[E any] struct {
	ID    ID
	Wheel Wheel[E] // timers; what is due comes to Handle
	State any      // the owner's; set once through [Set.Shard] before the first event

	// Only the runner touches these.
	set     *Set[E]
	current E           // the event in Handle, here so that Panic can see it
	now     time.Time   // what the clock said last
	stale   bool        // an event has been handled since
	claimed []*Shard[E] // shards this one woke, to be run when it is drained

	mu      sync.Mutex
	running bool // somebody runs the shard: queue and leave
	queue   [queues]ring[E]
	handled [queues]uint64          // events taken, for the metrics
	waiting [queues][]chan struct{} // producers that wait for room, in order
}

// never is the next deadline of a shard without timers.
const never = math.MaxInt64
