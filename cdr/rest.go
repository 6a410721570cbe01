package cdr

import "time"

// A rest is how the journal's goroutine lets fast entries gather: deaf to them.
type rest interface {
	// Sleep returns after d, or at once after End.
	Sleep(d time.Duration) error
	// End ends the sleep under way and all later ones. It is called once.
	End() error
	// Close is called when nobody sleeps any more.
	Close() error
}

// A timerRest is a rest on a timer of the runtime, for systems and tests that
// have no better one.
type timerRest struct{ ended chan struct{} }

func newTimerRest() rest { return timerRest{make(chan struct{})} }

func (r timerRest) Sleep(d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.ended:
	}
	return nil
}

func (r timerRest) End() error {
	close(r.ended)
	return nil
}

func (timerRest) Close() error { return nil }
