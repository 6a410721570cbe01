package legs

import (
	"strconv"
	"testing"

	"b2bua/legs/sipmsg"
)

func TestRecent(t *testing.T) {
	t.Parallel()
	r := newRecent()
	mark := func(i int) uint64 {
		return r.mark(&sipmsg.Message{Method: "INVITE", CallID: strconv.Itoa(i), Vias: []sipmsg.Via{{Host: "h"}}})
	}
	if r.has(mark(1)) {
		t.Error("has what nobody added")
	}
	r.add(mark(1))
	r.add(mark(2))
	if !r.has(mark(1)) || !r.has(mark(2)) || r.has(mark(3)) {
		t.Error("does not have what was added, or more")
	}
	r.remove(mark(1))
	if r.has(mark(1)) || !r.has(mark(2)) {
		t.Error("removed the wrong one")
	}
	// A quarter of what it can hold is held nearly whole.
	const n = recentBuckets
	for i := range n {
		r.add(mark(100 + i))
	}
	held := 0
	for i := range n {
		if r.has(mark(100 + i)) {
			held++
		}
	}
	if held < n*99/100 {
		t.Errorf("holds %d of %d", held, n)
	}
}
