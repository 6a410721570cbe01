package legs

import (
	"time"

	"b2bua/legs/txn"
)

// A Hearing is what is left of a client transaction that is not of an INVITE and has
// its final response: until timer K runs out it takes the same response again, and
// does nothing (Completed, RFC 3261 §17.1.2.2). It has no timer, and keeps no leg.
type Hearing struct {
	Branch string    `json:"branch"`
	Method string    `json:"method"`
	Until  time.Time `json:"until"`
}

// hearings are those of a shard, nearly always in the order in which they are over.
// One that is over goes when there is a next one; until then nobody finds it. They
// are looked through from end to end: none but a response that comes twice asks.
type hearings struct {
	list []Hearing
	next int // the oldest one
}

// add lets go of those before that are over.
func (s *hearings) add(h Hearing, now time.Time) {
	for s.next < len(s.list) && !now.Before(s.list[s.next].Until) {
		s.list[s.next] = Hearing{}
		s.next++
	}
	if s.next == len(s.list) {
		s.list, s.next = s.list[:0], 0
	}
	if len(s.list) == cap(s.list) && s.next >= len(s.list)/2 && s.next > 0 {
		n := copy(s.list, s.list[s.next:])
		clear(s.list[n:])
		s.list, s.next = s.list[:n], 0
	}
	s.list = append(s.list, h)
}

// has reports whether a response to the transaction with that key has been heard.
func (s *hearings) has(key txn.ClientKey, now time.Time) bool {
	for i := range s.list {
		if h := &s.list[i]; now.Before(h.Until) && h.Branch == key.Branch && h.Method == key.Method {
			return true
		}
	}
	return false
}

// all are those that are not over.
func (s *hearings) all(now time.Time) []Hearing {
	var out []Hearing
	for _, h := range s.list {
		if now.Before(h.Until) {
			out = append(out, h)
		}
	}
	return out
}
