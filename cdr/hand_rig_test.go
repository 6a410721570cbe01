package cdr

import (
	"os"
	"sync"
	"time"
)

// A slowHand is a hand in virtual time, on goroutines: it does what the files of
// the test's disk do, with their faults.
type slowHand struct {
	mu      sync.Mutex
	done    []handled
	pending int
	silent  bool
	ended   bool
	bell    chan struct{} // of capacity 1

	refuse func() error     // asked before something begins; nil is content
	cut    func() bool      // asked before a write, which then takes half; nil is never
	before func(write bool) // waited for before it is done; nil is at once
}

func newSlowHand() (hand, error) { return &slowHand{bell: make(chan struct{}, 1)}, nil }

func (h *slowHand) begin(do func()) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse != nil {
		if err := h.refuse(); err != nil {
			return err
		}
	}
	h.pending++
	go do()
	return nil
}

func (h *slowHand) tell(all ...handled) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done = append(h.done, all...)
	h.pending--
	if !h.silent {
		notify(h.bell)
	}
}

func (h *slowHand) waitFor(write bool) {
	if h.before != nil {
		h.before(write)
	}
}

func (h *slowHand) write(f file, b []byte) error {
	return h.begin(func() {
		h.waitFor(true)
		if h.cut != nil && h.cut() {
			b = b[:len(b)/2]
		}
		n, err := f.Write(b)
		h.tell(handled{n: n, err: err})
	})
}

func (h *slowHand) sync(f file, after time.Duration, mark bool) error {
	return h.begin(func() {
		time.AfterFunc(after, func() {
			h.waitFor(false)
			if mark && after > 0 {
				h.mark()
			}
			h.tell(handled{sync: true, err: f.Sync()})
		})
	})
}

func (h *slowHand) mark() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done = append(h.done, handled{sync: true, begins: true})
}

func (h *slowHand) wait() error {
	for {
		h.mu.Lock()
		some, over := len(h.done) > 0 && !h.silent, h.ended && h.pending == 0 && len(h.done) == 0
		h.mu.Unlock()
		switch {
		case some:
			return nil
		case over:
			return os.ErrClosed
		}
		<-h.bell
	}
}

func (h *slowHand) take(ended func(handled)) {
	h.mu.Lock()
	done := h.done
	h.done = nil
	h.mu.Unlock()
	for _, d := range done {
		ended(d)
	}
}

func (h *slowHand) silence(on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.silent = on
}

func (h *slowHand) rouse() error { notify(h.bell); return nil }

func (h *slowHand) end() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended, h.silent = true, false
	notify(h.bell)
	return nil
}

func (h *slowHand) close() error { return nil }
