package cdr

import "time"

// gatherCount is how many of the newest entries tell how fast entries come.
const gatherCount = 8

// A gatherer decides how long the journal's goroutine rests after a write, so
// that one write(2), and one wake-up of the goroutine, serves all entries that
// come meanwhile. As long as entries are further apart than rest it says 0:
// then each is written at once.
type gatherer struct {
	rest time.Duration
	at   [gatherCount]time.Time // when the newest entries were written, as a ring
	next int                    // in at: the oldest of them
}

// wrote tells that n entries were written and returns how long to rest.
func (g *gatherer) wrote(n int, now time.Time) time.Duration {
	for range min(n, gatherCount) {
		g.at[g.next] = now
		g.next = (g.next + 1) % gatherCount
	}
	if n == 0 || now.Sub(g.at[g.next]) > gatherCount*g.rest {
		return 0
	}
	return g.rest
}
