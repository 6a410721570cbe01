package rtprelay

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// SessionConfig describes a media session.
type SessionConfig struct {
	Ref     uint64        // opaque, comes back in events
	Index   int           // the m-line, comes back in events
	Timeout time.Duration // silence on both joined streams before a Timeout event; 0 = off
}

// A Session is one m-line of one call. Its methods may be called from any
// goroutine.
type Session struct {
	// set once
	relay  *Relay
	worker *worker
	ref    uint64
	index  int

	// guards the following fields, and with paths.mu the writes of the streams' control
	mu      sync.Mutex
	streams []*Stream
	timeout time.Duration // as last asked for; 0 = off
	closed  bool

	// owned by the worker
	open     []*Stream // attached streams
	deadline deadline

	places [2][2]*Stream // what streams and open begin with: a call mostly has two,
	firsts [2]Stream     // and these are they
}

// Open binds a free even/odd port pair on the network's IPv4 or IPv6 address.
// It fails with ErrNoPorts, ErrNoDescriptors, ErrNoNetwork or ErrClosed.
func (s *Session) Open(network string, v6 bool) (*Stream, error) {
	pool, err := s.relay.pool(network, v6)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	spare, err := s.worker.acquire(pool)
	if err != nil {
		s.relay.refused(err)
		return nil, fmt.Errorf("network %q: %w", network, err)
	}
	st := s.newStreamLocked(spare)
	if !s.worker.post(attaching{st}) {
		s.worker.disown(st.pair)
		return nil, ErrClosed
	}
	s.streams = append(s.streams, st)
	s.relay.paths.open(st)
	s.relay.sockets.Add(2)
	s.relay.streams.Add(1)
	return st, nil
}

// newStreamLocked returns a new stream that has the pair; s.mu is held.
func (s *Session) newStreamLocked(p *pair) *Stream {
	st := &s.firsts[0]
	switch {
	case s.firsts[0].session == nil:
	case s.firsts[1].session == nil:
		st = &s.firsts[1]
	default:
		st = new(Stream)
	}
	st.session, st.ports, st.port, st.pair = s, p.ports, p.port, p
	st.control.Store(s.relay.fresh)
	return st
}

// Join makes a and b exchange media: what is accepted on one is sent from the
// other. It replaces earlier joins of either; Join(a, nil) only cuts. Both must
// be open streams of s, else nothing happens.
func (s *Session) Join(a, b *Stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.hasLocked(a) || a == b || b != nil && !s.hasLocked(b) {
		return
	}
	if b == nil {
		s.linkLocked(a, nil)
		return // who sends to nobody may be aimed anywhere
	}
	beforeA, beforeB := a.leftOutLocked(), b.leftOutLocked()
	s.linkLocked(a, b)
	a.aimedLocked(beforeA)
	b.aimedLocked(beforeB)
}

// linkLocked is Join of streams that are fit for it; s.mu is held.
func (s *Session) linkLocked(a, b *Stream) {
	now, p := s.relay.now(), &s.relay.paths
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, st := range []*Stream{a, b} {
		if st == nil {
			continue
		}
		if peer := st.control.Load().peer; peer != nil && peer != a && peer != b {
			peer.joinLocked(nil, now)
		}
	}
	if b == nil {
		if peer := a.control.Load().peer; peer != nil {
			peer.joinLocked(nil, now)
		}
		a.joinLocked(nil, now)
		return
	}
	p.joinLocked(a, b, now)
}

// joinLocked points st at peer; session.mu and paths.mu are held.
func (st *Stream) joinLocked(peer *Stream, now time.Duration) {
	c := st.control.Load().join(peer, now)
	st.control.Store(&c)
}

// hasLocked reports that st is an open stream of s; s.mu is held.
func (s *Session) hasLocked(st *Stream) bool { return st != nil && st.session == s && !st.closed }

// SetTimeout replaces SessionConfig.Timeout; the silence is counted from now.
// Turning off what is off is nobody's work.
// 0 switches it off.
func (s *Session) SetTimeout(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d = max(d, 0)
	if s.closed || s.timeout == 0 && d == 0 {
		return
	}
	s.timeout = d
	s.worker.post(timing{s, d, s.relay.now()})
}

// Close closes all streams. It may be called twice. Events of the session that
// are on their way still arrive.
func (s *Session) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	s.relay.paths.close(s.streams)
	for _, st := range s.streams {
		st.closed = true
	}
	s.streams = nil
	s.worker.post(ending{s})
	s.relay.forget(s)
}

// closeLocked closes st, once; s.mu is held.
func (s *Session) closeLocked(st *Stream) {
	if st.closed {
		return
	}
	st.closed = true
	s.cutLocked(st)
	s.streams = slices.DeleteFunc(s.streams, func(other *Stream) bool { return other == st })
	s.worker.post(detaching{st})
}

// cutLocked takes st off all paths; s.mu is held.
func (s *Session) cutLocked(st *Stream) {
	now, p := s.relay.now(), &s.relay.paths
	p.mu.Lock()
	defer p.mu.Unlock()
	if peer := st.control.Load().peer; peer != nil {
		peer.joinLocked(nil, now)
	}
	st.joinLocked(nil, now)
	p.closeLocked(st)
}
