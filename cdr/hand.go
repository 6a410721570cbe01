package cdr

import (
	"os"
	"time"
)

// A hand does things to the journal's files while nobody waits for them: the way
// of the entries that come a thousand times a second. What is rare - new
// segments, heartbeats, whatever follows a fault - goes by file, and so does
// everything where the system has no hand.
type hand interface {
	// write begins to write b at the end of f, which nothing else is written to
	// meanwhile. b stays as it is until the end.
	write(f file, b []byte) error
	// sync begins to sync f once so much time has passed. With mark it tells of that,
	// too, in the order in which writes end.
	sync(f file, after time.Duration, mark bool) error
	// wait returns when something has ended. It fails after end, when all has.
	wait() error
	// take tells what has ended, in that order.
	take(ended func(handled))
	// silence has wait not return for what ends, or again: whoever ends a silence
	// takes what has ended meanwhile, or calls rouse.
	silence(on bool)
	// rouse has wait return if something has ended.
	rouse() error
	// end makes wait fail. Nothing is begun any more.
	end() error
	// close is called when nobody waits any more.
	close() error
}

// A handled is a thing that a hand has done.
type handled struct {
	sync   bool  // else a write
	begins bool  // the sync, now
	n      int   // octets written
	err    error // nil also when fewer were written than there were
}

// Ids of what a ring does.
const (
	handWrite = iota
	handSync
)

// fileNumber returns the descriptor of a file of the system.
func fileNumber(f file) (int, bool) {
	system, ok := f.(*os.File)
	if !ok {
		return 0, false
	}
	return int(system.Fd()), true
}
