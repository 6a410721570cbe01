package rtprelay

import "time"

// SessionConfig describes a media session.
type SessionConfig struct {
	Ref     uint64        // opaque, comes back in events
	Index   int           // the m-line, comes back in events
	Timeout time.Duration // silence on both joined streams before a Timeout event; 0 = off
}

// A Session is one m-line of one call. Its methods may be called from any
// goroutine.
type Session struct{}

// Open binds a free even/odd port pair on the network's IPv4 or IPv6 address.
// It fails with ErrNoPorts, ErrNoDescriptors, ErrNoNetwork or ErrClosed.
func (s *Session) Open(network string, v6 bool) (*Stream, error) { return nil, nil }

// Join makes a and b exchange media: what is accepted on one is sent from the
// other. It replaces earlier joins of either; Join(a, nil) only cuts. Both must
// be streams of s.
func (s *Session) Join(a, b *Stream) {}

// SetTimeout replaces SessionConfig.Timeout; the silence is counted from now.
// 0 switches it off.
func (s *Session) SetTimeout(d time.Duration) {}

// Close closes all streams. It may be called twice.
func (s *Session) Close() {}
