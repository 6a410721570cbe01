package shard

import (
	"testing"
	"time"
)

// One timer serves again and again: scheduled, moved, stopped, fired.
func TestTimerOfTheCaller(t *testing.T) {
	w := NewWheel[string](t0)
	var own Timer[string]
	fires := func(at time.Duration, want string) {
		t.Helper()
		if ev, ok := w.pop(t0.Add(at)); ok != (want != "") || ev != want {
			t.Errorf("after %v: %q, want %q", at, ev, want)
		}
	}
	w.Set(&own, t0.Add(time.Second), "first")
	w.Set(&own, t0.Add(time.Hour), "moved")
	fires(2*time.Second, "")
	w.Set(&own, t0.Add(3*time.Second), "sooner")
	w.Schedule(t0.Add(3*time.Second), "behind")
	w.Set(&own, t0.Add(3*time.Second), "same tick")
	fires(3*time.Second, "same tick")
	fires(3*time.Second, "behind")
	own.Stop()
	w.Set(&own, t0.Add(4*time.Second), "again")
	own.Stop()
	fires(5*time.Second, "")
	if w.Len() != 0 || testing.AllocsPerRun(10, func() { w.Set(&own, t0.Add(time.Minute), "x"); own.Stop() }) != 0 {
		t.Errorf("%d timers left, or it allocates", w.Len())
	}
}
