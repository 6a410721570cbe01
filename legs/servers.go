package legs

import (
	"iter"
	"time"

	"b2bua/legs/shard"
	"b2bua/legs/txn"
)

// servers are the server transactions of a shard. One in which nothing can happen
// any more but the same request again is a [remnant]; the others are open. One index
// without pointers finds them all, by their keys and by their merge keys: the garbage
// collector has only to look at those that are open.
type servers struct {
	index    shard.Index[place]
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

// add files an open transaction, under its key and under merge unless that is zero
// or taken. One whose key is taken is nowhere.
func (s *servers) add(merge txn.MergeKey, tx *serverTx) {
	if _, taken := s.get(tx.key); taken {
		return
	}
	if merge != (txn.MergeKey{}) {
		if _, taken := s.copyOf(merge); !taken {
			tx.merge = merge
		}
	}
	if len(s.free) == 0 {
		s.free = append(s.free, openAt(len(s.open)))
		s.open = append(s.open, nil)
	}
	last := len(s.free) - 1
	tx.place = s.free[last]
	s.free = s.free[:last]
	*s.at(tx.place) = tx
	s.index.Add(tx.key.Hash(), tx.place)
	if tx.merge != (txn.MergeKey{}) {
		s.index.Add(tx.merge.Hash(), tx.place)
	}
}

// get is the place of a transaction by its key.
func (s *servers) get(key txn.ServerKey) (p place, ok bool) {
	return s.index.Find(key.Hash(), func(p place) bool { known, _ := s.keys(p); return known == key })
}

// copyOf is the place of another copy of a request.
func (s *servers) copyOf(merge txn.MergeKey) (p place, ok bool) {
	return s.index.Find(merge.Hash(), func(p place) bool { _, known := s.keys(p); return known == merge })
}

// keys are what the transaction at a place is filed under.
func (s *servers) keys(p place) (txn.ServerKey, txn.MergeKey) {
	if p.isRemnant() {
		r := s.remnants.at(p.number())
		return r.key, r.merge
	}
	tx := *s.at(p)
	return tx.key, tx.merge
}

// drop takes what is at a place out of the index, if it is there.
func (s *servers) drop(key txn.ServerKey, merge txn.MergeKey, p place) {
	if s.index.Remove(key.Hash(), p) && merge != (txn.MergeKey{}) {
		s.index.Remove(merge.Hash(), p)
	}
}

// move puts a remnant in the place of the transaction that it was made of.
func (s *servers) move(tx *serverTx, to place) {
	s.index.Replace(tx.key.Hash(), tx.place, to)
	if tx.merge != (txn.MergeKey{}) {
		s.index.Replace(tx.merge.Hash(), tx.place, to)
	}
	s.clear(tx.place)
}

// find returns the transaction of a request, nil when there is none. Of a remnant
// it is a copy.
func (s *servers) find(key txn.ServerKey, now time.Time) *serverTx {
	p, ok := s.get(key)
	if !ok {
		return nil
	}
	return s.live(p, now)
}

// merged returns the transaction of another copy of a request, for a request that
// find does not know: answer it 482 (RFC 3261 §8.2.2.2).
func (s *servers) merged(key txn.MergeKey, now time.Time) *serverTx {
	if key == (txn.MergeKey{}) {
		return nil
	}
	p, ok := s.copyOf(key)
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
		s.drop(r.key, r.merge, p)
		return nil
	}
	return s.remnants.copy(r)
}

// remove takes an open transaction out, and reports whether it was there.
func (s *servers) remove(tx *serverTx) bool {
	if !s.has(tx) {
		return false
	}
	s.drop(tx.key, tx.merge, tx.place)
	s.clear(tx.place)
	return true
}

// has reports whether an open transaction is filed.
func (s *servers) has(tx *serverTx) bool {
	i := tx.place.index()
	return i < len(s.open) && s.open[i] == tx
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
		s.drop(r.key, r.merge, remnantAt(m.first)) // if nobody has asked for it since
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

// all yields the transactions, in no order; of remnants, copies.
func (s *servers) all(now time.Time) iter.Seq[*serverTx] {
	return func(yield func(*serverTx) bool) {
		for _, tx := range s.open {
			if tx != nil && !yield(tx) {
				return
			}
		}
		for n := s.remnants.first; n != s.remnants.next; n = (n + 1) & numbers {
			r := s.remnants.at(n)
			if s.remnants.over(r, now) {
				continue
			}
			if _, ok := s.index.Find(r.key.Hash(), func(p place) bool { return p == remnantAt(n) }); ok && !yield(s.remnants.copy(r)) {
				return
			}
		}
	}
}
