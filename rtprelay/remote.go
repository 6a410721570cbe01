package rtprelay

import (
	"net/netip"
	"slices"
	"time"
)

// Remote is what signalling says about a stream's peer. The zero value knows
// no peer: everything received is dropped, nothing is sent.
type Remote struct {
	RTP  netip.AddrPort // where the peer wants RTP; invalid, wildcard, port 0 or of the other family = not known
	RTCP netip.AddrPort // where it wants RTCP when Mux is off; likewise
	Mux  bool           // RTP and RTCP share the RTP port on this side (RFC 5761)
	Send bool           // RTP may be sent to this peer; RTCP always may (RFC 3264 §5.1)
	Recv bool           // RTP from this peer is relayed; RTCP always is

	// Learn lets the stream latch on a source other than RTP: one with RTP's IP
	// address or within Prefixes, within the learn window.
	Learn    bool
	Prefixes []netip.Prefix

	PayloadTypes [2]uint64        // bit set of the payload types a source to be learned may use; zero = any. Once latched, any codec passes.
	ClockRates   map[uint8]uint32 // Hz by payload type, for jitter; 0 = not measured (telephone-event); absent = RFC 3551's static rate, if any
}

// SetPayloadType adds pt (0..127) to r.PayloadTypes.
func (r *Remote) SetPayloadType(pt uint8) { r.PayloadTypes[pt>>6&1] |= 1 << (pt & 63) }

// control is what control code tells the packet path about a stream: its
// Remote and its join. It is immutable; a change is a new control behind the
// stream's one atomic pointer.
type control struct {
	generation uint32 // moves when the latch must start again; 0 = no SetRemote yet
	mux        bool
	send       bool
	recv       bool
	learn      bool
	needed     uint8 // packets it takes to learn a source

	rtp          netip.AddrPort // zero when not known
	rtcp         netip.AddrPort
	prefixes     []netip.Prefix
	payloadTypes [2]uint64
	rates        []clockRate

	learnUntil time.Duration // when sources stop being learned
	window     time.Duration // the same for RTCP, from when RTP latched
	since      time.Duration // when peer, recv or generation last changed: silence counts from here
	peer       *Stream       // what is accepted goes out of this stream; nil when cut
}

// clockRate is one entry of Remote.ClockRates.
type clockRate struct {
	payloadType uint8
	hz          uint32
}

// describe returns c with what r says. The generation moves only when an
// address does; fam is the stream's address family.
func (c control) describe(r Remote, fam int, now time.Duration) control {
	rtp, rtcp := usable(r.RTP, fam), usable(r.RTCP, fam)
	if r.Mux {
		rtcp = netip.AddrPort{}
	}
	if c.generation == 0 || rtp != c.rtp || rtcp != c.rtcp || r.Mux != c.mux {
		c.generation++
		c.since = now
	}
	if c.recv != r.Recv {
		c.since = now
	}
	c.rtp, c.rtcp, c.mux = rtp, rtcp, r.Mux
	c.send, c.recv, c.learn = r.Send, r.Recv, r.Learn
	c.prefixes = c.prefixes[:0:0]
	for _, p := range r.Prefixes {
		c.prefixes = append(c.prefixes, unmapPrefix(p))
	}
	c.payloadTypes = r.PayloadTypes
	c.rates = make([]clockRate, 0, len(r.ClockRates))
	for pt, hz := range r.ClockRates {
		c.rates = append(c.rates, clockRate{pt, hz})
	}
	slices.SortFunc(c.rates, func(a, b clockRate) int { return int(a.payloadType) - int(b.payloadType) })
	c.learnUntil = now + c.window
	return c
}

// join returns c sent to peer, or to nobody.
func (c control) join(peer *Stream, now time.Duration) control {
	if c.peer != peer {
		c.peer, c.since = peer, now
	}
	return c
}

// plausible reports that a source with this address may be the peer behind
// some NAT, by what signalling knows of it (RFC 7362 §4).
func (c *control) plausible(a netip.Addr) bool {
	if c.rtp.IsValid() && a == c.rtp.Addr() {
		return true
	}
	for _, p := range c.prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// offers reports that a source to be learned may use the payload type.
func (c *control) offers(payloadType uint8) bool {
	return c.payloadTypes == [2]uint64{} || c.payloadTypes[payloadType>>6&1]>>(payloadType&63)&1 == 1
}

// clockRate is the rate to measure a payload type's jitter with; 0 = do not.
func (c *control) clockRate(payloadType uint8) uint32 {
	for i := range c.rates {
		if c.rates[i].payloadType == payloadType {
			return c.rates[i].hz
		}
	}
	return staticClockRate(payloadType)
}

// usable returns a as packets carry it, or zero when nothing of that family
// can be sent there.
func usable(a netip.AddrPort, fam int) netip.AddrPort {
	ip := a.Addr().Unmap().WithZone("")
	if !ip.IsValid() || ip.IsUnspecified() || ip.IsMulticast() || a.Port() == 0 || family(ip) != fam {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ip, a.Port())
}

// unmapPrefix turns a prefix of IPv4 addresses mapped into IPv6 into the IPv4
// prefix that packets are compared with.
func unmapPrefix(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}
