package shard

import (
	"testing"
	"time"
)

func TestSmoke(t *testing.T) {
	t0 := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var got []string
	var s *Set[string]
	s = NewSet(Config[string]{Now: func() time.Time { return t0 }, Handle: func(sh *Shard[string], ev string, now time.Time) {
		got = append(got, ev+now.Sub(t0).String())
		if ev == "a" {
			sh.Enqueue(9, New, "b")
			s.Enqueue(3, New, "c")
			sh.Wheel.Schedule(now.Add(500*time.Millisecond), "t")
		}
	}})
	s.Enqueue(3, New, "a")
	s.Advance(t0.Add(time.Second))
	t.Log(got)
	if len(got) != 4 {
		t.Fail()
	}
}
