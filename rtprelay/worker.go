package rtprelay

import (
	"errors"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"
)

// waitAfterFailure keeps a worker whose poller fails from spinning.
const waitAfterFailure = 100 * time.Millisecond

// timeoutRetry is when a Timeout that found the event ring full is tried again.
const timeoutRetry = time.Second

// A worker moves the packets of its sessions: one goroutine, one poller, all
// sockets of a call.
//
//	run → step → wait (pace)
//	           → orders (mailbox)
//	           → packets → packet → decide → forward
//	           → expire (media timeouts)
//	           → tidy (spare sockets)
type worker struct {
	// set once
	relay  *Relay
	index  int // among the relay's
	poll   poller
	events *ring
	gone   chan struct{} // closed when it has stopped

	// anybody's
	mail    mailbox
	waiting atomic.Bool // the worker waits, or is about to
	slots   slots

	// owned by the worker's goroutine
	pairs     []*pair // by slot: those in use and the spare ones
	deadlines deadlines
	tokens    []uint64
	buffer    []byte
	tally     tally
	pace      pace
	reviewAt  time.Duration // when to look for spare pairs that nobody needs; 0 = there are none
	closing   bool          // more of those that were found last time are to be closed
	raised    bool          // an event has been pushed since the last step
	panics    uint64        // since the start
	stopping  bool
}

// newWorker returns a worker that is not running yet.
func newWorker(r *Relay) (*worker, error) {
	poll, err := r.cfg.newPoller()
	if err != nil {
		return nil, err
	}
	return &worker{
		relay: r, index: len(r.workers), poll: poll, gone: make(chan struct{}), events: newRing(r.cfg.EventQueue),
		tokens: make([]uint64, batchSize), buffer: make([]byte, maxDatagram),
		pace: pace{delay: max(r.cfg.BatchDelay, 0)},
	}, nil
}

// run moves packets until stop.
func (w *worker) run() {
	defer close(w.gone)
	for !w.stopping {
		w.step()
	}
	w.closeAll()
	if err := w.poll.close(); err != nil {
		w.relay.cfg.Logger.Error("rtprelay: closing the poller", "error", err)
	}
}

// step waits for one batch and does all that is due. Orders run first: what
// control code said before a packet came is true for that packet. An event of
// a stream that they close finds nobody, see slots.
func (w *worker) step() {
	began := w.relay.now()
	n, err := w.wait(began)
	if err != nil {
		w.relay.cfg.Logger.Error("rtprelay: waiting for packets", "error", err)
		time.Sleep(waitAfterFailure)
	}
	now := w.relay.now() // once per batch: what is in it has arrived by now
	work := n + w.orders(now)
	for done := 0; done < n; {
		done += w.packets(w.tokens[done:n], now)
	}
	w.expire(now)
	w.tidy(now)
	w.relay.cfg.Metrics.add(&w.tally)
	if w.raised {
		w.raised = false
		w.relay.signalEvents()
	}
	w.pace.done(work, now-began, w.relay.now()-now)
}

// wait returns the next batch. Who posts an order while it runs has to wake it.
func (w *worker) wait(now time.Duration) (int, error) {
	if w.pace.next == rest {
		if err := w.poll.rest(w.pace.delay); err != nil {
			return 0, err
		}
	}
	if w.pace.next == yield {
		runtime.Gosched()
	}
	w.waiting.Store(true)
	defer w.waiting.Store(false)
	timeout := w.until(now)
	if w.mail.waiting.Load() { // after the store, so that one of the two sees the other
		timeout = 0
	}
	return w.poll.wait(w.tokens, timeout)
}

// packets handles sockets in turn and returns how many. A panic costs one
// packet.
func (w *worker) packets(tokens []uint64, now time.Duration) (done int) {
	defer func() {
		if v := recover(); v != nil {
			done++
			w.panicked("packet", v)
		}
	}()
	for done < len(tokens) {
		w.packet(tokens[done], now)
		done++
	}
	return done
}

// packet receives one datagram, has it judged and passes it on.
func (w *worker) packet(token uint64, now time.Duration) {
	p := w.lookup(token)
	if p == nil {
		return // closed meanwhile, or its attach order has not run yet
	}
	in := p.rtp
	if isRTCP(token) {
		in = p.rtcp
	}
	st := p.stream
	if st == nil {
		w.stray(p, in, now)
		return
	}
	size, from, err := in.recv(w.buffer)
	if err != nil {
		w.failed(st, err)
		return
	}
	c := w.sync(st)
	a := arrival{packet: w.buffer[:size], from: from, now: now, rtcpPort: isRTCP(token)}
	v := decide(&st.latch, c, &a)
	if v.accepted {
		w.accept(st, c, &v, &a)
	} else if v.conflict {
		w.raise(st, Conflict, from, now)
	}
	if !v.relay {
		w.drop(st, v.drop)
		return
	}
	w.forward(st, c.peer, &v, a.packet)
}

// lookup returns the pair that a token names, nil when it is closed.
func (w *worker) lookup(token uint64) *pair {
	slot := slotOf(token)
	if slot >= uint32(len(w.pairs)) {
		return nil
	}
	if p := w.pairs[slot]; p != nil && p.token == token&^1 {
		return p
	}
	return nil
}

// sync returns the stream's control, having started a new latch when signalling
// has moved on.
func (w *worker) sync(st *Stream) *control {
	c := st.control.Load()
	if c.generation == st.latch.generation {
		return c
	}
	st.latch = latch{generation: c.generation}
	st.counters.latched.Store(nil)
	st.unfit = false
	if st.connected && st.pair != nil {
		st.connected = false
		if !st.pair.rtp.disconnect() {
			w.relay.cfg.Logger.Error("rtprelay: socket cannot be disconnected, it hears only its old peer", "local", st.LocalRTP())
		}
	}
	return c
}

