package shard_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"b2bua/legs/shard"
)

// An Index has what a list has, with hashes that meet and with any number of values.
func TestIndexModel(t *testing.T) {
	t.Parallel()
	type entry struct {
		hash  uint64
		value int
	}
	rapid.Check(t, func(t *rapid.T) {
		var x shard.Index[int]
		var model []entry
		next := 0
		draw := func(t *rapid.T) uint64 {
			return rapid.SampledFrom([]uint64{0, 1, 2, 15, 16, 17, 1<<32 - 1, 1 << 32, 1<<32 + 1, 31}).Draw(t, "hash")
		}
		add := func(hash uint64) {
			next++
			x.Add(hash, next)
			model = append(model, entry{hash, next})
		}
		pick := func(t *rapid.T) int { return rapid.IntRange(0, len(model)-1).Draw(t, "which") }
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				if x.Len() != len(model) {
					t.Fatalf("%d values, want %d", x.Len(), len(model))
				}
				all := slices.Sorted(x.All())
				want := make([]int, 0, len(model))
				for _, e := range model {
					want = append(want, e.value)
					if v, ok := x.Find(e.hash, func(v int) bool { return v == e.value }); !ok || v != e.value {
						t.Fatalf("%+v is not found", e)
					}
				}
				if slices.Sort(want); !slices.Equal(all, want) {
					t.Fatalf("all are %v, want %v", all, want)
				}
				if v, ok := x.Find(draw(t), func(v int) bool { return v < 0 }); ok || v != 0 {
					t.Fatalf("%d is found, which nobody asked for", v)
				}
			},
			"add": func(t *rapid.T) { add(draw(t)) },
			"add many": func(t *rapid.T) {
				for i := range rapid.IntRange(1, 100).Draw(t, "how many") {
					add(uint64(i) * 7) //nolint:gosec // small
				}
			},
			"remove": func(t *rapid.T) {
				if hash := draw(t); x.Remove(hash, -1) {
					t.Fatal("what is not there was removed")
				}
				for range min(len(model), rapid.IntRange(1, 60).Draw(t, "how many")) {
					i := pick(t)
					if e := model[i]; !x.Remove(e.hash, e.value) || x.Remove(e.hash, e.value) {
						t.Fatalf("%+v was not removed once", e)
					}
					model = slices.Delete(model, i, i+1)
				}
			},
			"replace": func(t *rapid.T) {
				x.Replace(draw(t), -1, -2)
				if len(model) == 0 {
					return
				}
				next++
				e := &model[pick(t)]
				x.Replace(e.hash, e.value, next)
				e.value = next
			},
		})
	})
}

// A look-up among many costs no memory, and nor does one more or less of as many.
func TestIndexAllocations(t *testing.T) {
	var x shard.Index[uint32]
	for i := range uint32(100) {
		x.Add(shard.Hash(string(rune('a'+i))), i)
	}
	n := testing.AllocsPerRun(100, func() {
		h := shard.Hash("one more")
		x.Add(h, 1000)
		if _, ok := x.Find(h, func(v uint32) bool { return v == 1000 }); !ok || !x.Remove(h, 1000) {
			t.Error("it is not found")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
