package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Errors of connections.
var (
	// ErrGone: the connection that a message should have gone by is closed.
	ErrGone = errors.New("transport: the connection is gone")
	// ErrLimit: one more connection, or dial, than allowed.
	ErrLimit = errors.New("transport: too many connections")
	// ErrSlow: the peer does not read what is sent to it.
	ErrSlow = errors.New("transport: the peer does not read")
	// ErrConnectTimeout: the peer has not accepted the connection in time.
	ErrConnectTimeout = errors.New("transport: not connected in time")
)

// A pool is every connection of a [Set].
type pool struct {
	ctx    context.Context //nolint:containedctx // the life of the set: ends the dials
	cancel context.CancelFunc

	mu       sync.Mutex // guards all below; a conn's own mutex may be taken inside it
	closed   bool
	last     uint64 // id
	conns    map[uint64]*conn
	peers    map[peerKey]*conn // one to each, for requests
	sources  map[netip.Prefix]int
	accepted int
	unknown  int // of those: strangers
	dialling int
}

// A peerKey is where a connection leads.
type peerKey struct {
	listener int
	peer     netip.AddrPort
}

// newPool begins to count where no process before this one has: a flow that has
// been written out must not lead to a stranger when it is read in again.
func newPool() *pool {
	ctx, cancel := context.WithCancel(context.Background())
	return &pool{
		ctx: ctx, cancel: cancel, last: uint64(time.Now().UnixNano()),
		conns: make(map[uint64]*conn), peers: make(map[peerKey]*conn), sources: make(map[netip.Prefix]int),
	}
}

// admit files an accepted connection, or names the bound that it breaks.
func (s *Set) admit(listener int, nc net.Conn, peer netip.AddrPort, known bool) (*conn, rejection) {
	p, cfg := s.pool, &s.cfg.Streams
	source := sourceOf(peer.Addr())
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return nil, refusedClosed
	case len(p.conns) >= cfg.Connections:
		return nil, refusedTotal
	case p.sources[source] >= cfg.PerSource:
		return nil, refusedSource
	case !known && p.unknown >= cfg.strangers():
		return nil, refusedStranger
	}
	c := p.file(s, Flow{Listener: listener, Peer: peer})
	c.nc, c.state, c.accepted, c.known = nc, connUp, true, known
	p.sources[source]++
	p.accepted++
	if !known {
		p.unknown++
	}
	s.wg.Go(c.serve)
	return c, 0
}

// toward returns the connection to use for a flow: its own, else the one to its
// peer, else a new one, which is being dialled.
func (s *Set) toward(f Flow) (*conn, error) {
	p, cfg := s.pool, &s.cfg.Streams
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.conns[f.Conn]; c != nil && c.flow.Listener == f.Listener && c.alive() {
		return c, nil
	}
	if c := p.peers[peerKey{f.Listener, f.Peer}]; c != nil && c.alive() {
		return c, nil
	}
	switch {
	case p.closed:
		return nil, net.ErrClosed
	case len(p.conns) >= cfg.Connections:
		s.cfg.Metrics.streams.refused[refusedTotal].Inc()
		return nil, ErrLimit
	case p.dialling >= cfg.Dials:
		s.cfg.Metrics.streams.refused[refusedDials].Inc()
		return nil, ErrLimit
	}
	c := p.file(s, Flow{Listener: f.Listener, Peer: f.Peer})
	c.known = true
	p.dialling++
	s.wg.Go(c.dial)
	return c, nil
}

// file gives a new connection its id.
func (p *pool) file(s *Set, f Flow) *conn {
	p.last++
	f.Conn = p.last
	c := &conn{set: s, flow: f, opened: time.Now()}
	c.touch(c.opened)
	p.conns[f.Conn] = c
	if key := (peerKey{f.Listener, f.Peer}); p.peers[key] == nil || !p.peers[key].alive() {
		p.peers[key] = c
	}
	return c
}

func (p *pool) get(id uint64) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conns[id]
}

// dialled notes that a dial is over, whatever came of it.
func (p *pool) dialled() {
	p.mu.Lock()
	p.dialling--
	p.mu.Unlock()
}

// remove forgets a connection; it is called once for each.
func (p *pool) remove(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c.flow.Conn)
	if key := (peerKey{c.flow.Listener, c.flow.Peer}); p.peers[key] == c {
		delete(p.peers, key)
	}
	if !c.accepted {
		return
	}
	source := sourceOf(c.flow.Peer.Addr())
	if p.sources[source]--; p.sources[source] == 0 {
		delete(p.sources, source)
	}
	p.accepted--
	if !c.known {
		p.unknown--
	}
}

// close closes every connection, and lets no more in.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	all := make([]*conn, 0, len(p.conns))
	for _, c := range p.conns {
		all = append(all, c)
	}
	p.mu.Unlock()
	p.cancel()
	for _, c := range all {
		_ = c.close(closedByUs, net.ErrClosed)
	}
}

// pause waits, until the pool is closed at most.
func (p *pool) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.ctx.Done():
	}
}

// counts returns how many connections there are, by who opened them.
func (p *pool) counts() (accepted, dialled int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted, len(p.conns) - p.accepted
}

// sourceOf is what counts as one source: who has one address of a /64 has all of
// them.
func sourceOf(a netip.Addr) netip.Prefix {
	bits := 32
	if a = a.Unmap().WithZone(""); a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // fails for the zero Addr only
	return p
}
