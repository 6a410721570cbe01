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
	send       bool
	recv       bool
	learn      bool
	needed     uint8 // packets it takes to learn a source

	target
	relay        *Relay // knows our own ports; nil = there are none
	prefixes     []netip.Prefix
	payloadTypes [2]uint64
	rates        []clockRate

	learnUntil time.Duration // when sources stop being learned
	window     time.Duration // the same for RTCP, from when RTP latched
	since      time.Duration // when peer, recv or generation last changed: silence counts from here
	peer       *Stream       // what is accepted goes out of this stream; nil when cut
}

// target is where a stream's peer wants to be sent to; the addresses are zero
// when not known.
type target struct {
	rtp  netip.AddrPort
	rtcp netip.AddrPort // zero under mux
	mux  bool
}

// destination is where RTP or RTCP goes unless a source has been learned.
func (t target) destination(rtcp bool) netip.AddrPort {
	if rtcp && !t.mux {
		return t.rtcp
	}
	return t.rtp
}

// targetOf is what r says of addresses, as far as a stream of that family can
// send there.
func targetOf(r Remote, fam int) target {
	t := target{rtp: usable(r.RTP, fam), rtcp: usable(r.RTCP, fam), mux: r.Mux}
	if t.mux {
		t.rtcp = netip.AddrPort{}
	}
	return t
}

// clockRate is one entry of Remote.ClockRates.
type clockRate struct {
	payloadType uint8
	hz          uint32
}

// aim returns c with these addresses. The generation moves only when one does.
func (c control) aim(t target, now time.Duration) control {
	if t != c.target {
		c.target = t
		c.generation++
		c.since, c.learnUntil = now, now+c.window
	}
	return c
}

// describe returns c with what r says; t are those of its addresses to be used.
func (c control) describe(r Remote, t target, now time.Duration) control {
	if c.generation == 0 && t == c.target { // SetRemote came, though it knows no address
		c.generation, c.since = 1, now
	}
	c = c.aim(t, now)
	if c.recv != r.Recv {
		c.since = now
	}
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

// own reports that a is one of the relay's ports, whoever has it now. Such a
// source is believed when it was signalled and never learned: paths would not
// know of it, and a loop may run through it.
func (c *control) own(a netip.AddrPort) bool { return c.relay != nil && c.relay.owns(a) }

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
