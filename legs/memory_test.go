package legs

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"b2bua/legs/shard"
	"b2bua/legs/sipmsg"
)

// What one pair of legs may cost, in bytes of heap. Most of what is there at the
// ACK are transactions.
const (
	maxBytesAtAck   = 3700
	maxBytesSettled = 2700
	maxBytesEnded   = 2600
	maxBytesOver    = 950 // T4 later: two remnants
)

const memoryCalls = 2000

// An established call is what an operator has many of: what the legs keep of it
// is bounded. Right after the ACK the transactions are still there; 64*T1 later
// only the legs are.
func TestMemoryOfAnEstablishedCall(t *testing.T) {
	r := newRelay(t)
	r.lab.stack.newSeed = func(id shard.ID) shard.Seed { return shard.NewSeed(1, id) }
	r.warm()
	before := heap()
	for i := range memoryCalls {
		r.establish(fmt.Sprintf("memory-%d-0123456789abcdef", i))
		r.forget()
	}
	atAck := heap()
	r.lab.pass(40 * time.Second)
	settled := heap()
	if f, err := r.lab.stack.Figures(t.Context()); err != nil || f != (Figures{Legs: 2 * memoryCalls}) {
		t.Fatalf("%+v, %v", f, err)
	}
	bounded(t, "right after the ACK", atAck-before, maxBytesAtAck)
	bounded(t, "after 64*T1", settled-before, maxBytesSettled)
}

// A call that has ended leaves its transactions for 64*T1, but not its legs, nor
// what the bridge has attached to them.
func TestMemoryOfAnEndedCall(t *testing.T) {
	r := newRelay(t)
	r.lab.stack.newSeed = func(id shard.ID) shard.Seed { return shard.NewSeed(1, id) }
	r.warm()
	gone := make(chan struct{}, memoryCalls)
	before := heap()
	for i := range memoryCalls {
		d := r.establish(fmt.Sprintf("memory-%d-0123456789abcdef", i))
		runtime.AddCleanup(r.pair, func(struct{}) { gone <- struct{}{} }, struct{}{})
		r.lab.hear(labPeer, d.bye)
		r.lab.hear(labPeer, bytesOf(t, sipmsg.NewResponse(r.find("BYE", 0), 200, "", "")))
		r.forget()
	}
	after := heap()
	f, err := r.lab.stack.Figures(t.Context())
	if err != nil || f.Legs != 0 || f.ServerTransactions == 0 {
		t.Fatalf("%+v, %v", f, err)
	}
	bounded(t, "after the end", after-before, maxBytesEnded)
	r.lab.pass(6 * time.Second)
	r.lab.wire = nil
	bounded(t, "T4 after the end", heap()-before, maxBytesOver)
	if f, err = r.lab.stack.Figures(t.Context()); err != nil || f != (Figures{ServerTransactions: 2 * memoryCalls}) {
		t.Fatalf("%+v, %v", f, err)
	}
	for range memoryCalls - 1 { // the last one may be on the stack
		select {
		case <-gone:
		case <-time.After(5 * time.Second):
			t.Fatalf("calls that have ended are kept")
		}
	}
}

// warm lets every shard allocate what it keeps, however few its calls are.
func (r *relay) warm() {
	for i := range 4 * shard.Count {
		d := r.establish(fmt.Sprintf("warm-%d", i))
		r.lab.hear(labPeer, d.bye)
		r.lab.hear(labPeer, bytesOf(r.lab.t, sipmsg.NewResponse(r.find("BYE", 0), 200, "", "")))
	}
	r.lab.pass(40 * time.Second)
	r.lab.empty()
	r.forget()
}

func bounded(t *testing.T, when string, total, limit uint64) {
	t.Helper()
	n := total / memoryCalls
	t.Logf("%d bytes per pair of legs %s", n, when)
	if n > limit {
		t.Errorf("%d bytes per pair of legs %s, more than %d", n, when, limit)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// forget drops what only the test keeps.
func (r *relay) forget() {
	r.pair, r.lab.wire, r.lab.in, r.lab.invs, r.lab.events = nil, nil, nil, nil, nil
}
