package policy

import "math/bits"

// random is the splitmix64 sequence of a seed. It is a pure function of the
// seed, so a plan can be computed again from its query; it is no secret.
type random uint64

// below returns a number in [0, n), n > 0. The bias of the multiplication is
// below n/2⁶⁴.
func (r *random) below(n uint64) uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	hi, _ := bits.Mul64(z, n)
	return hi
}

// A weighted is an index with its share.
type weighted struct {
	index  int32
	weight uint32 // at least 1
}

// order shuffles items so that each place goes to one of those left with a
// probability of its weight over the weights left (RFC 2782's selection).
func (r *random) order(items []weighted) {
	total := uint64(0)
	for _, it := range items {
		total += uint64(it.weight)
	}
	for i := range items {
		if i == len(items)-1 {
			return
		}
		at := r.draw(items[i:], total) + i
		total -= uint64(items[at].weight)
		items[i], items[at] = items[at], items[i]
	}
}

// draw returns the place of one item; total is the sum of all weights.
func (r *random) draw(items []weighted, total uint64) int {
	x := r.below(total)
	for i, it := range items {
		if x < uint64(it.weight) {
			return i
		}
		x -= uint64(it.weight)
	}
	return len(items) - 1
}
