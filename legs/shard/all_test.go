package shard

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// What is read off one wheel and scheduled on another in that order fires in the
// same order.
func TestAllKeepsTheOrder(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // to be repeatable
	begin := time.Unix(1000, 0)
	first := NewWheel[int](begin)
	now := begin
	for i := range 500 {
		now = now.Add(time.Duration(random.IntN(3)) * Resolution)
		for fired := true; fired; {
			_, fired = first.pop(now)
		}
		first.Schedule(now.Add(time.Duration(random.IntN(80))*time.Second/8), i)
	}
	second := NewWheel[int](begin)
	second.pop(now)
	for timer := range first.All() {
		second.Schedule(timer.At(), timer.Event())
	}
	if first.Len() == 0 || first.Len() != second.Len() {
		t.Fatalf("%d and %d timers", first.Len(), second.Len())
	}
	var a, b []int
	for range 2000 {
		now = now.Add(Resolution)
		for ev, ok := first.pop(now); ok; ev, ok = first.pop(now) {
			a = append(a, ev)
		}
		for ev, ok := second.pop(now); ok; ev, ok = second.pop(now) {
			b = append(b, ev)
		}
	}
	if !slices.Equal(a, b) || len(a) < 100 {
		t.Fatalf("%v\n%v", a, b)
	}
}
