package cdr

import "time"

// A pace decides when the journal's goroutine has the syncer begin: at once when
// the last sync was asked for more than every ago, else when it will have been.
type pace struct {
	every time.Duration
	asked time.Time // for the last sync
}

// written tells whether anything is unsynced. It returns whether to ask for a sync
// now, and else in what time to look again; 0 is never.
func (p *pace) written(unsynced bool, now time.Time) (ask bool, look time.Duration) {
	if !unsynced {
		return false, 0
	}
	if left := p.asked.Add(p.every).Sub(now); left > 0 {
		return false, left
	}
	p.asked = now
	return true, 0
}
