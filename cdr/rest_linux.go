package cdr

import "b2bua/internal/gate"

// newRest returns a rest whose end wakes one thread: with a timer the runtime
// starts a second one, two hundred times a second.
func newRest() rest {
	if s, err := gate.NewSleeper(); err == nil {
		return s
	}
	return newTimerRest() // no descriptor is left
}
