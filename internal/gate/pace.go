package gate

import "time"

// worthResting is how many items a rest must gather to be worth its wake-up.
const worthResting = 16

// paceSpan is for how many rests a [Pace] counts before it decides anew.
const paceSpan = 4

// A Pace decides when to rest. Waking up for an item may cost more than the item
// does, so who is woken thousands of times a second rests instead, for Delay each
// time, as long as at least 16 items come meanwhile. Who has less to do is woken by
// each item and adds no delay to it. The zero Pace never rests.
type Pace struct {
	Delay time.Duration // of one rest; 0 = never

	since time.Time // what n counts from
	n     int
	busy  bool
}

// Took tells of n items taken at now and returns how long to rest; 0 means that
// one should wait for the next item.
func (p *Pace) Took(n int, now time.Time) time.Duration {
	if p.Delay <= 0 {
		return 0
	}
	p.n += n
	if span := now.Sub(p.since); span >= paceSpan*p.Delay {
		p.busy = time.Duration(p.n)*p.Delay/span >= worthResting
		p.since, p.n = now, 0
	}
	if !p.busy {
		return 0
	}
	return p.Delay
}
