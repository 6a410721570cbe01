package gate

import (
	"testing"
	"time"
)

// A sleep is never shorter than it was told, whatever the one before was, and
// allocates nothing.
func TestSleep(t *testing.T) {
	s, err := NewSleeper()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []time.Duration{0, 5 * time.Millisecond, time.Millisecond, 10 * time.Millisecond} {
		start := time.Now()
		if err := s.Sleep(d); err != nil || time.Since(start) < d {
			t.Errorf("%v after %v, %v", d, time.Since(start), err)
		}
	}
	if n := testing.AllocsPerRun(50, func() { _ = s.Sleep(time.Microsecond) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Sleep(time.Hour); err == nil {
		t.Error("slept after Close")
	}
}

// End ends who sleeps, and who would sleep later.
func TestEnd(t *testing.T) {
	s, err := NewSleeper()
	if err != nil {
		t.Fatal(err)
	}
	begun, done := make(chan struct{}), make(chan error)
	go func() {
		close(begun)
		done <- s.Sleep(time.Hour)
	}()
	<-begun
	if err := s.End(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := s.Sleep(time.Hour); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
