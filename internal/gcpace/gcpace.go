// Package gcpace lets a small heap be collected less often. The collector's own
// rule, to run when the heap has doubled, makes a server with 5 MB of live data
// collect after every hundredth call, and the more often the fewer calls are up.
package gcpace

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// A Pace is in force until it is stopped.
type Pace struct {
	headroom uint64
	before   int // GOGC, as it was

	mu      sync.Mutex // guards the following fields
	percent int
	stopped bool
}

// Keep lets headroom bytes be allocated between two collections, or as much as
// GOGC allows where that is more. It changes nothing while GOGC is off. A
// process keeps one Pace at a time.
func Keep(headroom uint64) *Pace {
	p := &Pace{headroom: headroom, before: debug.SetGCPercent(100)}
	debug.SetGCPercent(p.before)
	p.percent = p.before
	if p.before >= 0 {
		p.set()
	}
	return p
}

// Stop gives the collector its own pace again.
func (p *Pace) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	debug.SetGCPercent(p.before)
}

// set chooses the percentage that leaves the headroom over what is live, and
// comes back when the next collection has told how much that is.
func (p *Pace) set() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return
	}
	want := percent(p.headroom, live(), p.before)
	if 10*want < 9*p.percent || 10*want > 11*p.percent { // it stops the world for a moment
		debug.SetGCPercent(want)
		p.percent = want
	}
	runtime.AddCleanup(new(cycle), (*Pace).set, p)
}

// A cycle is garbage from the start: its cleanup is called after the next
// collection. It is large enough to be an object of its own.
type cycle [32]byte

// leastLive is what the runtime takes a smaller heap for.
const leastLive = 4 << 20

// percent is GOGC for a headroom over live bytes, at least the one given.
func percent(headroom, live uint64, least int) int {
	return max(least, int(min(headroom*100/max(live, leastLive), math.MaxInt32)))
}

// live is what the last collection left.
func live() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
