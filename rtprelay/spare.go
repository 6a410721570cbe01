package rtprelay

import (
	"time"
)

// closesPerStep is how many spare pairs a worker closes between two batches at
// most, and closeAgain when it goes on: packets do not wait for it.
const (
	closesPerStep = 16
	closeAgain    = 5 * time.Millisecond
)

// release takes a pair from its stream, if it serves one. It is kept, or it is
// closed and its slot and ports are given back. Only the worker calls it.
func (w *worker) release(p *pair, now time.Duration) {
	ready := now + max(w.relay.cfg.Quarantine, 0)
	p.stream, p.strays = nil, 0
	if !w.relay.reserveSpare() {
		w.closePair(p, ready)
		return
	}
	if !p.rest() {
		w.relay.spare.Add(-2)
		w.closePair(p, ready)
		return
	}
	if w.reviewAt == 0 {
		w.reviewAt = now + w.relay.cfg.SpareIdle
	}
	p.ports.keep(w.index, p, ready)
}

// closePair closes a pair that is not in the stock; its ports may be used again
// at ready.
func (w *worker) closePair(p *pair, ready time.Duration) {
	p.close()
	w.pairs[slotOf(p.token)] = nil
	w.slots.release(p.token)
	p.ports.release(p.port, ready)
}

// closeSpare closes a pair that has just been taken out of the stock.
func (w *worker) closeSpare(p *pair, now time.Duration) {
	w.relay.spare.Add(-2)
	w.closePair(p, max(now, p.ready))
}

// stray throws away a datagram that came for nobody. When many do, the pair is
// closed. One that has been taken from the stock meanwhile has been emptied.
func (w *worker) stray(p *pair, in socket, now time.Duration) {
	if _, _, err := in.recv(w.buffer); err != nil {
		return
	}
	w.tally.strays++
	if p.strays++; p.strays >= maxStrays && p.ports.remove(w.index, p) {
		w.closeSpare(p, now)
	}
}

// tidy closes spare pairs that have not been needed for a while.
func (w *worker) tidy(now time.Duration) {
	if w.reviewAt == 0 || now < w.reviewAt {
		return
	}
	if !w.closing {
		for _, of := range w.relay.ports {
			of.review(w.index, now)
		}
	}
	w.reviewAt = 0
	left := closesPerStep
	for _, of := range w.relay.ports {
		for ; left > 0; left-- {
			p := of.surplus(w.index)
			if p == nil {
				break
			}
			w.closeSpare(p, now)
		}
		if of.spares(w.index) > 0 {
			w.reviewAt = now + w.relay.cfg.SpareIdle
		}
	}
	if w.closing = left == 0; w.closing {
		w.reviewAt = now + closeAgain
	}
}

// closeSpares closes up to most spare pairs.
func (w *worker) closeSpares(most int, now time.Duration) {
	for _, of := range w.relay.ports {
		for ; most > 0; most-- {
			p := of.any(w.index)
			if p == nil {
				break
			}
			w.closeSpare(p, now)
		}
	}
}

// until is when the worker has to look again though nothing comes, from now;
// negative = never.
func (w *worker) until(now time.Duration) time.Duration {
	d := w.deadlines.wait(now)
	if w.reviewAt == 0 {
		return d
	}
	review := max(w.reviewAt-now, 0)
	if d < 0 {
		return review
	}
	return min(d, review)
}

// reserveSpare counts a pair as spare if there may be one more: of all sockets
// there are never more than the sessions may need anyway.
func (r *Relay) reserveSpare() bool {
	n := r.spare.Add(2)
	if n > int64(r.cfg.SpareSockets) || n+r.sockets.Load() > r.socketsAtMost() {
		r.spare.Add(-2)
		return false
	}
	return true
}

// socketsAtMost is how many sockets MaxSessions calls need: two streams of two
// sockets each.
func (r *Relay) socketsAtMost() int64 { return int64(r.cfg.MaxSessions) * 4 }

// crowded reports that spare sockets stand in the way of calls.
func (r *Relay) crowded() bool {
	n := r.spare.Load()
	return n > 0 && n+r.sockets.Load() > r.socketsAtMost()
}

// shed has all workers close their spare pairs and returns when they have: one
// may have the ports, or all of them the descriptors, that another one lacks.
func (r *Relay) shed() {
	var waits []chan struct{}
	for _, w := range r.workers {
		done := make(chan struct{})
		if w.post(orderFunc(func(now time.Duration) {
			defer close(done)
			w.closeSpares(int(r.spare.Load()), now)
		})) {
			waits = append(waits, done)
		} else {
			waits = append(waits, nil)
		}
	}
	for i, done := range waits {
		if done == nil {
			continue
		}
		select {
		case <-done:
		case <-r.workers[i].gone:
		}
	}
}
