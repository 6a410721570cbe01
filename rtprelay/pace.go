package rtprelay

import "time"

// worthResting is how many packets and orders a rest must gather to go on.
const worthResting = 2

// turn is how a worker goes for its next batch.
type turn uint8

const (
	wait  turn = iota // take what is there, or wait for the first
	rest              // let some gather first
	yield             // let other goroutines run, then take what is there
)

// A pace decides when a worker rests. Waking up for a packet costs more than
// the packet does (a switch of threads, the runtime's, epoll's), so a worker
// that would be woken several times within delay rests that long instead and
// does them together. One with little to do is woken by each packet, and one
// with a lot has a batch waiting anyway: neither rests.
type pace struct {
	delay time.Duration // 0 = never rest
	next  turn
}

// done takes the last batch: the packets and orders in it, how long they were
// waited for, and how long they took.
func (p *pace) done(work int, waited, took time.Duration) {
	rested := p.next == rest
	switch {
	case p.delay == 0 || work == 0:
		p.next = wait
	case took >= p.delay/2:
		p.next = yield
	case rested && work >= worthResting, !rested && waited < p.delay/worthResting:
		p.next = rest
	default:
		p.next = wait
	}
}
