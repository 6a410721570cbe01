package rtprelay

import "net/netip"

// A Relay owns the media ports, the workers and their sockets. Its methods may
// be called from any goroutine.
type Relay struct{}

// New validates cfg and starts the workers.
func New(cfg Config) (*Relay, error) { return nil, cfg.Validate() }

// Close closes every session and returns when the last goroutine is gone and
// all sockets are closed. It may be called twice.
func (r *Relay) Close() error { return nil }

// Gauges is how much of the relay is in use.
type Gauges struct {
	PortsFree        int // port pairs
	PortsUsed        int
	PortsQuarantined int
	Sockets          int // open media sockets
	Sessions         int
	Streams          int
}

// Gauges returns the figures of this moment.
func (r *Relay) Gauges() Gauges { return Gauges{} }

// Idle reports that no session, stream, socket or port is in use; ports may be
// in quarantine.
func (r *Relay) Idle() bool { return true }

// Session opens an empty media session. All sessions with the same affinity
// share a worker. It fails with ErrTooManySessions or ErrClosed.
func (r *Relay) Session(affinity uint32, cfg SessionConfig) (*Session, error) { return nil, nil }

type poller interface{}

func newPoller() (poller, error) { return nil, nil }

// A Stream is one local RTP/RTCP port pair, facing one peer. Its methods may
// be called from any goroutine.
type Stream struct{}

// LocalRTP is the address and even port that RTP is received on and sent from.
func (st *Stream) LocalRTP() netip.AddrPort { return netip.AddrPort{} }

// LocalRTCP is the same for RTCP: the next port. It stays open under rtcp-mux.
func (st *Stream) LocalRTCP() netip.AddrPort { return netip.AddrPort{} }

// SetRemote says who the peer is and what may flow. When RTP, RTCP or Mux
// differ from before the stream forgets the source it had latched on and
// learns anew; otherwise a latched source stays, and a stream that has not
// latched gets a new learn window.
func (st *Stream) SetRemote(r Remote) {}

// Stats returns the counters. It never blocks and works after Close.
func (st *Stream) Stats() Stats { return Stats{} }

// Close cuts the stream's join, closes its sockets and puts its ports into
// quarantine, soon after it returns. It may be called twice.
func (st *Stream) Close() {}
