package legs

import (
	"errors"
	"sync"
	"syscall"
	"time"

	"b2bua/legs/transport"
)

// Defaults of [Config].
const (
	DefaultSizeWait   = time.Second
	DefaultSizeMemory = 10 * time.Minute
	DefaultRoomWait   = 2 * time.Second
)

// A request that is too long for UDP goes by TCP (RFC 3261 §18.1.1): only when a
// connection is up, so that a peer that has none gets the same request, with the
// same branch, over UDP, and has never seen it before. A peer that takes the
// connection and drops it without an answer gets it over UDP too: by its branch
// it can tell that it knows the request already.

// big reports whether a request that would go by a flow should go by TCP instead.
func (c *Core) big(l leg, f transport.Flow, size int) bool {
	mtu := l.remote().MTU
	if mtu == 0 || size <= mtu || c.stack.tcpless.has(target(f), c.now) {
		return false
	}
	_, ok := c.tcp(f)
	return ok
}

// tcp is the flow over TCP to the peer of another one.
func (c *Core) tcp(f transport.Flow) (transport.Flow, bool) {
	i, ok := c.stack.wire.Select(c.stack.listeners[f.Listener].Network, "tcp", f.Peer)
	return transport.Flow{Listener: i, Peer: f.Peer}, ok
}

func (c *Core) connectBig(plain transport.Flow, done func(*Core, way, error)) {
	f, _ := c.tcp(plain)
	c.join(f, c.stack.cfg.SizeWait, func(c *Core, f transport.Flow, err error) {
		if err != nil {
			c.small(plain, err)
			done(c, way{flow: plain}, nil)
			return
		}
		c.stack.metrics.big.WithLabelValues("tcp").Inc()
		done(c, way{flow: f, big: true, plain: plain}, nil)
	})
}

// small notes that a target does not speak TCP, unless it is we who cannot.
func (c *Core) small(plain transport.Flow, err error) {
	outcome := "failed"
	switch {
	case errors.Is(err, transport.ErrLimit):
		c.stack.metrics.big.WithLabelValues("limit").Inc()
		return
	case errors.Is(err, transport.ErrConnectTimeout):
		outcome = "silent"
	case errors.Is(err, syscall.ECONNREFUSED):
		outcome = "refused"
	}
	c.stack.metrics.big.WithLabelValues(outcome).Inc()
	c.stack.tcpless.add(target(plain), c.now.Add(c.stack.cfg.SizeMemory), c.now)
}

// again sends the request of a transaction over UDP that TCP has lost.
func (c *Core) again(tx *clientTx) {
	c.small(tx.plain, transport.ErrGone)
	c.clients.remove(tx)
	tx.way = way{flow: tx.plain}
	c.begin(tx, tx.Method, tx.Branch, tx.Request) // copied by leaving: the connection may have it still
}

// target is what is remembered of a flow: any connection to the peer.
func target(f transport.Flow) transport.Flow {
	return transport.Flow{Listener: f.Listener, Peer: f.Peer}
}

// maxTCPless bounds how many targets are remembered.
const maxTCPless = 4096

// tcpless remembers who does not speak TCP. Safe for concurrent use; only
// requests that are too long for UDP ask.
type tcpless struct {
	mu    sync.Mutex
	until map[transport.Flow]time.Time
}

func (t *tcpless) has(f transport.Flow, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	until, ok := t.until[f]
	if ok && !now.Before(until) {
		delete(t.until, f)
		return false
	}
	return ok
}

// add remembers a target. When there are too many, those whose time is over go,
// else any one.
func (t *tcpless) add(f transport.Flow, until, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.until == nil {
		t.until = make(map[transport.Flow]time.Time)
	}
	if len(t.until) >= maxTCPless {
		for old, end := range t.until {
			if !now.Before(end) {
				delete(t.until, old)
			}
		}
		for old := range t.until {
			if len(t.until) < maxTCPless {
				break
			}
			delete(t.until, old)
		}
	}
	t.until[f] = until
}
