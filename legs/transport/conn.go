package transport

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// connState is the life of a connection: dialling, up, gone.
type connState uint8

const (
	connDialling connState = iota
	connUp
	connGone
)

// A conn is one connection of a stream transport. One goroutine reads it; who
// writes does so at once when the peer has room, and otherwise leaves it to a
// goroutine that lives until the queue is empty.
type conn struct {
	set      *Set
	flow     Flow
	accepted bool
	known    bool
	opened   time.Time
	active   atomic.Int64 // when something was read or written, in ns since opened

	mu      sync.Mutex // guards all below; nothing is called, and nothing waits, while it is held
	state   connState
	cause   error    // when gone
	nc      net.Conn // nil while dialling
	waiters []*waiter
	queue   []queued
	bytes   int  // in queue, and in the hands of the writer
	writing bool // a goroutine has the socket's other end
	try     trier
}

func (c *conn) alive() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state != connGone
}

// touch notes that the connection is in use.
func (c *conn) touch(now time.Time) { c.active.Store(int64(now.Sub(c.opened))) }

// idleSince is when the connection was last in use.
func (c *conn) idleSince() time.Time { return c.opened.Add(time.Duration(c.active.Load())) }

// An ending is why a connection is closed.
type ending uint8

const (
	closedByPeer    ending = iota
	closedIdle             // nothing came or went for too long
	closedPartial          // a message did not end in time, or none came at all
	closedMalformed        // what cannot be framed
	closedSlow             // the peer does not read
	closedError            // the network says so
	closedByUs             // the set is closed
	closedUndialled        // it never was
	endings
)

func (e ending) String() string {
	return [endings]string{"peer", "idle", "partial", "malformed", "slow", "error", "shutdown", "undialled"}[e]
}

// serve reads the connection to its end.
func (c *conn) serve() {
	why, err := c.read()
	_ = c.close(why, err)
}

// close ends the connection; the first call counts, and its cause is returned.
// Everything that waits to be sent has failed, and whoever waits for an answer is
// told.
func (c *conn) close(why ending, cause error) error {
	c.mu.Lock()
	if c.state == connGone {
		defer c.mu.Unlock()
		return c.cause
	}
	was := c.state
	c.state, c.cause = connGone, cause
	nc, waiters, queue := c.nc, c.waiters, c.queue
	c.waiters, c.queue = nil, nil
	c.mu.Unlock()

	s := c.set
	s.pool.remove(c)
	if nc != nil {
		_ = nc.Close()
	}
	for _, w := range waiters {
		w.tell(c, cause)
	}
	for i := range queue {
		s.sendFailed(&queue[i].out, cause)
	}
	if was == connUp {
		s.cfg.Metrics.streams.closed[why].Inc()
		s.fenced(func() { s.cfg.Closed(c.flow, cause) })
	}
	s.cfg.Logger.Debug("connection closed", "peer", c.flow.Peer, "accepted", c.accepted, "why", why.String(), "error", cause)
	return cause
}

// endOf tells the ordinary end of a stream from an error.
func endOf(err error) ending {
	if errors.Is(err, io.EOF) {
		return closedByPeer
	}
	return closedError
}
