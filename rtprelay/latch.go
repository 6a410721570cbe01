package rtprelay

import (
	"net/netip"
	"time"
)

// maxSequenceStep is how far apart the sequence numbers of a source that is
// being learned may be: a second of voice at 10 ms.
const maxSequenceStep = 100

// lock says how a flow came to trust its source.
type lock uint8

const (
	unlocked  lock = iota
	learned        // several consistent packets from a plausible source
	signalled      // from the very address that signalling named
)

// flow is one local port's idea of where its peer sends from.
type flow struct {
	source netip.AddrPort // who is accepted; zero while unlocked
	lock   lock
}

// candidate is a plausible source that may become the peer's.
type candidate struct {
	source   netip.AddrPort
	ssrc     uint32
	sequence uint16
	count    uint8 // consistent packets in a row
}

// A latch learns where a peer really sends media from, and decides packet by
// packet whether a source is to be trusted (RFC 7362 §5, RFC 4961).
//
// The address that signalling named is believed at once. Behind a NAT another
// source is believed only if signalling makes it plausible, within a bounded
// window, after a few packets of one SSRC, in sequence, of an agreed payload
// type. From then on nobody else is accepted, except that within the window
// the signalled address still wins over a learned one. A stranger therefore
// gets nothing in, and nothing is sent to it.
//
// A latch belongs to one generation of the stream's control; the worker
// replaces it when control moves on. The zero latch trusts nobody. It is not
// safe for concurrent use: the worker owns it.
type latch struct {
	generation uint32
	conflicted bool // a Conflict has been raised for this generation
	heard      bool // ssrc is valid
	ssrc       uint32
	rtp        flow
	rtcp       flow
	rtcpUntil  time.Duration // when sources of RTCP stop being learned
	candidates [2]candidate
}

// trust says what a latch thinks of a packet's source.
type trust uint8

const (
	foreign trust = iota // not the peer
	maybe                // being learned
	known                // the peer
	fresh                // the peer, from this packet on
)

// judgeRTP takes a valid RTP packet on the RTP port.
func (l *latch) judgeRTP(c *control, a *arrival, h rtpHeader) trust {
	t := l.judgeSource(c, a)
	if t == maybe {
		t = l.learn(c, a, h)
	}
	if t >= known {
		l.heard, l.ssrc = true, h.ssrc
	}
	return t
}

// judgeMuxed takes a valid RTCP packet on the RTP port. It can lock on the
// signalled address, but nothing is learned from it.
func (l *latch) judgeMuxed(c *control, a *arrival) trust { return l.judgeSource(c, a) }

// judgeSource decides by the source alone; maybe means that a source may be
// learned.
func (l *latch) judgeSource(c *control, a *arrival) trust {
	if l.rtp.lock != unlocked && a.from == l.rtp.source {
		return known
	}
	open := a.now < c.learnUntil
	if c.rtp.IsValid() && a.from == c.rtp && (l.rtp.lock == unlocked || open) {
		l.lockRTP(signalled, c, a)
		return fresh
	}
	if l.rtp.lock == unlocked && c.learn && open && c.plausible(a.from.Addr()) && !c.own(a.from) {
		return maybe
	}
	return foreign
}

// learn counts consistent packets of a plausible source. Two sources may be in
// the running; a third takes the place of the one that has got less far.
func (l *latch) learn(c *control, a *arrival, h rtpHeader) trust {
	if !c.offers(h.payloadType) {
		return foreign
	}
	slot := &l.candidates[0]
	for i := range l.candidates {
		at := &l.candidates[i]
		if at.source == a.from {
			slot = at
			break
		}
		if at.count < slot.count {
			slot = at
		}
	}
	same := slot.source == a.from && slot.ssrc == h.ssrc
	switch step := int16(h.sequence - slot.sequence); {
	case same && step > 0 && step <= maxSequenceStep:
		slot.count++
		slot.sequence = h.sequence
	case same && step <= 0 && step > -maxSequenceStep: // duplicate or reordered: says nothing
	default:
		*slot = candidate{source: a.from, ssrc: h.ssrc, sequence: h.sequence, count: 1}
	}
	if slot.count < c.needed {
		return maybe
	}
	l.lockRTP(learned, c, a)
	return fresh
}

// lockRTP trusts the packet's source from now on.
func (l *latch) lockRTP(how lock, c *control, a *arrival) {
	if l.rtp.source != a.from && l.rtcp.lock == learned {
		l.rtcp = flow{} // it was learned from who turned out not to be the peer
	}
	l.rtp = flow{source: a.from, lock: how}
	l.rtcpUntil = a.now + c.window
	l.candidates = [2]candidate{}
}

// judgeRTCP takes a valid RTCP packet on the RTCP port. A source that was not
// signalled must have the address and the SSRC of the latched RTP source.
func (l *latch) judgeRTCP(c *control, a *arrival, ssrc uint32) trust {
	if l.rtcp.lock != unlocked && a.from == l.rtcp.source {
		return known
	}
	if c.rtcp.IsValid() && a.from == c.rtcp && l.rtcp.lock == unlocked {
		l.rtcp = flow{source: a.from, lock: signalled}
		return fresh
	}
	if l.rtcp.lock == unlocked && c.learn && l.rtp.lock != unlocked && a.now < l.rtcpUntil &&
		a.from.Addr() == l.rtp.source.Addr() && l.heard && ssrc == l.ssrc && !c.own(a.from) {
		l.rtcp = flow{source: a.from, lock: learned}
		return fresh
	}
	return foreign
}

// settled reports that the RTP source will not change before the next
// generation.
func (l *latch) settled(c *control, now time.Duration) bool {
	return l.rtp.lock == signalled || l.rtp.lock == learned && (now >= c.learnUntil || !c.rtp.IsValid())
}
