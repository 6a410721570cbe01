package rtprelay

import (
	"net/netip"
	"sync"
	"time"
)

// maxHairpins is how many of our streams media may leave one after the other.
// Max-Forwards ends a call that keeps coming back to us after 70 requests (RFC
// 3261 §8.1.1.6); a longer chain was made on purpose. It bounds every walk.
const maxHairpins = 70

// paths finds out where media that a stream sends comes to. A call may come
// back to us as another call, so an address that is our own port is a good
// one; but when what is sent there returns to the stream that sent it, no
// packet would ever leave.
//
// A stream sends RTP to one address and RTCP to one, so each path is a line
// and a walk along it finds any loop. One lock covers look and change: of two
// changes that close a loop together, the second sees the first. The packet
// path takes no part in it: what it learns by itself is never our own port,
// see control.own, so that all there is to see is what was signalled.
type paths struct {
	mu    sync.Mutex // taken after a session's; held to change a control's addresses or peer, or who holds a port
	ports []*ports   // set once; all of the relay's
}

// open makes st known.
func (p *paths) open(st *Stream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*st.ports.holder(st.port) = st
}

// close forgets all streams of a session. They need not be cut: no path leads
// to them any more, and the worker closes them before the packets of its next
// batch. session.mu is held.
func (p *paths) close(all []*Stream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, st := range all {
		p.closeLocked(st)
	}
}

// closeLocked forgets st; p.mu is held.
func (p *paths) closeLocked(st *Stream) { *st.ports.holder(st.port) = nil }

// holderLocked returns the open stream that has the address, nil when it is
// not ours; p.mu is held.
func (p *paths) holderLocked(a netip.AddrPort) *Stream {
	for _, of := range p.ports {
		if of.has(a) {
			return *of.holder(a.Port())
		}
	}
	return nil
}

// returnsLocked reports that what st sends to a comes back to st; p.mu is held.
// The stream without, unless nil, is taken to send nothing.
func (p *paths) returnsLocked(st *Stream, a netip.AddrPort, rtcp bool, without *Stream) bool {
	in := p.holderLocked(a)
	if in != nil && in.session == st.session {
		return true // a session's peers are other machines, whatever is joined
	}
	for range maxHairpins {
		if in == nil {
			return false
		}
		out := in.control.Load().peer
		switch out {
		case nil, without:
			return false
		case st:
			return true
		}
		in = p.holderLocked(out.control.Load().destination(rtcp))
	}
	return in != nil
}

// aimLocked returns those of the addresses told to st that lead away from it;
// p.mu is held. The stream without, unless nil, is taken to send nothing.
func (p *paths) aimLocked(st *Stream, told target, without *Stream) target {
	aim := told
	if p.returnsLocked(st, told.rtp, false, without) || told.mux && p.returnsLocked(st, told.rtp, true, without) {
		aim.rtp = netip.AddrPort{}
	}
	if p.returnsLocked(st, told.rtcp, true, without) {
		aim.rtcp = netip.AddrPort{}
	}
	return aim
}

// set has st use what r says, and of its addresses those that lead away;
// st.session.mu is held.
func (p *paths) set(st *Stream, r Remote, now time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	told := targetOf(r, family(st.ports.address))
	aim := p.aimLocked(st, told, nil)
	c := st.control.Load().describe(r, aim, now)
	st.control.Store(&c)
	st.keepLocked(told, aim)
}

// joinLocked joins a and b of one session and aims both anew: what was a loop
// before may not be one now. p.mu and the session.mu are held.
func (p *paths) joinLocked(a, b *Stream, now time.Duration) {
	a.joinLocked(b, now)
	b.joinLocked(a, now)
	// b comes second, or a loop through b alone would cost a its address too.
	for _, end := range []struct{ st, without *Stream }{{a, b}, {b, nil}} {
		told := end.st.toldLocked()
		aim := p.aimLocked(end.st, told, end.without)
		if c := end.st.control.Load(); c.target != aim { // seldom: a control is large
			aimed := c.aim(aim, now)
			end.st.control.Store(&aimed)
		}
		end.st.keepLocked(told, aim)
	}
}

// toldLocked returns the addresses that SetRemote named; session.mu is held.
func (st *Stream) toldLocked() target {
	if st.told != nil {
		return *st.told
	}
	return st.control.Load().target
}

// keepLocked remembers what was told when not all of it is used; session.mu is
// held.
func (st *Stream) keepLocked(told, used target) {
	st.told = nil
	if told != used {
		kept := told
		st.told = &kept
	}
}

// leftOutLocked returns the RTP and the RTCP address that were told and are not
// used; session.mu is held.
func (st *Stream) leftOutLocked() (left [2]netip.AddrPort) {
	told, used := st.toldLocked(), st.control.Load().target
	if told.rtp != used.rtp {
		left[0] = told.rtp
	}
	if told.rtcp != used.rtcp {
		left[1] = told.rtcp
	}
	return left
}

// aimedLocked tells the worker where st has been aimed, and the log what is
// left out now and was not before; session.mu is held and paths.mu is not.
func (st *Stream) aimedLocked(before [2]netip.AddrPort) {
	w := st.session.worker
	if c := st.control.Load(); c.generation != st.announced {
		first := st.announced == 0
		st.announced = c.generation
		if !first { // a connected socket would not hear the new peer
			w.post(syncing{st})
		}
	}
	for i, a := range st.leftOutLocked() {
		if a.IsValid() && a != before[i] {
			w.relay.cfg.Logger.Warn("rtprelay: signalled address leads back to us, ignored",
				"ref", st.session.ref, "index", st.session.index, "local", st.LocalRTP(), "address", a)
		}
	}
}
