package transport

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"
)

// Connect finds a connection for a flow: its own if that is still there, else one
// to its peer, else a new one from the listener's address. done is called once,
// with the flow by which to reach the peer: before Connect returns when that is
// known, otherwise from a goroutine of the Set, which must not be held up. It is
// told [ErrConnectTimeout] after within, although the dial may go on; 0 waits as
// long as the dial may take. Over UDP every flow is there.
func (s *Set) Connect(f Flow, within time.Duration, done func(Flow, error)) {
	if err := s.check(&Outgoing{Flow: f}); err != nil {
		done(f, err)
		return
	}
	if !s.groups[f.Listener].stream() {
		done(f, nil)
		return
	}
	c, err := s.toward(f)
	if err != nil {
		done(f, err)
		return
	}
	c.await(f, within, done)
}

// A waiter wants to know when a connection is up.
type waiter struct {
	flow  Flow
	done  func(Flow, error)
	timer *time.Timer // nil when it has as much time as the dial
}

func (w *waiter) tell(c *conn, err error) {
	if w.timer != nil {
		w.timer.Stop()
	}
	f := w.flow
	if err == nil {
		f.Conn = c.flow.Conn
	}
	c.set.fenced(func() { w.done(f, err) })
}

// await calls done when the connection is up, or never will be.
func (c *conn) await(f Flow, within time.Duration, done func(Flow, error)) {
	w := &waiter{flow: f, done: done}
	c.mu.Lock()
	state, cause := c.state, c.cause
	if state == connDialling {
		c.waiters = append(c.waiters, w)
		if within > 0 {
			w.timer = time.AfterFunc(within, func() { c.impatient(w) })
		}
	}
	c.mu.Unlock()
	switch state {
	case connUp:
		w.tell(c, nil)
	case connGone:
		w.tell(c, cause)
	default: // later
	}
}

// impatient tells one who does not wait any longer.
func (c *conn) impatient(w *waiter) {
	c.mu.Lock()
	found := false
	for i := range c.waiters {
		if c.waiters[i] == w {
			c.waiters = append(c.waiters[:i], c.waiters[i+1:]...)
			found = true
			break
		}
	}
	c.mu.Unlock()
	if found {
		w.tell(c, ErrConnectTimeout)
	}
}

// dial opens the connection and serves it.
func (c *conn) dial() {
	s := c.set
	nc, err := s.connect(c.flow)
	s.pool.dialled()
	if err != nil {
		s.cfg.Metrics.streams.dials[dialOutcome(err)].Inc()
		if errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
			err = ErrConnectTimeout
		}
		_ = c.close(closedUndialled, err)
		return
	}
	s.cfg.Metrics.streams.dials["ok"].Inc()
	if c.up(nc) {
		s.cfg.Metrics.streams.opened[1].Inc()
		c.serve()
	}
}

// connect is the one place that knows how a connection of a transport is made.
func (s *Set) connect(f Flow) (net.Conn, error) {
	cfg := &s.cfg.Streams
	d := net.Dialer{Timeout: cfg.DialTimeout, KeepAliveConfig: probes(cfg.KeepAlive)}
	if cfg.KeepAlive < 0 {
		d.KeepAlive = -1
	}
	if from := s.listeners[f.Listener].Addr.Addr(); !from.IsUnspecified() {
		d.LocalAddr = &net.TCPAddr{IP: from.AsSlice(), Zone: from.Zone()}
	}
	return d.DialContext(s.pool.ctx, "tcp", f.Peer.String())
}

// up makes a dialled connection known, and sends what has waited for it. It
// reports false when the connection was given up meanwhile.
func (c *conn) up(nc net.Conn) bool {
	c.mu.Lock()
	if c.state != connDialling {
		c.mu.Unlock()
		_ = nc.Close()
		return false
	}
	c.nc, c.state = nc, connUp
	c.touch(time.Now())
	waiters := c.waiters
	c.waiters = nil
	c.startWriter()
	c.mu.Unlock()
	for _, w := range waiters {
		w.tell(c, nil)
	}
	return true
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// dialOutcome is the metric's word for a dial that failed.
func dialOutcome(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET):
		return "refused"
	case isTimeout(err):
		return "timeout"
	default:
		return "failed"
	}
}
