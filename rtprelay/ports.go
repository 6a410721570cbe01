package rtprelay

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// ports hands out the even/odd port pairs of one address. The pairs stand in
// one queue, shuffled at the start so that nobody guesses the next one: take
// from the front, release to the back. Each carries the time from which it may
// be used again; those times never decrease along the queue, so the front
// knows whether anything is free and every operation costs the same.
type ports struct {
	address netip.Addr
	first   uint16    // even
	holders []*Stream // the open streams by pair; guarded by paths.mu

	mu       sync.Mutex
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

// newPorts makes the pairs of the range, both ends included.
func newPorts(address netip.Addr, portMin, portMax int) *ports {
	first := firstEven(portMin)
	n := (portMax - first + 1) / 2
	p := &ports{address: address, first: uint16(first), holders: make([]*Stream, n), queue: make([]waitingPair, n), size: n}
	for i := range p.queue {
		p.queue[i].index = uint16(i)
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

// take returns the even port of a free pair, or false when none is free at now.
func (p *ports) take(now time.Duration) (port uint16, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.size == 0 || p.queue[p.head].ready > now {
		return 0, false
	}
	w := p.queue[p.head]
	p.head = (p.head + 1) % len(p.queue)
	p.size--
	return p.first + 2*w.index, true
}

// release gives back a pair that take returned, to be used again at ready.
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
	return lo, len(p.queue) - p.size, p.size - lo
}
