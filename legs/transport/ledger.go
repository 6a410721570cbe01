package transport

import (
	"sync/atomic"
	"time"
)

// A bucket of tokens is kept as one moment: when it will be full again. Each
// message puts that off by an interval; a message that would put it off further
// than the span ahead of now finds the bucket empty. This is the generic cell
// rate algorithm of ITU-T I.371.
type bucket struct {
	interval int64 // nanoseconds for one token to come back; 0: no limit
	span     int64 // for all of them
}

func newBucket(l Limit) bucket {
	if l.Rate == 0 {
		return bucket{}
	}
	interval := int64(time.Second) / int64(l.Rate)
	return bucket{interval: interval, span: interval * int64(l.Burst)}
}

func (b bucket) unlimited() bool { return b.interval == 0 }

// ways is how many places a source may have: their keys fill one cache line.
const ways = 8

// A ledger is a fixed table of moments by source, in sets of eight places. It is
// safe for concurrent use; two that meet at one place may at worst lose it to
// each other.
type ledger []set

type set struct {
	sources [ways]atomic.Uint64 // 0: nobody
	due     [ways]atomic.Int64  // nanoseconds
}

// newLedger makes a table; sets is a power of two.
func newLedger(sets int) ledger { return make(ledger, sets) }

func (l ledger) set(source uint64) *set { return &l[source>>32&uint64(len(l)-1)] }

// take takes a token out of the source's bucket.
func (l ledger) take(source uint64, now int64, b bucket) bool {
	if b.unlimited() {
		return true
	}
	due := l.place(source)
	for {
		old := due.Load()
		full := old
		// A moment further ahead than the span comes from a clock that went back.
		if old < now || old-now > b.span {
			full = now
		}
		full += b.interval
		if full-now > b.span {
			return false
		}
		if due.CompareAndSwap(old, full) {
			return true
		}
	}
}

// until reports whether the source's moment is still to come.
func (l ledger) until(source uint64, now int64) bool {
	s := l.set(source)
	for i := range s.sources {
		if s.sources[i].Load() == source {
			return s.due[i].Load() > now
		}
	}
	return false
}

// place returns the moment of a source. One that has none takes over the
// earliest of its set, as it stands.
func (l ledger) place(source uint64) *atomic.Int64 {
	s := l.set(source)
	for {
		first, owner, earliest := 0, uint64(0), int64(0)
		for i := range s.sources {
			who := s.sources[i].Load()
			if who == source {
				return &s.due[i]
			}
			if due := s.due[i].Load(); i == 0 || due < earliest {
				first, owner, earliest = i, who, due
			}
		}
		if s.sources[first].CompareAndSwap(owner, source) {
			return &s.due[first]
		}
	}
}
