package legs

import (
	"iter"
	"time"

	"b2bua/legs/txn"
)

// servers are the server transactions of a shard. One in which nothing can happen
// any more but the same request again is a [remnant]; the others are open. One map
// without pointers finds them all: the garbage collector has only to look at those
// that are open.
type servers struct {
	table    txn.Table[place]
	open     []*serverTx // by place; nil where there is none
	free     []place     // where there is none
	remnants remnants
}

// A place is where a transaction is: among the remnants, by its number, when the
// lowest bit is set, and in the list of those that are open when it is not.
type place uint32

const numbers = 1<<31 - 1 // of remnants, counted round and round

func openAt(i int) place                 { return place(i) << 1 } //nolint:gosec // far fewer
func remnantAt(n uint32) place           { return place(n&numbers)<<1 | 1 }
func (p place) isRemnant() bool          { return p&1 != 0 }
func (p place) index() int               { return int(p >> 1) }
func (p place) number() uint32           { return uint32(p >> 1) }
func (s *servers) at(p place) **serverTx { return &s.open[p.index()] }

// add files an open transaction. One whose key is taken is nowhere.
func (s *servers) add(merge txn.MergeKey, tx *serverTx) {
	if len(s.free) == 0 {
		s.free = append(s.free, openAt(len(s.open)))
		s.open = append(s.open, nil)
	}
	last := len(s.free) - 1
	if p := s.free[last]; s.table.AddServer(tx.key, merge, p) {
		s.free = s.free[:last]
		*s.at(p) = tx
	}
}

// find returns the transaction of a request, nil when there is none. Of a remnant
// it is a copy.
func (s *servers) find(key txn.ServerKey, now time.Time) *serverTx {
	p, ok := s.table.Server(key)
	if !ok {
		return nil
	}
	return s.live(p, now)
}

// merged returns the transaction of another copy of a request.
func (s *servers) merged(key txn.MergeKey, now time.Time) *serverTx {
	p, ok := s.table.Merged(key)
	if !ok {
		return nil
	}
	return s.live(p, now)
}

func (s *servers) live(p place, now time.Time) *serverTx {
	if !p.isRemnant() {
		return *s.at(p)
	}
	r := s.remnants.at(p.number())
	if s.remnants.over(r, now) {
		s.table.RemoveServer(r.key)
		return nil
	}
	return s.remnants.copy(r)
}

// remove takes an open transaction out, and reports whether it was there.
func (s *servers) remove(tx *serverTx) bool {
	p, ok := s.place(tx)
	if ok {
		s.table.RemoveServer(tx.key)
		s.clear(p)
	}
	return ok
}

// place finds an open transaction.
func (s *servers) place(tx *serverTx) (p place, ok bool) {
	p, ok = s.table.Server(tx.key)
	return p, ok && !p.isRemnant() && *s.at(p) == tx
}

// clear empties a place. The list does not stay long for a burst that is over.
func (s *servers) clear(p place) {
	*s.at(p) = nil
	if s.free = append(s.free, p); len(s.free) == len(s.open) && cap(s.open) > outKeep {
		s.open, s.free = nil, nil
	}
}

// sweep takes out the remnants that are over, and returns the memory of what they
// had to send.
func (s *servers) sweep(now time.Time, spent [][]byte) [][]byte {
	m := &s.remnants
	for m.len() > 0 {
		r := m.at(m.first)
		if !m.over(r, now) {
			break
		}
		if p, ok := s.table.Server(r.key); ok && p == remnantAt(m.first) {
			s.table.RemoveServer(r.key)
		}
		spent = m.pop(spent)
	}
	return spent
}

// count is how many there are. A remnant that is over may not have been swept yet.
func (s *servers) count(now time.Time) int {
	n := len(s.open) - len(s.free)
	for r := range s.remnants.all() {
		if !s.remnants.over(r, now) {
			n++
		}
	}
	return n
}

// all yields the transactions with the merge key that they are found by, in no
// order; of remnants, copies.
func (s *servers) all(now time.Time) iter.Seq2[txn.MergeKey, *serverTx] {
	return func(yield func(txn.MergeKey, *serverTx) bool) {
		for merge, p := range s.table.AllServers() {
			if p.isRemnant() {
				if r := s.remnants.at(p.number()); s.remnants.over(r, now) {
					continue
				}
			}
			if !yield(merge, s.live(p, now)) {
				return
			}
		}
	}
}
