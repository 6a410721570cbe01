package transport

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"time"

	"b2bua/internal/gate"
)

// How a reader treats a socket that keeps failing: the first few errors cost
// nothing, then it waits a little so as not to burn a core.
const (
	freeErrors = 8
	errorPause = 50 * time.Millisecond
	logPause   = time.Second // between two log lines of one reader or listener
)

// A reader moves datagrams from one socket to Receive, for as long as the socket
// is open.
type reader struct {
	set      *Set
	listener int
	sock     *socket
	in       *inbox
	packets  []Packet
	pace     gate.Pace
	resting  bool // between datagrams, since there are many

	failures int // in a row
	said     quiet
}

func newReader(s *Set, listener int, sock *socket) *reader {
	return &reader{
		set: s, listener: listener, sock: sock,
		in:      newInbox(sock, s.cfg.Batch, s.cfg.MaxDatagram),
		packets: make([]Packet, 0, s.cfg.Batch),
		pace:    gate.Pace{Delay: s.cfg.BatchDelay},
	}
}

// loop ends when the socket is closed and for no other reason: a listener that
// has died in silence is the worst of all faults.
func (r *reader) loop() {
	defer r.beat(false)
	for {
		n, err := r.next()
		if n > 0 {
			r.take(n)
		}
		if isPending(err) {
			err = r.set.undeliverable(r.listener, r.sock)
		}
		switch {
		case err == nil:
		case isClosed(err):
			return
		default:
			r.beat(false)
			r.failed(err)
		}
	}
}

// next waits for datagrams. Who has promised to come by again does not wait
// before he has taken that back.
func (r *reader) next() (int, error) {
	if r.resting {
		if n, err := r.in.read(false); n > 0 || err != nil {
			return n, err
		}
		r.beat(false)
	}
	return r.in.read(true)
}

// isClosed reports that a socket has been closed by us.
func isClosed(err error) bool { return errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed) }

// take hands on a batch that the inbox has, and lets the next one gather when
// there is a lot to do.
func (r *reader) take(n int) {
	r.failures = 0
	now := time.Now()
	r.set.fenced(func() {
		if r.collect(n, now); len(r.packets) > 0 {
			r.set.cfg.Receive(r.packets)
		}
	})
	d := r.pace.Took(n, now)
	if d > 0 && n < r.set.cfg.Batch { // a full batch: there is more
		_ = r.in.rest(d) // an error comes again with the next read
	}
	r.beat(d > 0)
}

// beat tells that a rest is over, or, the last time, that there will be none.
// Readers tell one by one, or what one says would be out of date.
func (r *reader) beat(resting bool) {
	s := r.set
	if !resting && !r.resting || s.cfg.Beat == nil {
		return
	}
	s.beats.Lock()
	defer s.beats.Unlock()
	if resting != r.resting {
		r.resting = resting
		if resting {
			s.resting++
		} else {
			s.resting--
		}
	}
	s.fenced(func() { s.cfg.Beat(s.resting > 0) })
}

// undeliverable reports what the network says has not arrived. Whoever gets an
// error that isPending knows calls it. A flood of errors cannot keep the caller
// for ever: what is then left is found with the next error.
func (s *Set) undeliverable(listener int, sock *socket) error {
	q := s.errqueues.Get().(*errqueue)
	defer s.errqueues.Put(q)
	for range errRounds {
		n, err := q.read(sock)
		if err != nil {
			return err
		}
		for i := range n {
			data, peer, e, ok := q.at(i)
			if !ok {
				continue
			}
			reason := e.reason()
			s.cfg.Metrics.icmp[reason].Inc()
			if reason.fatal() {
				out := Outgoing{Flow: Flow{Listener: listener, Peer: peer}, Data: data}
				s.fenced(func() { s.cfg.SendError(out, e) })
			}
		}
		if n < errBatch {
			break
		}
	}
	return nil
}

// collect makes packets of what was read, and counts. Keep-alives end here: what
// phones and NAT boxes send to hold a binding open is no SIP message.
func (r *reader) collect(n int, now time.Time) {
	m := r.set.cfg.Metrics
	r.packets = r.packets[:0]
	bytes := 0
	for i := range n {
		data, peer := r.in.datagram(i)
		bytes += len(data)
		switch {
		case len(data) > r.set.cfg.MaxDatagram:
			m.oversize.Inc()
		case isKeepAlive(data):
			m.keepAlives.Inc()
		case !r.set.cfg.Budget.Take(peer.Addr(), now):
			m.overBudget.Inc()
			if r.said.mayLog(now) {
				r.log().Warn("a source sends more than its budget", "from", peer)
			}
		default:
			r.packets = append(r.packets, Packet{Flow: Flow{Listener: r.listener, Peer: peer}, Data: data, At: now})
		}
	}
	m.received.Add(float64(n))
	m.receivedBytes.Add(float64(bytes))
}

// fenced keeps a panic of those who are told from ending who tells them.
func (s *Set) fenced(tell func()) {
	defer func() {
		if v := recover(); v != nil {
			s.cfg.Metrics.panics.Inc()
			s.cfg.Logger.Error("panic while receiving", "panic", v, "stack", string(debug.Stack()))
		}
	}()
	tell()
}

func (r *reader) failed(err error) {
	r.set.cfg.Metrics.readErrors.Inc()
	if r.said.mayLog(time.Now()) {
		r.log().Warn("cannot read from socket", "error", err)
	}
	if r.failures++; r.failures > freeErrors {
		r.set.pool.pause(errorPause)
	}
}

// A quiet keeps what goes wrong many times a second from filling the log. The
// zero quiet has said nothing yet; it belongs to one goroutine.
type quiet struct{ logged time.Time }

func (q *quiet) mayLog(now time.Time) bool {
	if now.Sub(q.logged) < logPause {
		return false
	}
	q.logged = now
	return true
}

func (r *reader) log() *slog.Logger {
	return r.set.cfg.Logger.With("listen", r.set.listeners[r.listener].URL)
}

// isKeepAlive reports whether a datagram is empty or up to four bytes of CR, LF
// and NUL (RFC 5626 §3.5.1 for streams, and what is in use on UDP).
func isKeepAlive(data []byte) bool {
	if len(data) > 4 {
		return false
	}
	for _, c := range data {
		if c != '\r' && c != '\n' && c != 0 {
			return false
		}
	}
	return true
}
