package rtprelay

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// ports hands out the even/odd port pairs of one address. Those without
// sockets stand in one queue, shuffled at the start so that nobody guesses the
// next one: take from the front, release to the back. Each carries the time
// from which it may be used again; those times never decrease along the queue,
// so the front knows whether anything is free and every operation costs the
// same.
//
// Those that have sockets lie in the stock of the worker that watches these,
// and are preferred as long as the stock leaves a choice: of more than choice
// (128, less in a small range) ready pairs one is drawn by lot. Who has seen the
// ports of all calls before guesses it once in choice+1 times at best, while the
// queue, once it has gone round, comes back in the order that he has seen.
type ports struct {
	address netip.Addr
	first   uint16    // even
	holders []*Stream // the open streams by pair; guarded by paths.mu

	mu       sync.Mutex
	stocks   []stock       // by worker
	queue    []waitingPair // a ring
	head     int           // index of the front
	size     int           // pairs in the queue
	lastTime time.Duration // of the back of the queue
}

// waitingPair is a pair that nobody owns.
type waitingPair struct {
	index uint16
	ready time.Duration
}

// newPorts makes the pairs of the range, both ends included, for so many
// workers. The choice is what each one's stock keeps back, unless that were
// much of a small range.
func newPorts(address netip.Addr, portMin, portMax, workers, choice int) *ports {
	first := firstEven(portMin)
	n := (portMax - first + 1) / 2
	p := &ports{address: address, first: uint16(first), holders: make([]*Stream, n), queue: make([]waitingPair, n), size: n}
	for i := range p.queue {
		p.queue[i].index = uint16(i)
	}
	p.stocks = make([]stock, workers)
	for i := range p.stocks {
		p.stocks[i].choice = min(choice, n/4/workers)
	}
	rand.Shuffle(n, func(i, j int) { p.queue[i], p.queue[j] = p.queue[j], p.queue[i] })
	return p
}

// has reports that a is one of the ports, in use or not. It needs no lock.
func (p *ports) has(a netip.AddrPort) bool {
	return a.Addr() == p.address && a.Port() >= p.first && int(a.Port()-p.first) < 2*len(p.holders)
}

// holder is where the stream of a port's pair stands.
func (p *ports) holder(port uint16) **Stream { return &p.holders[(port-p.first)/2] }

// take returns a spare pair of the worker's, or else the even port of a free
// pair without sockets, or 0 when none is free at now.
func (p *ports) take(worker int, now time.Duration) (spare *pair, port uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &p.stocks[worker]
	if spare = s.take(now, s.choice); spare != nil {
		return spare, spare.port
	}
	if p.size == 0 || p.queue[p.head].ready > now {
		if spare = s.take(now, 0); spare != nil {
			return spare, spare.port
		}
		return nil, 0
	}
	w := p.queue[p.head]
	p.head = (p.head + 1) % len(p.queue)
	p.size--
	return nil, p.first + 2*w.index
}

// keep gives a pair with its sockets back, to be used again at ready.
func (p *ports) keep(worker int, spare *pair, ready time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stocks[worker].put(spare, ready)
}

// remove takes a spare pair out and reports whether it was there.
func (p *ports) remove(worker int, spare *pair) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stocks[worker].remove(spare)
}

// any takes out a spare pair of the worker's, nil when it has none.
func (p *ports) any(worker int) *pair {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stocks[worker].any()
}

// review finds out which of the worker's spare pairs nobody needs.
func (p *ports) review(worker int, now time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stocks[worker].review(now)
}

// surplus takes out one of those, nil when there are no more.
func (p *ports) surplus(worker int) *pair {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stocks[worker].surplus()
}

// spares is how many spare pairs the worker has.
func (p *ports) spares(worker int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stocks[worker].size()
}

// release gives back a pair without its sockets, to be used again at ready.
func (p *ports) release(port uint16, ready time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lastTime = max(p.lastTime, ready)
	p.queue[(p.head+p.size)%len(p.queue)] = waitingPair{(port - p.first) / 2, p.lastTime}
	p.size++
}

// putBack gives back a pair that was never used: it is the next to be taken.
func (p *ports) putBack(port uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.head = (p.head + len(p.queue) - 1) % len(p.queue)
	p.queue[p.head] = waitingPair{(port - p.first) / 2, 0}
	p.size++
}

// count returns how many pairs are free, in use and in quarantine at now.
func (p *ports) count(now time.Duration) (free, used, quarantined int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	lo, hi := 0, p.size // the first pair that is not ready
	for lo < hi {
		mid := (lo + hi) / 2
		if p.queue[(p.head+mid)%len(p.queue)].ready > now {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	free, used, quarantined = lo, len(p.queue)-p.size, p.size-lo
	for i := range p.stocks {
		s := &p.stocks[i]
		s.ripen(now)
		free, used, quarantined = free+len(s.ready), used-s.size(), quarantined+s.resting
	}
	return free, used, quarantined
}