// accept counts a packet from the peer and makes known what the latch learned.
func (w *worker) accept(st *Stream, c *control, v *verdict, a *arrival) {
	if !v.rtcp {
		st.quality.update(v.header, c.clockRate(v.header.payloadType), a.now)
	}
	st.counters.accept(v, len(a.packet), &st.quality, a.now)
	if v.latched {
		source := st.latch.rtp.source
		st.counters.latched.Store(&source) // the one allocation, per latch
		w.raise(st, Latched, source, a.now)
	}
	if !st.connected && !st.unfit && st.latch.settled(c, a.now) {
		st.connected = st.pair.rtp.connect(st.latch.rtp.source)
		st.unfit = !st.connected
	}
}

// forward sends a packet that in has accepted out of the stream it is joined to.
func (w *worker) forward(in, out *Stream, v *verdict, packet []byte) {
	if out == nil || out.pair == nil {
		w.drop(in, DropNotJoined)
		return
	}
	fromRTCP, to, reason, ok := route(&out.latch, w.sync(out), v.rtcp)
	if !ok {
		w.drop(in, reason)
		return
	}
	via := out.pair.rtp
	if fromRTCP {
		via = out.pair.rtcp
	}
	err := via.send(packet, to)
	if errors.Is(err, errUnreachable) { // told about an earlier packet; this one has not been sent
		w.failed(out, err)
		err = via.send(packet, to)
	}
	if err != nil {
		w.drop(in, DropSend)
		return
	}
	out.counters.sent(v.rtcp, len(packet))
	w.tally.sent(v.rtcp, len(packet))
}

// failed counts what a receive or send ran into. No error ends a stream.
func (w *worker) failed(st *Stream, err error) {
	if !errors.Is(err, errAgain) {
		st.counters.icmpErrors.Add(1)
		w.tally.icmpErrors++
	}
}

// drop counts a packet that goes nowhere.
func (w *worker) drop(st *Stream, reason Drop) {
	st.counters.drops[reason].Add(1)
	w.tally.drops[reason]++
}

// raise queues an event about st.
func (w *worker) raise(st *Stream, kind EventKind, source netip.AddrPort, now time.Duration) {
	s := st.session
	w.push(Event{Ref: s.ref, Index: s.index, Kind: kind, Stream: st, Source: source, At: w.relay.start.Add(now)})
}

// push queues an event and reports whether there was room.
func (w *worker) push(e Event) bool {
	if !w.events.push(e) {
		w.tally.lostEvents++
		return false
	}
	w.raised = true
	return true
}

// expire looks at the sessions whose media timeout may have come.
func (w *worker) expire(now time.Duration) {
	for {
		s := w.deadlines.next(now)
		if s == nil {
			return
		}
		timeout := s.deadline.timeout
		since, running := s.silentSince()
		switch {
		case !running: // held or not joined: whenever that ends, this is early enough
			w.deadlines.postpone(s, now+timeout)
		case now-since < timeout:
			w.deadlines.postpone(s, since+timeout)
		case w.push(Event{Ref: s.ref, Index: s.index, Kind: Timeout, At: w.relay.start.Add(now)}):
			w.deadlines.remove(s)
		default:
			w.deadlines.postpone(s, now+timeoutRetry)
		}
	}
}

// post has the worker run order between two batches. It reports false when the
// worker has stopped.
func (w *worker) post(o order) bool {
	first, ok := w.mail.put(o)
	switch {
	case !w.waiting.Load(): // it looks before it waits
	case o.urgent():
		w.poll.wake(0)
	case first:
		w.poll.wake(orderDelay)
	}
	return ok
}

// orders runs what control code has posted and returns how much that was.
func (w *worker) orders(now time.Duration) int {
	orders := w.mail.take()
	for _, o := range orders {
		w.order(o, now)
	}
	return len(orders)
}

// order runs one order. A panic costs that order.
func (w *worker) order(o order, now time.Duration) {
	defer func() {
		if v := recover(); v != nil {
			w.panicked("order", v)
		}
	}()
	o.obey(w, now)
}

// attach has a stream's pair serve it.
func (w *worker) attach(st *Stream, now time.Duration) {
	p := st.pair
	w.own(p)
	p.stream = st
	s := st.session
	s.open = append(s.open, st)
	if w.relay.crowded() {
		w.closeSpares(1, now)
	}
	if d := &s.deadline; !d.known { // the session is new to us: this spared it an order
		w.deadlines.set(s, d.timeout, d.armed)
	}
}

// end closes all streams of a session.
func (w *worker) end(s *Session, now time.Duration) {
	for len(s.open) > 0 {
		w.detach(s.open[len(s.open)-1], now)
	}
	w.deadlines.remove(s)
}

// detach takes a stream's pair from it.
func (w *worker) detach(st *Stream, now time.Duration) {
	p := st.pair
	if p == nil {
		return
	}
	st.pair = nil
	s := st.session
	s.open = slices.DeleteFunc(s.open, func(other *Stream) bool { return other == st })
	w.relay.sockets.Add(-2)
	w.relay.streams.Add(-1)
	w.release(p, now)
}

// panicked reports a fault of ours that the fence caught.
func (w *worker) panicked(where string, v any) {
	w.relay.cfg.Metrics.panics.Inc()
	if w.panics++; w.panics&(w.panics-1) != 0 {
		return // a packet may repeat it: log the 1st, 2nd, 4th, 8th, ...
	}
	w.relay.cfg.Logger.Error("rtprelay: panic", "in", where, "panic", v, "stack", string(debug.Stack()))
}
