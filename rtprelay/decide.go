package rtprelay

import (
	"net/netip"
	"time"
)

// arrival is a datagram that a stream received.
type arrival struct {
	packet   []byte
	from     netip.AddrPort
	now      time.Duration // since the relay started
	rtcpPort bool          // it came to the RTCP port
}

// verdict is what is to become of it.
type verdict struct {
	accepted bool
	rtcp     bool      // RTCP, on either port
	latched  bool      // the source of RTP has just become trusted
	conflict bool      // first stranger of this generation
	drop     Drop      // why it is not relayed; valid unless relay is set
	relay    bool      // hand it to the joined stream
	header   rtpHeader // valid when accepted and not rtcp
}

// decide judges one datagram by the stream's control and latch. It moves the
// latch and does nothing else: no I/O, no clock, no allocation. The latch must
// be of c's generation.
func decide(l *latch, c *control, a *arrival) verdict {
	if a.rtcpPort {
		return decideRTCPPort(l, c, a)
	}
	if c.mux && muxedRTCP(a.packet) {
		if _, ok := parseRTCP(a.packet); !ok {
			return verdict{drop: DropMalformed}
		}
		return l.verdict(c, l.judgeMuxed(c, a), verdict{rtcp: true, relay: true})
	}
	h, ok := parseRTP(a.packet)
	if !ok {
		return verdict{drop: DropMalformed}
	}
	if reservedForRTCP(h.payloadType) {
		return verdict{drop: DropUnexpected}
	}
	v := l.verdict(c, l.judgeRTP(c, a, h), verdict{header: h, relay: true})
	if v.relay && !c.recv {
		v.relay, v.drop = false, DropNotReceiving
	}
	return v
}

// decideRTCPPort is decide for the RTCP port.
func decideRTCPPort(l *latch, c *control, a *arrival) verdict {
	ssrc, ok := parseRTCP(a.packet)
	if !ok {
		if _, rtp := parseRTP(a.packet); rtp {
			return verdict{drop: DropUnexpected}
		}
		return verdict{drop: DropMalformed}
	}
	if c.mux {
		return verdict{drop: DropUnexpected} // RFC 5761 §5.1.1: agreed to use the RTP port
	}
	v := l.verdict(c, l.judgeRTCP(c, a, ssrc), verdict{rtcp: true, relay: true})
	v.latched = false // the event is about RTP
	return v
}

// verdict completes good, the verdict for a packet of the peer, by what the
// latch thinks of the source.
func (l *latch) verdict(c *control, t trust, good verdict) verdict {
	switch t {
	case known, fresh:
		good.accepted, good.latched = true, t == fresh
		return good
	case maybe:
		return verdict{drop: DropLearning}
	default:
		// There is no conflict where no peer is known: not signalled yet, or held
		// with the address 0.0.0.0 (RFC 2543).
		first := !l.conflicted && (c.rtp.IsValid() || l.rtp.lock != unlocked)
		l.conflicted = l.conflicted || first
		return verdict{drop: DropStranger, conflict: first}
	}
}

// route says where a stream with this latch and control sends a packet: from
// its RTCP socket or its RTP socket, to which address, or why not.
func route(l *latch, c *control, rtcp bool) (fromRTCP bool, to netip.AddrPort, drop Drop, ok bool) {
	if !rtcp && !c.send {
		return false, to, DropNotSending, false
	}
	if rtcp && !c.mux {
		switch {
		case l.rtcp.lock != unlocked:
			return true, l.rtcp.source, 0, true
		case c.rtcp.IsValid() && (l.rtp.lock != learned || l.rtp.source.Addr() == c.rtp.Addr()):
			return true, c.rtcp, 0, true
		default: // behind a NAT: the signalled address is not the peer's, wait for its RTCP
			return true, to, DropNoDestination, false
		}
	}
	switch {
	case l.rtp.lock != unlocked:
		return false, l.rtp.source, 0, true
	case c.rtp.IsValid():
		return false, c.rtp, 0, true
	default:
		return false, to, DropNoDestination, false
	}
}
