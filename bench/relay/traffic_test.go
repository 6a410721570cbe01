package main

import (
	"slices"
	"testing"
	"time"
)

func TestRounds(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]int{0: 0, 1: 1, interval: 1, interval + 1: 2, time.Second: 50} {
		if got := rounds(d); got != want {
			t.Errorf("%v: %d packets, want %d", d, got, want)
		}
	}
}

// Every stream once, in the same order for every relay.
func TestShuffled(t *testing.T) {
	t.Parallel()
	order := shuffled(800)
	if !slices.Equal(order, shuffled(800)) {
		t.Error("two orders")
	}
	if slices.IsSorted(order) {
		t.Error("the order is that of the calls")
	}
	slices.Sort(order)
	for i, stream := range order {
		if i != stream {
			t.Fatalf("stream %d is missing", i)
		}
	}
}
