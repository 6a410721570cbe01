package shard

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// Drained runs before the shard goes idle, and once more when it has enqueued
// something itself.
func TestDrained(t *testing.T) {
	var got []string
	s := newSet(Config[string]{
		Handle: func(_ *Shard[string], ev string, _ time.Time) { got = append(got, ev) },
		Drained: func(shards []*Shard[string]) {
			got = append(got, "drained")
			if len(got) == 2 {
				shards[0].Enqueue(shards[0].ID, New, "late")
			}
		},
	})
	s.Enqueue(1, New, "first")
	if want := []string{"first", "drained", "late", "drained"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	got = nil
	s.Advance(t0.Add(time.Second))
	if len(got) > 0 {
		t.Errorf("a shard with nothing to do: %q", got)
	}
}

// A shard that stays busy flushes all the same.
func TestDrainedOfBusyShard(t *testing.T) {
	unflushed, worst, flushes := 0, 0, 0
	s := newSet(Config[int]{
		Handle: func(sh *Shard[int], left int, _ time.Time) {
			unflushed++
			worst = max(worst, unflushed)
			if left > 0 {
				sh.Enqueue(sh.ID, InDialog, left-1)
			}
		},
		Drained: func([]*Shard[int]) { unflushed, flushes = 0, flushes+1 },
	})
	s.Enqueue(1, InDialog, 10*drainEvery)
	if worst != drainEvery || flushes != 11 || unflushed != 0 {
		t.Errorf("%d events without a flush, %d flushes, %d left", worst, flushes, unflushed)
	}
}

// A panic costs its event and nothing else, wherever it comes from.
func TestPanic(t *testing.T) {
	var got []string
	s := newSet(Config[string]{
		Handle: func(sh *Shard[string], ev string, now time.Time) {
			switch ev {
			case "timer":
				sh.Wheel.Schedule(now.Add(time.Second), "bad timer")
			case "several":
				sh.Enqueue(sh.ID, InDialog, "bad")
				sh.Enqueue(sh.ID, InDialog, "worse")
				sh.Enqueue(sh.ID, InDialog, "good")
			case "good":
				got = append(got, ev)
			default:
				panic("it is " + ev)
			}
		},
		Panic: func(sh *Shard[string], ev *string, v any, stack []byte) {
			if sh.ID != 7 || !strings.Contains(string(stack), "fence_test.go") {
				t.Errorf("shard %d, stack %s", sh.ID, stack)
			}
			name := "drained"
			if ev != nil {
				name = *ev
			}
			if name == "worse" {
				panic("in the report, too")
			}
			got = append(got, fmt.Sprintf("%s: %v", name, v))
		},
		Drained: func([]*Shard[string]) { panic("no flush") },
	})
	s.Enqueue(7, New, "several")
	s.Enqueue(7, New, "timer")
	s.Advance(t0.Add(time.Minute))
	s.Enqueue(7, New, "good")
	want := []string{
		"bad: it is bad", "good", "drained: no flush", "drained: no flush",
		"bad timer: it is bad timer", "drained: no flush", "good", "drained: no flush",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := counterValue(t, s.cfg.Metrics.panics); n != 8 {
		t.Errorf("counted %v panics, want 8", n) // bad, worse twice, bad timer, four times Drained
	}
}

func TestHandleIsRequired(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a set without Handle")
		}
	}()
	NewSet(Config[int]{})
}
