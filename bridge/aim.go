package bridge

import (
	"math/bits"
	"net/netip"
	"strings"

	"b2bua/rtprelay"
	"b2bua/sdp"
)

// A place is where the signalling of a peer comes from, and its trunk.
type place struct {
	trunk string
	addr  netip.Addr
}

// A sight is room for what a stream is told of its peer, which the relay copies.
type sight struct {
	prefixes []netip.Prefix
	rates    map[uint8]uint32
}

// aim tells a stream who its peer is, from the peer's own m-line. other is the far
// side's, nil while there is none: it has a say in the direction, and a peer may
// send what either of them lists.
func (k *call) aim(st *rtprelay.Stream, l, other *sdp.Media, mux bool, from place) {
	flow, types := sdp.SendRecv, l.PayloadSet()
	s := &k.b.cells[k.home()].sight
	s.clockRates(l, types)
	s.plausible(from.addr, k.b.cfg.Engine.Load().Sources(from.trunk))
	if other != nil {
		flow = other.Flow()
		more := other.PayloadSet()
		types[0], types[1] = types[0]|more[0], types[1]|more[1]
	}
	own := l.Flow()
	st.SetRemote(rtprelay.Remote{
		RTP: l.RTPAddress(), RTCP: l.RTCP(), Mux: mux,
		Send: own.Receives() && flow.Sends(), Recv: own.Sends() && flow.Receives(),
		Learn: true, Prefixes: s.prefixes, PayloadTypes: types, ClockRates: s.rates,
	})
}

// plausible is where a peer's media may come from besides the address in its
// SDP: where its signalling is, and whatever its trunk declares as its own.
func (s *sight) plausible(signalling netip.Addr, sources []netip.Prefix) {
	s.prefixes = append(s.prefixes[:0], netip.PrefixFrom(signalling, signalling.BitLen()))
	s.prefixes = append(s.prefixes, sources...)
}

// clockRates is what jitter is measured by. The packets of one telephone-event
// share a timestamp (RFC 4733 §2.5.1.2), so their jitter would mean nothing.
func (s *sight) clockRates(l *sdp.Media, types [2]uint64) {
	if s.rates == nil {
		s.rates = make(map[uint8]uint32, 4)
	}
	clear(s.rates)
	for i, set := range types {
		for ; set != 0; set &= set - 1 {
			c := l.Codec(uint8(i*64 + bits.TrailingZeros64(set)))
			switch {
			case strings.EqualFold(c.Name, "telephone-event"):
				s.rates[c.PayloadType] = 0
			case c.ClockRate > 0:
				s.rates[c.PayloadType] = uint32(c.ClockRate)
			}
		}
	}
}
