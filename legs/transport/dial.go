package transport

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"
)

// Connect finds a connection for a flow: its own if that is still there, else one
// to its peer, else a new one from the listener's address. It returns the flow by
// which to reach the peer, or why there is none, when that is known now; over UDP
// every flow is. Otherwise later is called with it, once, from a goroutine of the
// Set, which must not be held up. It is told [ErrConnectTimeout] after within,
// although the dial may go on; 0 waits as long as the dial may take.
func (s *Set) Connect(f Flow, within time.Duration, later func(Flow, error)) (flow Flow, now bool, err error) {
	if err := s.check(&Outgoing{Flow: f}); err != nil {
		return f, true, err
	}
	if !s.groups[f.Listener].stream() {
		return f, true, nil
	}
	c, err := s.toward(f)
	if err != nil {
		return f, true, err
	}
	return c.await(&waiter{flow: f, done: later}, within)
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
	c.set.fenced(func() { w.done(w.reached(c, err), err) })
}

func (w *waiter) reached(c *conn, err error) Flow {
	f := w.flow
	if err == nil {
		f.Conn = c.flow.Conn
	}
	return f
}

// await tells now whether the connection is up, or later.
func (c *conn) await(w *waiter, within time.Duration) (flow Flow, now bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != connDialling {
		return w.reached(c, c.cause), true, c.cause
	}
	c.waiters = append(c.waiters, w)
	if within > 0 {
		w.timer = time.AfterFunc(within, func() { c.impatient(w) })
	}
	return w.flow, false, nil
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
