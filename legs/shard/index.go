package shard

import (
	"hash/maphash"
	"iter"
)

// An Index finds what a shard has by a hash. It keeps no keys: whoever asks looks
// at what it finds. So an entry is as large as its value and four bytes, and with
// values of four bytes one cache line has eight: all shards together are cold
// whenever one of them is run, and a look-up costs the lines that it touches.
//
// An Index belongs to the runner of its shard. The zero Index is empty and ready.
type Index[V comparable] struct {
	slots []slot[V] // a power of two of them, three quarters in use at most
	n     int
}

// A slot has one value, near the place that the lowest bits of its mark name
// (linear probing).
type slot[V comparable] struct {
	mark  uint32 // of the hash; 0 where there is nothing
	value V
}

// indexStart is how many slots the first value makes.
const indexStart = 16

// Hash is a hash for an Index, the process's own.
func Hash(s string) uint64 { return maphash.String(hashKey, s) }

func markOf(hash uint64) uint32 {
	return max(uint32(hash), 1) //nolint:gosec // the lower half
}

// Find returns a value that was added with that hash and is the one, as is says;
// ok is false when there is none.
func (x *Index[V]) Find(hash uint64, is func(V) bool) (v V, ok bool) {
	if x.n == 0 {
		return v, false
	}
	mark, last := markOf(hash), len(x.slots)-1
	for i := int(mark) & last; ; i = (i + 1) & last {
		switch s := &x.slots[i]; {
		case s.mark == 0:
			return v, false
		case s.mark == mark && is(s.value):
			return s.value, true
		}
	}
}

// Add adds a value. It may be there already, under this hash or another.
func (x *Index[V]) Add(hash uint64, v V) {
	if 4*(x.n+1) > 3*len(x.slots) {
		x.resize(max(2*len(x.slots), indexStart))
	}
	x.put(slot[V]{markOf(hash), v})
	x.n++
}

// Remove takes out one such value that was added with that hash, and reports
// whether there was one.
func (x *Index[V]) Remove(hash uint64, v V) bool {
	i := x.at(hash, v)
	if i < 0 {
		return false
	}
	last := len(x.slots) - 1
	for j := (i + 1) & last; x.slots[j].mark != 0; j = (j + 1) & last {
		if home := int(x.slots[j].mark); (j-home)&last >= (j-i)&last { // else it would be before its place
			x.slots[i] = x.slots[j]
			i = j
		}
	}
	x.slots[i] = slot[V]{}
	if x.n--; len(x.slots) > indexStart && 8*x.n < len(x.slots) {
		x.resize(len(x.slots) / 2)
	}
	return true
}

// Replace puts a value in the place of another that was added with that hash. It
// does nothing when there is none.
func (x *Index[V]) Replace(hash uint64, was, v V) {
	if i := x.at(hash, was); i >= 0 {
		x.slots[i].value = v
	}
}

// Len is how many values there are.
func (x *Index[V]) Len() int { return x.n }

// All yields the values in no order. Nothing may be added or removed meanwhile.
func (x *Index[V]) All() iter.Seq[V] {
	return func(yield func(V) bool) {
		for i := range x.slots {
			if x.slots[i].mark != 0 && !yield(x.slots[i].value) {
				return
			}
		}
	}
}

// at is the slot of a value; -1 when there is none.
func (x *Index[V]) at(hash uint64, v V) int {
	if x.n == 0 {
		return -1
	}
	mark, last := markOf(hash), len(x.slots)-1
	for i := int(mark) & last; ; i = (i + 1) & last {
		switch s := &x.slots[i]; {
		case s.mark == 0:
			return -1
		case s.mark == mark && s.value == v:
			return i
		}
	}
}

func (x *Index[V]) put(s slot[V]) {
	last := len(x.slots) - 1
	i := int(s.mark) & last
	for x.slots[i].mark != 0 {
		i = (i + 1) & last
	}
	x.slots[i] = s
}

func (x *Index[V]) resize(size int) {
	was := x.slots
	x.slots = make([]slot[V], size)
	for i := range was {
		if was[i].mark != 0 {
			x.put(was[i])
		}
	}
}
