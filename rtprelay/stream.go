package rtprelay

import (
	"net/netip"
	"sync/atomic"
)

// A Stream is one local RTP/RTCP port pair, facing one peer. Its methods may
// be called from any goroutine.
type Stream struct {
	// set once by Open
	session *Session
	ports   *ports
	port    uint16 // local, of RTP; RTCP has the next one

	// written under session.mu, read by the worker with every packet
	control atomic.Pointer[control]

	// guarded by session.mu
	closed    bool
	announced uint32  // the control's generation that the worker has been told of
	told      *target // what SetRemote named, when control does not use all of it; else nil

	// written by the worker, read by anybody
	counters counters

	// owned by the worker from the order to attach to the one to detach
	pair      *pair // nil after detach
	latch     latch
	quality   quality
	connected bool // the RTP socket refuses all but the latched source
	unfit     bool // it could not be connected; not tried again in this generation
}

// LocalRTP is the address and even port that RTP is received on and sent from.
func (st *Stream) LocalRTP() netip.AddrPort { return netip.AddrPortFrom(st.ports.address, st.port) }

// LocalRTCP is the same for RTCP: the next port. It stays open under rtcp-mux.
func (st *Stream) LocalRTCP() netip.AddrPort {
	return netip.AddrPortFrom(st.ports.address, st.port+1)
}

// SetRemote says who the peer is and what may flow. When RTP, RTCP or Mux
// differ from before the stream forgets the source it had latched on and
// learns anew; otherwise a latched source stays, and a stream that has not
// latched gets a new learn window. A phone that is called behind a NAT sends
// nothing before it answers: call SetRemote again then.
//
// An address that is a port of this relay is a peer like any other, a call
// that came back as another one. But where media would come round to this
// stream for ever the address is left out, until a SetRemote or Join of this
// stream finds that it does not any more.
func (st *Stream) SetRemote(r Remote) {
	s := st.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.closed {
		return
	}
	before := st.leftOutLocked()
	s.relay.paths.set(st, r, s.relay.now())
	st.aimedLocked(before)
}

// Stats returns the counters. It never blocks and works after Close.
func (st *Stream) Stats() Stats {
	stats := st.counters.stats(st.session.relay.start)
	if !stats.Latched {
		stats.Remote = st.control.Load().rtp
	}
	return stats
}

// Close cuts the stream's join, closes its sockets and puts its ports into
// quarantine, soon after it returns. It may be called twice.
func (st *Stream) Close() {
	s := st.session
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeLocked(st)
}
