package cdr

import "time"

// Entries are fast when the newest gatherCount of them came within gatherSpan,
// which is about 500 in a second.
const (
	gatherCount = 8
	gatherSpan  = 16 * time.Millisecond
)

// A pace decides when the journal's goroutine looks at the queue again and
// when it has the syncer begin.
//
// While entries are slow each is written at once, and synced at once unless
// the last sync was asked for less than every ago. While they are fast the
// goroutine is deaf between two looks, so that one wake-up and one write(2)
// serve all that come meanwhile; then the sync needs no wake-up of its own
// either: it is asked for at the last look that is not too late for it.
type pace struct {
	gather time.Duration // between two looks while entries are fast
	every  time.Duration // the longest from a write to the sync that is asked for it

	at     [gatherCount]time.Time // when the newest entries were written, as a ring
	next   int                    // in at: the oldest of them
	oldest time.Time              // the first write that no sync was asked for; zero when there is none
	asked  time.Time              // for the last sync
}

// A step is what a pace says after a look.
type step struct {
	look time.Duration // until the next look; 0 when only what comes is a reason for one
	deaf bool          // what comes waits until then
	sync bool          // now
}

// wrote tells that n entries were written at now, and whether there is
// anything to sync.
func (p *pace) wrote(n int, unsynced bool, now time.Time) step {
	for range min(n, gatherCount) {
		p.at[p.next] = now
		p.next = (p.next + 1) % gatherCount
	}
	fast := n > 0 && p.gather > 0 && now.Sub(p.at[p.next]) <= gatherSpan
	switch {
	case !unsynced:
		p.oldest = time.Time{}
	case p.oldest.IsZero():
		p.oldest = now
	}
	s := step{deaf: fast}
	if fast {
		s.look = p.gather
	}
	if !unsynced {
		return s
	}
	due := p.asked.Add(p.every)
	if fast {
		due = p.oldest.Add(p.every)
	}
	left := due.Sub(now)
	if left <= s.look/2 { // rather than looking once more so soon
		s.sync, p.asked, p.oldest = true, now, time.Time{}
		return s
	}
	if !fast || left < s.look {
		s.look = left
	}
	return s
}
