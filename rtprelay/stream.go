package rtprelay

import (
	"net/netip"
	"sync/atomic"
	"time"
)

// A Stream is one local RTP/RTCP port pair, facing one peer. Its methods may
// be called from any goroutine.
type Stream struct {
	// set once by Open
	session *Session
	ports   *ports
	rtp     netip.AddrPort // local; RTCP has the next port
	token   uint64         // of the RTP socket, see slots

	// written under session.mu, read by the worker with every packet
	control atomic.Pointer[control]

	// guarded by session.mu
	closed bool

	// written by the worker, read by anybody
	counters counters

	// owned by the worker from attach to detach
	rtpSocket  socket // nil before and after
	rtcpSocket socket
	latch      latch
	quality    quality
	connected  bool // rtpSocket refuses all but the latched source
	unfit      bool // it could not be connected; not tried again in this generation
}

// LocalRTP is the address and even port that RTP is received on and sent from.
func (st *Stream) LocalRTP() netip.AddrPort { return st.rtp }

// LocalRTCP is the same for RTCP: the next port. It stays open under rtcp-mux.
func (st *Stream) LocalRTCP() netip.AddrPort {
	return netip.AddrPortFrom(st.rtp.Addr(), st.rtp.Port()+1)
}

// SetRemote says who the peer is and what may flow. When RTP, RTCP or Mux
// differ from before the stream forgets the source it had latched on and
// learns anew; otherwise a latched source stays, and a stream that has not
// latched gets a new learn window. A phone that is called behind a NAT sends
// nothing before it answers: call SetRemote again then.
func (st *Stream) SetRemote(r Remote) {
	s := st.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.closed {
		return
	}
	old := st.control.Load()
	c := old.describe(s.withoutLoopsLocked(r), family(st.rtp.Addr()), s.relay.now())
	st.control.Store(&c)
	if c.generation != old.generation { // a connected socket would not hear the new peer
		s.worker.post(func(time.Duration) { s.worker.sync(st) })
	}
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
