package bridge

import (
	"net/netip"
	"strings"
	"time"

	"b2bua/cdr"
	"b2bua/legs"
	"b2bua/policy"
	"b2bua/rtprelay"
	"b2bua/sdp"
)

// media is the caller's side of a call's media: its offer, one relay session
// per m-line with the stream that faces the caller, and what the caller has
// been shown. Every attempt adds a side of its own.
type media struct {
	offer  *sdp.Session
	lines  []line
	origin sdp.Origin   // of what we show the caller
	shown  *sdp.Session // the last description the caller has seen
	bypass bool         // of the attempt that answered
	open   bool         // lines hold relay sessions
	over   bool
}

// A line is one m-line of the call. Its session is nil when it is not relayed:
// rejected, or no datagrams.
type line struct {
	session *rtprelay.Session
	caller  *rtprelay.Stream
	silent  bool // the relay has reported its timeout
}

// A side is what one attempt was offered, and the streams that face it.
type side struct {
	offer   *sdp.Session
	answer  *sdp.Session
	streams []*rtprelay.Stream // by m-line; nil where nothing is relayed
	bypass  bool
}

// receive reads the caller's offer. It returns the status to refuse with, or 0.
func (m *media) receive(inv *legs.Invite) int {
	if len(inv.Body) == 0 {
		return 488 // an INVITE without an offer
	}
	kind, _, _ := strings.Cut(inv.ContentType, ";")
	if !strings.EqualFold(strings.TrimSpace(kind), "application/sdp") {
		return 415
	}
	offer, err := sdp.Parse(inv.Body)
	if err != nil {
		return 488
	}
	for _, l := range offer.Media() {
		if !l.Disabled() {
			m.offer = offer
			return 0
		}
	}
	return 488
}

// offerTo makes the offer of an attempt: the caller's, from our own origin and
// ports. ok is false when there is no port, or nothing that can be relayed.
func (m *media) offerTo(k *call, a *attempt, dest netip.Addr) (body []byte, why Why, ok bool) {
	out := m.offer.Clone()
	a.media.bypass = k.trunk.Media == policy.MediaBypass && a.target.Media == policy.MediaBypass
	if a.media.bypass {
		out.Anonymise(sdp.Origin{ID: number(&k.seed), Version: 1, Address: a.ours})
		a.media.offer = out
		return out.Bytes(), 0, true
	}
	if err := m.openCaller(k); err != nil {
		k.b.log.Warn("no media port towards the caller", "call_id", k.rec.CallID, "err", err)
		return nil, ByPorts, false
	}
	a.media.streams = make([]*rtprelay.Stream, len(m.lines))
	local := netip.Addr{}
	for i := range m.lines {
		l := &m.lines[i]
		if l.session == nil {
			continue
		}
		st, err := l.session.Open(a.target.Network, dest.Is6())
		if err != nil {
			k.b.log.Warn("no media port towards the gateway", "call_id", k.rec.CallID, "network", a.target.Network, "err", err)
			a.media.close()
			return nil, ByPorts, false
		}
		a.media.streams[i] = st
		local = k.b.public(a.target.Network, st.LocalRTP().Addr())
	}
	if !local.IsValid() {
		return nil, ByAnswer, false
	}
	out.Anonymise(sdp.Origin{ID: number(&k.seed), Version: 1, Address: local})
	out.Relay(local)
	for i, line := range out.Media() {
		k.b.point(line, a.media.streams[i], a.target.Network, line.Mux())
	}
	a.media.offer = out
	return out.Bytes(), 0, true
}

// openCaller opens the ports that face the caller, once for all attempts.
func (m *media) openCaller(k *call) error {
	if m.open {
		return nil
	}
	m.lines = make([]line, len(m.offer.Media()))
	network := k.trunk.Network
	for i, l := range m.offer.Media() {
		if l.Disabled() || !l.UDP() {
			continue
		}
		s, err := k.b.cfg.Relay.Session(uint32(k.ref), rtprelay.SessionConfig{Ref: k.ref, Index: i})
		if err != nil {
			m.closeLines()
			return err
		}
		m.lines[i].session = s
		v6 := l.Address().Is6() && !l.Address().Is4In6()
		if !l.Address().IsValid() {
			v6 = k.inv.Source.Addr().Is6()
		}
		if m.lines[i].caller, err = s.Open(network, v6); err != nil {
			m.closeLines()
			return err
		}
		m.lines[i].caller.SetRemote(remote(l, sdp.SendRecv, k.inv.Source.Addr(), l.Mux()))
	}
	m.open = true
	return nil
}

