package cdr

import (
	"errors"
	"time"

	"b2bua/internal/uring"
)

// ringEntries is more than one write and one sync need.
const ringEntries = 8

// A ringHand is the kernel's io_uring.
type ringHand struct {
	ring  *uring.Ring
	ended func(handled)      // of the take under way
	told  func(uring.Result) // bound once, since binding allocates
}

// newHand returns the system's hand, or why there is none.
func newHand() (hand, error) {
	ring, err := uring.New(ringEntries)
	if err != nil {
		return nil, err
	}
	h := &ringHand{ring: ring}
	h.told = h.tell
	return h, nil
}

var errNoFile = errors.New("cdr: journal: not a file of the system")

func (h *ringHand) write(f file, b []byte) error {
	fd, ok := fileNumber(f)
	if !ok {
		return errNoFile
	}
	return h.ring.Submit(uring.Write(handWrite, fd, b))
}

func (h *ringHand) sync(f file, after time.Duration, mark bool) error {
	fd, ok := fileNumber(f)
	if !ok {
		return errNoFile
	}
	op := uring.Sync(handSync, fd, after)
	if mark {
		op = op.Marked()
	}
	return h.ring.Submit(op)
}

func (h *ringHand) take(ended func(handled)) {
	h.ended = ended
	h.ring.Take(h.told)
	h.ended = nil
}

func (h *ringHand) tell(r uring.Result) { h.ended(handled{r.ID == handSync, r.Begins, r.N, r.Err}) }
func (h *ringHand) wait() error         { return h.ring.Wait() }
func (h *ringHand) silence(on bool)     { h.ring.Silence(on) }
func (h *ringHand) rouse() error        { return h.ring.Rouse() }
func (h *ringHand) end() error          { return h.ring.End() }
func (h *ringHand) close() error        { return h.ring.Close() }
