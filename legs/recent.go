package legs

import (
	"hash/maphash"
	"sync/atomic"

	"b2bua/legs/sipmsg"
)

// recentBuckets is a power of two. All buckets together hold what comes in half
// a minute at 1,000 calls/s, which is how long an INVITE is retransmitted.
const recentBuckets = 1 << 13

// recent remembers which requests outside a dialog were let in lately, for the
// moment when no more are. It is lossy in one direction: what it says it has
// seen, it has seen. Safe for concurrent use; 288 KiB, allocated once.
type recent struct {
	seed    maphash.Seed
	buckets []bucket
}

// A bucket holds its four latest marks.
type bucket struct {
	marks [4]atomic.Uint64
	added atomic.Uint32
}

func newRecent() recent {
	return recent{seed: maphash.MakeSeed(), buckets: make([]bucket, recentBuckets)}
}

// mark is what a request and its retransmissions have in common.
func (r *recent) mark(m *sipmsg.Message) uint64 {
	return maphash.Comparable(r.seed, [...]string{m.Method, m.Vias[0].Branch(), m.Vias[0].Host, m.CallID})
}

func (r *recent) add(mark uint64) {
	b := &r.buckets[mark%recentBuckets]
	b.marks[b.added.Add(1)%uint32(len(b.marks))].Store(mark)
}

func (r *recent) remove(mark uint64) {
	b := &r.buckets[mark%recentBuckets]
	for i := range b.marks {
		b.marks[i].CompareAndSwap(mark, 0)
	}
}

func (r *recent) has(mark uint64) bool {
	b := &r.buckets[mark%recentBuckets]
	for i := range b.marks {
		if b.marks[i].Load() == mark {
			return true
		}
	}
	return false
}