// public is the address that SDP names for a local one.
func (b *Bridge) public(network string, local netip.Addr) netip.Addr {
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

// point makes an m-line name our stream; without one it is rejected.
func (b *Bridge) point(l *sdp.Media, st *rtprelay.Stream, network string, mux bool) {
	if st == nil {
		l.Disable()
		return
	}
	rtp, rtcp := st.LocalRTP(), st.LocalRTCP()
	addr := b.public(network, rtp.Addr())
	l.SetAddress(netip.AddrPortFrom(addr, rtp.Port()), netip.AddrPortFrom(addr, rtcp.Port()), mux)
}

// remote tells a stream who its peer is, from the peer's own m-line. other is
// the direction that the other side allows.
func remote(l *sdp.Media, other sdp.Direction, signalling netip.Addr, mux bool) rtprelay.Remote {
	r := rtprelay.Remote{
		RTP: l.RTPAddress(), RTCP: l.RTCP(), Mux: mux,
		Send: l.Flow().Receives() && other.Sends(), Recv: l.Flow().Sends() && other.Receives(),
		Learn: true, Prefixes: []netip.Prefix{netip.PrefixFrom(signalling, signalling.BitLen())},
		PayloadTypes: l.PayloadSet(),
	}
	for _, pt := range l.PayloadTypes() {
		if rate := l.ClockRate(pt); rate > 0 {
			if r.ClockRates == nil {
				r.ClockRates = make(map[uint8]uint32, 4)
			}
			r.ClockRates[pt] = uint32(rate)
		}
	}
	return r
}

// preview takes the SDP of an 18x, if there is one: the caller hears the
// attempt, and k.shown is what it will be told. It returns the status to give
// the attempt up with, or 0.
func (m *media) preview(k *call, a *attempt, ev legs.Event) int {
	if len(ev.Body) == 0 {
		return 0
	}
	body, newTag, status := m.accept(k, a, ev)
	if status != 0 {
		return status
	}
	if newTag && a.target.EarlyDialogs == policy.EarlySingle {
		return 0 // passed on without its SDP
	}
	k.shown, k.newTag = body, newTag
	return 0
}

// accept checks an attempt's answer, connects its streams with the caller's and
// makes the answer that the caller gets. newTag says that it contradicts what
// the caller has been shown. status is what to refuse the attempt with, or 0.
func (m *media) accept(k *call, a *attempt, ev legs.Event) (body *legs.Body, newTag bool, status int) {
	answer := a.media.answer
	if len(ev.Body) > 0 {
		var err error
		if answer, err = sdp.Parse(ev.Body); err != nil {
			return nil, false, 488
		}
		if !fits(a.media.offer, answer) {
			return nil, false, 488
		}
		a.media.answer = answer
	}
	if answer == nil { // 2xx without an answer, in this message or before
		return nil, false, 488
	}
	out := m.present(k, a, answer)
	newTag = m.shown != nil && !sdp.Same(m.shown, out)
	if newTag && a.target.EarlyDialogs == policy.EarlySingle && ev.Kind == legs.Accepted {
		return nil, false, 488 // the caller has been promised something else
	}
	if m.shown == nil || newTag {
		m.origin.Version++
	}
	if m.origin.ID == 0 {
		m.origin.ID = number(&k.seed)
	}
	out.Anonymise(m.origin)
	if ev.Kind == legs.Accepted || !newTag || a.target.EarlyDialogs != policy.EarlySingle {
		m.shown = out
	}
	m.bypass = a.media.bypass
	m.connect(k, a, answer)
	return &legs.Body{Type: "application/sdp", Data: out.Bytes()}, newTag, 0
}

// fits is RFC 3264 §6; a direction the offer does not allow is cut down
// rather than refused, because telephones get it wrong.
func fits(offer, answer *sdp.Session) bool {
	err := sdp.CheckAnswer(offer, answer)
	if err == nil {
		return true
	}
	e, ok := err.(*sdp.AnswerError) //nolint:errorlint // CheckAnswer's documented type, never wrapped
	if !ok || e.Fault != sdp.FaultDirection {
		return false
	}
	for i, l := range answer.Media() {
		l.SetDirection(l.Direction().Answer(offer.Media()[i].Direction()))
	}
	return true
}

// present is the answer as the caller sees it, but for its o= line.
func (m *media) present(k *call, a *attempt, answer *sdp.Session) *sdp.Session {
	out := answer.Clone()
	if a.media.bypass {
		m.origin.Address = k.ours
		out.Anonymise(m.origin)
		return out
	}
	network := k.trunk.Network
	for i := range m.lines {
		if st := m.lines[i].caller; st != nil {
			m.origin.Address = k.b.public(network, st.LocalRTP().Addr())
			break
		}
	}
	out.Anonymise(m.origin)
	out.Relay(m.origin.Address)
	for i, l := range out.Media() {
		if l.Disabled() {
			continue
		}
		k.b.point(l, m.lines[i].caller, network, m.offer.Media()[i].Mux())
	}
	return out
}

// connect joins the caller's streams with those of an attempt.
func (m *media) connect(k *call, a *attempt, answer *sdp.Session) {
	if a.media.bypass {
		return
	}
	offers := m.offer.Media()
	for i, l := range answer.Media() {
		st := a.media.streams[i]
		if st == nil || l.Disabled() {
			continue
		}
		mux := l.Mux() && a.media.offer.Media()[i].Mux()
		st.SetRemote(remote(l, offers[i].Flow(), a.leg.Target().Addr(), mux))
		source := m.source(k)
		m.lines[i].caller.SetRemote(remote(offers[i], l.Flow(), source, offers[i].Mux()))
		m.lines[i].session.Join(m.lines[i].caller, st)
	}
}

func (m *media) source(k *call) netip.Addr {
	src, _ := netip.ParseAddrPort(k.rec.Received.Source)
	return src.Addr()
}

// talk starts to watch for silence, once the call is answered.
func (m *media) talk(timeout time.Duration) {
	for i := range m.lines {
		l := &m.lines[i]
		if l.session == nil || timeout == 0 || m.offer.Media()[i].Held() || m.shown.Media()[i].Held() || m.shown.Media()[i].Disabled() {
			continue
		}
		l.session.SetTimeout(timeout)
	}
}

// silent notes that an m-line timed out and reports whether all of them have.
func (m *media) silent(index int) bool {
	if index < 0 || index >= len(m.lines) {
		return false
	}
	m.lines[index].silent = true
	for i := range m.lines {
		if m.lines[i].session != nil && !m.lines[i].silent && !m.shown.Media()[i].Disabled() {
			return false
		}
	}
	return true
}

func (m *media) closeLines() {
	for i := range m.lines {
		if s := m.lines[i].session; s != nil {
			s.Close()
		}
	}
	m.lines = nil
}

// close gives the ports back.
func (m *media) close() {
	m.closeLines()
	m.open, m.over = false, true
}

func (s *side) close() {
	for _, st := range s.streams {
		if st != nil {
			st.Close()
		}
	}
	s.streams = nil
}

// stats is the record's view of the streams as they stand.
func (m *media) stats(k *call) *cdr.Media {
	if m.over {
		return k.rec.Media
	}
	if m.bypass {
		return &cdr.Media{Mode: policy.MediaBypass, Streams: []cdr.Stream{}}
	}
	if !m.open || len(k.attempts) == 0 {
		return nil
	}
	out := &cdr.Media{Mode: policy.MediaRelay, Streams: []cdr.Stream{}}
	last := k.attempts[len(k.attempts)-1]
	for i, l := range m.lines {
		if l.session == nil {
			continue
		}
		kind := m.offer.Media()[i].Kind()
		out.Streams = append(out.Streams, streamStats(i, kind, "caller", l.caller))
		if i < len(last.media.streams) && last.media.streams[i] != nil {
			out.Streams = append(out.Streams, streamStats(i, kind, "called", last.media.streams[i]))
		}
	}
	return out
}

func streamStats(index int, kind, from string, st *rtprelay.Stream) cdr.Stream {
	s := st.Stats()
	out := cdr.Stream{
		Index: index, Kind: kind, From: from, Local: st.LocalRTP().String(),
		SSRC: s.SSRC, PayloadType: s.PayloadType, Packets: s.Packets, Octets: s.Octets, Lost: s.Lost,
		JitterMS: float64(s.Jitter.Microseconds()) / 1000, Dropped: s.Dropped(), RTCPPackets: s.RTCPPackets,
	}
	if s.Remote.IsValid() {
		out.Remote = s.Remote.String()
	}
	return out
}
