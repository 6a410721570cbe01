package bridge

import (
	"net/netip"
	"strings"

	"b2bua/cdr"
	"b2bua/legs"
	"b2bua/legs/sipmsg"
	"b2bua/policy"
	"b2bua/rtprelay"
	"b2bua/sdp"
)

// receive reads the caller's offer. When ok is false, ev says how the call is
// refused.
func (m *media) receive(inv *legs.Invite) (ev event, ok bool) {
	ev = event{in: Unplanned, end: cdr.EndBadOffer}
	offer, status, headers := readOffer(inv.ContentType, inv.Body, inv.Headers)
	if offer == nil {
		ev.status, ev.headers = status, headers
		return ev, false
	}
	ev.status = 488
	for _, l := range offer.Media() {
		if !l.Disabled() {
			m.offer = offer
			return event{}, true
		}
	}
	return ev, false
}

// readOffer reads the offer of an INVITE. When that is nil, the INVITE is to be
// refused with the status and the headers.
func readOffer(contentType string, body []byte, headers []sipmsg.Header) (offer *sdp.Session, status int, why []sipmsg.Header) {
	coding := header(headers, "Content-Encoding")
	switch {
	case len(body) == 0: // an INVITE without an offer
		return nil, 488, warning("an INVITE without an offer is not served")
	case coding != "" && !strings.EqualFold(coding, "identity"):
		return nil, 415, []sipmsg.Header{{Name: "Accept-Encoding", Value: "identity"}} // RFC 3261 §21.4.13
	case !describes(contentType):
		return nil, 415, []sipmsg.Header{{Name: "Accept", Value: "application/sdp"}}
	}
	offer, err := sdp.Parse(body)
	if err != nil {
		return nil, 488, nil
	}
	return offer, 0, nil
}

// warning says in words why an offer is refused (RFC 3261 §20.43).
func warning(text string) []sipmsg.Header {
	return []sipmsg.Header{{Name: "Warning", Value: `399 b2bua "` + text + `"`}}
}

// describes reports whether a body is a session description.
func describes(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(kind), "application/sdp")
}

// offerTo makes the offer of an attempt: the caller's, from our own origin, which
// is at ours when the media are not, and ports. ok is false when there is no port,
// or nothing that can be relayed.
func (m *media) offerTo(k *call, a *attempt, ours, dest netip.Addr) (body []byte, why Why, ok bool) {
	trunk := k.setup.trunk
	a.media.bypass = trunk.Media == policy.MediaBypass && a.target.Media == policy.MediaBypass &&
		!wishesOf(k.setup.inv.Headers).session // RFC 3323 §4.2: the address of the caller's media is private
	called := &m.talkers[Called]
	if a.media.bypass {
		*called = talker{origin: sdp.Origin{ID: number(&k.seed), Version: 1, Address: ours}}
		a.media.offer, body = m.offer, m.offer.Anonymous(called.origin)
		called.digest = sdp.Digest(body)
		return body, 0, true
	}
	if err := m.openCaller(k); err != nil {
		k.b.log.Warn("no media port towards the caller", "call_id", k.rec.CallID, "err", err)
		return nil, ByPorts, false
	}
	if err := m.openCalled(a, dest.Is6()); err != nil {
		k.b.log.Warn("no media port towards the gateway", "call_id", k.rec.CallID, "network", a.target.Network, "err", err)
		return nil, ByPorts, false
	}
	local := k.b.ourAddress(a.target.Network, a.media.streams)
	if !local.IsValid() {
		return nil, ByAnswer, false
	}
	*called = talker{origin: sdp.Origin{ID: number(&k.seed), Version: 1, Address: local}}
	var room [2]sdp.Local
	at := room[:0]
	for i, l := range m.offer.Media() {
		at = append(at, k.b.local(a.media.streams[i], a.target.Network, l.Mux()))
	}
	a.media.offer, body = m.offer.Relayed(called.origin, local, at)
	called.digest = sdp.Digest(body)
	return body, 0, true
}

// openCaller opens the ports that face the caller, once for all attempts.
func (m *media) openCaller(k *call) error {
	if m.lines != nil {
		return nil
	}
	inv := k.setup.inv
	m.lines = make([]line, len(m.offer.Media()))
	for i, l := range m.offer.Media() {
		if l.Disabled() || !l.UDP() {
			continue
		}
		s, err := k.b.cfg.Relay.Session(k.affinity(), rtprelay.SessionConfig{Ref: k.ref, Index: i})
		if err != nil {
			m.close()
			return err
		}
		m.lines[i] = line{kind: strings.Clone(l.Kind()), session: s}
		v6 := l.Address().Is6() && !l.Address().Is4In6()
		if !l.Address().IsValid() {
			v6 = inv.Source.Addr().Is6()
		}
		if m.lines[i].caller, err = s.Open(k.setup.trunk.Network, v6); err != nil {
			m.close()
			return err
		}
		k.aim(m.lines[i].caller, l, nil, l.Mux(), place{inv.Trunk, inv.Source.Addr()})
	}
	return nil
}

// openCalled opens the ports that face an attempt.
func (m *media) openCalled(a *attempt, v6 bool) (err error) {
	a.media.streams = make([]*rtprelay.Stream, len(m.lines))
	for i := range m.lines {
		if m.lines[i].session == nil {
			continue
		}
		if a.media.streams[i], err = m.lines[i].session.Open(a.target.Network, v6); err != nil {
			a.media.close()
			return err
		}
	}
	return nil
}

// ourAddress is the address of the first stream, as SDP names it; the zero Addr
// when there is none.
func (b *Bridge) ourAddress(network string, streams []*rtprelay.Stream) netip.Addr {
	for _, st := range streams {
		if st != nil {
			return b.public(network, st.LocalRTP().Addr())
		}
	}
	return netip.Addr{}
}

// public is the address that SDP names for a local one.
func (b *Bridge) public(network string, local netip.Addr) netip.Addr {
	if len(b.cfg.Advertise) == 0 {
		return local
	}
	if a, ok := b.cfg.Advertise[AdvertiseKey(network, local.Is6())]; ok {
		return a
	}
	return local
}

// AdvertiseKey is the key of Config.Advertise for one family of a network.
func AdvertiseKey(network string, v6 bool) string {
	if v6 {
		return network + "/6"
	}
	return network + "/4"
}

// local is where a stream of ours receives, as SDP names it; without a stream it
// is no place, and the m-line is to be rejected.
func (b *Bridge) local(st *rtprelay.Stream, network string, mux bool) sdp.Local {
	if st == nil {
		return sdp.Local{}
	}
	rtp, rtcp := st.LocalRTP(), st.LocalRTCP()
	addr := b.public(network, rtp.Addr())
	return sdp.Local{RTP: netip.AddrPortFrom(addr, rtp.Port()), RTCP: netip.AddrPortFrom(addr, rtcp.Port()), Mux: mux}
}
