package bridge

import (
	"errors"
	"net/netip"

	"b2bua/legs"
	"b2bua/policy"
	"b2bua/sdp"
)

// hear takes the session description of a response to the attempt, if there is
// one: it must fit, the caller hears it from now on, and r says what the caller
// is told. When ok is false the attempt is to be given up, and why says for
// what.
func (m *media) hear(k *call, a *attempt, ev legs.Event) (r reply, why Why, ok bool) {
	answer, ok := a.media.read(ev)
	if !ok {
		return reply{}, ByAnswer, false
	}
	if answer == nil { // an 18x that only rings
		return reply{}, 0, true
	}
	caller := &m.talkers[Caller]
	if caller.digest == 0 {
		caller.origin.Version++
	}
	out := m.present(k, a, answer)
	digest := sdp.Digest(out)
	newTag := caller.digest != 0 && caller.digest != digest
	if newTag && single(k, a) {
		// The caller has been promised something else: an 18x goes without its
		// description, a 2xx not at all.
		return reply{}, ByEarly, ev.Kind != legs.Accepted
	}
	if newTag {
		caller.origin.Version++
		out = m.present(k, a, answer)
	}
	caller.digest = digest
	m.connect(k, a, answer)
	return reply{newTag: newTag, body: legs.Body{Type: "application/sdp", Data: out}}, 0, true
}

// single reports whether the caller may be shown one early description only:
// because its own trunk cannot follow more, or because the attempt's asks for
// it.
func single(k *call, a *attempt) bool {
	return k.setup.trunk.EarlyDialogs == policy.EarlySingle || a.target.EarlyDialogs == policy.EarlySingle
}

// read is the answer in a response, or the one that its early dialog has given
// before. An 18x may have none, or a body of another kind.
func (s *side) read(ev legs.Event) (answer *sdp.Session, ok bool) {
	final := ev.Kind == legs.Accepted
	switch {
	case len(ev.Body) > 0 && describes(ev.ContentType):
		answer, err := sdp.Parse(ev.Body)
		if err != nil || !fits(s.offer, answer) {
			return nil, false
		}
		s.answer, s.tag = answer, ev.Tag
		return answer, true
	case !final:
		return nil, true
	case len(ev.Body) == 0 && s.answer != nil && s.tag == ev.Tag:
		return s.answer, true
	}
	return nil, false
}

// fits is RFC 3264 §6; a direction the offer does not allow is cut down
// rather than refused, because telephones get it wrong.
func fits(offer, answer *sdp.Session) bool {
	err := sdp.CheckAnswer(offer, answer)
	if err == nil {
		return true
	}
	var e *sdp.AnswerError
	if !errors.As(err, &e) || e.Fault != sdp.FaultDirection {
		return false
	}
	for i, l := range answer.Media() {
		l.SetDirection(l.Direction().Answer(offer.Media()[i].Direction()))
	}
	return true
}

// present is the answer as the caller sees it.
func (m *media) present(k *call, a *attempt, answer *sdp.Session) []byte {
	origin := &m.talkers[Caller].origin
	if origin.ID == 0 {
		origin.ID = number(&k.seed)
	}
	if a.media.bypass {
		origin.Address = address(&k.setup.inv.Listener)
		return answer.Anonymous(*origin)
	}
	network := k.setup.trunk.Network
	origin.Address = m.facingCaller(k.b, network)
	var room [2]sdp.Local
	at := room[:0]
	for i, l := range m.offer.Media() {
		at = append(at, k.b.local(m.lines[i].caller, network, l.Mux()))
	}
	_, body := answer.Relayed(*origin, origin.Address, at)
	return body
}

// facingCaller is the address of the first stream that faces the caller, as SDP
// names it; the zero Addr when there is none.
func (m *media) facingCaller(b *Bridge, network string) netip.Addr {
	for i := range m.lines {
		if st := m.lines[i].caller; st != nil {
			return b.public(network, st.LocalRTP().Addr())
		}
	}
	return netip.Addr{}
}

// connect joins the caller's streams with those of an attempt.
func (m *media) connect(k *call, a *attempt, answer *sdp.Session) {
	m.bypass = a.media.bypass
	if m.bypass {
		return
	}
	offers, inv := m.offer.Media(), k.setup.inv
	for i, l := range answer.Media() {
		st, caller := a.media.streams[i], m.lines[i].caller
		if st == nil || l.Disabled() {
			continue
		}
		mux := l.Mux() && a.media.offer.Media()[i].Mux()
		k.aim(st, l, offers[i], mux, place{a.target.Trunk, a.leg.Target().Addr()})
		k.aim(caller, offers[i], l, offers[i].Mux(), place{inv.Trunk, inv.Source.Addr()})
		m.lines[i].called = st
		m.lines[i].session.Join(caller, st)
	}
}
