package rtprelay

import (
	"math/rand/v2"
	"time"
)

// mostChoice is how many pairs a stock keeps back at most, so that the next one
// to be used is always one of many.
const mostChoice = 128

// stock is the spare pairs of one address and one worker: port pairs that
// nobody uses with their sockets still open. A pair rests in it as long as in
// quarantine, and then is ready. It is taken at random, and only while more
// than choice are ready: who knows all of them, and when the next call comes,
// guesses its port once in choice+1 times. The zero stock is empty and keeps
// nothing back. It does no I/O and reads no clock; ports.mu guards it.
type stock struct {
	choice int

	first, last *pair // those that rest, by the time they are ready
	resting     int   // how many
	ready       []*pair

	asked  bool // since the last review somebody wanted a pair
	fewest int  // the least that ready has held since then
	excess int  // how many the last review found that nobody needs and that are still here
}

// size is how many pairs there are.
func (s *stock) size() int { return s.resting + len(s.ready) }

// put has p rest until ready; a later one than p rests at least as long.
func (s *stock) put(p *pair, ready time.Duration) {
	p.next, p.ready, p.place = nil, ready, -1
	if s.last == nil {
		s.first = p
	} else {
		p.ready = max(ready, s.last.ready)
		s.last.next = p
	}
	s.last = p
	s.resting++
}

// ripen makes those ready that have rested until now.
func (s *stock) ripen(now time.Duration) {
	for s.first != nil && s.first.ready <= now {
		p := s.wake()
		p.place = len(s.ready)
		s.ready = append(s.ready, p)
	}
}

// wake takes out the pair that has rested longest.
func (s *stock) wake() *pair {
	p := s.first
	if s.first = p.next; s.first == nil {
		s.last = nil
	}
	p.next = nil
	s.resting--
	return p
}

// take returns one of the ready pairs when there are more than keep, else nil.
func (s *stock) take(now time.Duration, keep int) *pair {
	s.ripen(now)
	s.asked = true
	if len(s.ready) <= keep {
		s.fewest = min(s.fewest, len(s.ready))
		return nil
	}
	p := s.pick(rand.IntN(len(s.ready)))
	s.fewest = min(s.fewest, len(s.ready))
	return p
}

// pick takes out a ready pair.
func (s *stock) pick(place int) *pair {
	p, end := s.ready[place], len(s.ready)-1
	s.ready[place] = s.ready[end]
	s.ready[place].place = place
	s.ready[end] = nil
	s.ready = s.ready[:end]
	p.place = -1
	return p
}

// remove takes out p and reports whether it was there.
func (s *stock) remove(p *pair) bool {
	if p.place >= 0 {
		s.pick(p.place)
		return true
	}
	var before *pair
	for at := s.first; at != nil; before, at = at, at.next {
		if at != p {
			continue
		}
		if before == nil {
			s.wake()
			return true
		}
		if before.next = p.next; p == s.last {
			s.last = before
		}
		p.next = nil
		s.resting--
		return true
	}
	return false
}

// review finds out how many pairs nobody has needed since the last review:
// what always lay ready, but for choice as long as there are calls.
func (s *stock) review(now time.Duration) {
	s.ripen(now)
	s.excess = s.fewest
	if s.asked {
		s.excess = max(s.fewest-s.choice, 0)
	}
	s.fewest, s.asked = len(s.ready), false
}

// surplus takes out a pair that the last review found needless, else nil.
func (s *stock) surplus() *pair {
	if s.excess = min(s.excess, len(s.ready)); s.excess == 0 {
		return nil
	}
	s.excess--
	p := s.pick(rand.IntN(len(s.ready)))
	s.fewest = min(s.fewest, len(s.ready))
	return p
}

// any takes out a pair, rather one that can be used now, else nil.
func (s *stock) any() *pair {
	switch {
	case len(s.ready) > 0:
		return s.pick(len(s.ready) - 1)
	case s.resting > 0:
		return s.wake()
	default:
		return nil
	}
}
