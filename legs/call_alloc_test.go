//go:build !race

package legs

import "testing"

// maxCallAllocs bounds what a whole call costs the garbage collector. Eight of them
// are the lab's own. (Under the race detector sync.Pool forgets at random.)
const maxCallAllocs = 30

func TestAllocationsOfACall(t *testing.T) {
	r, d := again(t)
	if n := testing.AllocsPerRun(200, func() { r.replay(d) }); n > maxCallAllocs {
		t.Errorf("%v allocations for a call, bound %d", n, maxCallAllocs)
	}
	r.lab.empty()
}
