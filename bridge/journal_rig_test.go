package bridge_test

import (
	"sync"

	"b2bua/cdr"
)

// journal is a bridge.Journal that hands ended records to the test and fails as
// it is told to.
type journal struct {
	ended chan *cdr.Record

	mu      sync.Mutex
	marks   []cdr.Mark
	answers []*cdr.Record
	refuse  error         // answers cannot be written
	full    bool          // answers find no room
	busy    int           // so many ends find no room
	panics  cdr.Mark      // entries that crash the call; 0 none
	held    chan struct{} // answers wait until it is closed; nil: they do not
	wg      sync.WaitGroup
}

func newJournal() *journal { return &journal{ended: make(chan *cdr.Record, 1024)} }

func (j *journal) Queue(mark cdr.Mark, rec *cdr.Record, done func(error)) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.marks = append(j.marks, mark)
	if mark == j.panics {
		panic("the journal panics")
	}
	if mark == cdr.Ended {
		if j.busy > 0 {
			j.busy--
			return false
		}
		j.ended <- rec.Clone()
		return true
	}
	if j.full {
		return false
	}
	j.answers = append(j.answers, rec.Clone())
	held, refuse := j.held, j.refuse
	j.wg.Go(func() {
		if held != nil {
			<-held
		}
		done(refuse)
	})
	return true
}

// with changes how the journal behaves.
func (j *journal) with(change func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change()
}

func (j *journal) count(mark cdr.Mark) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, m := range j.marks {
		if m == mark {
			n++
		}
	}
	return n
}

// holdJournal has answers wait until release is called, or the test ends.
func (r *rig) holdJournal() (release func()) {
	held := make(chan struct{})
	release = sync.OnceFunc(func() { close(held) })
	r.journal.with(func() { r.journal.held = held })
	r.t.Cleanup(release)
	return release
}
