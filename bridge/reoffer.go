package bridge

import (
	"strings"

	"b2bua/legs"
	"b2bua/rtprelay"
	"b2bua/sdp"
)

// A draft is what a further offer would change, until both sides have agreed.
type draft struct {
	from  Party
	offer *sdp.Session // as the offerer said it
	told  *sdp.Session // as the other side is told it
	lines []line       // of the call, with what the offer adds
	fresh []closer     // opened for it: closed when nothing comes of it
	heard *sdp.Session // the other side's answer
}

type closer interface{ Close() }

// reoffered reads an offer that a party sends in an answered call. What no other
// side could make anything of is refused at once.
func (k *call) reoffered(c *legs.Core, from Party, ev legs.Event) {
	offer, status, headers := readOffer(ev.ContentType, ev.Body, ev.Headers)
	if offer != nil && k.m.Phase == Talking && k.fewer(from, offer) {
		offer, status, headers = nil, 488, warning("a media line is gone") // RFC 3264 §8
	}
	if offer == nil {
		ev.Leg.Rerefuse(status, headers)
		return
	}
	k.offered = offer
	k.apply(c, event{in: Reoffered, party: from})
	k.offered = nil
}

// fewer reports whether an offer has lost an m-line.
func (k *call) fewer(from Party, offer *sdp.Session) bool {
	said, err := sdp.Parse([]byte(k.media.talkers[from].said))
	return err != nil || len(offer.Media()) < len(said.Media())
}

// reanswered reads the other side's answer, which is acknowledged in any case.
func (k *call) reanswered(c *legs.Core, from Party, ev legs.Event) {
	ev.Leg.Ack(legs.Body{})
	in := Misanswered
	if d := k.media.draft; d != nil && describes(ev.ContentType) {
		if answer, err := sdp.Parse(ev.Body); err == nil && fits(d.told, answer) {
			in, d.heard = Reanswered, answer
		}
	}
	k.apply(c, event{in: in, party: from})
}

// doExchange performs the actions of a further offer.
func (k *call) doExchange(c *legs.Core, a action) {
	switch a.op {
	case opReoffer:
		k.reoffer(c, a.party, k.offered)
	case opReanswer:
		k.reanswer(a.party)
	case opRerefuse:
		k.leg(a.party).Rerefuse(a.status, nil)
	case opWithdraw:
		k.leg(a.party).Withdraw()
	case opRestore:
		k.restore(c, a.party)
	case opRestored:
		k.agree()
	case opDiscard:
		k.media.discard()
	default:
	}
}

func (k *call) leg(p Party) legs.Leg {
	if p == Caller {
		return k.in
	}
	return k.attempt.leg
}

// reoffer passes an offer on to the other side.
func (k *call) reoffer(c *legs.Core, to Party, offer *sdp.Session) {
	d, err := k.draft(to.other(), offer)
	if err != nil {
		k.b.log.Warn("no media port for a further offer", "call_id", k.rec.CallID, "err", err)
		k.apply(c, event{in: Rerefused, party: to, status: 500})
		return
	}
	k.media.draft = d
	told, body := k.tell(to, offer, d)
	d.told = told
	k.leg(to).Reoffer(legs.Body{Type: "application/sdp", Data: body})
}

// restore offers a side once more what the other one has said before.
func (k *call) restore(c *legs.Core, to Party) {
	k.media.discard()
	offer, err := sdp.Parse([]byte(k.media.talkers[to.other()].said))
	if err != nil { // it was one when it was kept
		k.apply(c, event{in: Rerefused, party: to, status: 500})
		return
	}
	k.reoffer(c, to, offer)
}

// reanswer passes the answer back, and has the media follow.
func (k *call) reanswer(to Party) {
	d := k.media.draft
	_, body := k.tell(to, d.heard, d)
	k.agree()
	k.leg(to).Reanswer(legs.Body{Type: "application/sdp", Data: body})
}

// draft opens what an offer needs that is not there yet.
func (k *call) draft(from Party, offer *sdp.Session) (*draft, error) {
	m, d := &k.media, &draft{from: from, offer: offer}
	if m.bypass {
		return d, nil
	}
	d.lines = make([]line, max(len(m.lines), len(offer.Media())))
	copy(d.lines, m.lines)
	for i, l := range offer.Media() {
		if l.Disabled() || !l.UDP() {
			continue
		}
		if err := k.open(d, i, l.Kind()); err != nil {
			d.close()
			return nil, err
		}
	}
	return d, nil
}

// open makes sure that a line has a session and a stream to each side.
func (k *call) open(d *draft, i int, kind string) (err error) {
	l := &d.lines[i]
	if l.session == nil {
		cfg := rtprelay.SessionConfig{Ref: k.ref, Index: i}
		if l.session, err = k.b.cfg.Relay.Session(k.affinity(), cfg); err != nil {
			return err
		}
		d.fresh = append(d.fresh, l.session)
	}
	l.kind = strings.Clone(kind)
	if l.called == nil && i < len(k.attempt.media.streams) {
		l.called = k.attempt.media.streams[i]
	}
	if l.caller == nil {
		if l.caller, err = k.stream(d, l, Caller); err != nil {
			return err
		}
	}
	if l.called == nil {
		l.called, err = k.stream(d, l, Called)
	}
	return err
}

// stream opens a stream to a side, of the address family that it has been told of.
func (k *call) stream(d *draft, l *line, p Party) (*rtprelay.Stream, error) {
	v6 := k.media.talkers[p].origin.Address.Is6()
	st, err := l.session.Open(k.leg(p).Network(), v6)
	if err != nil {
		return nil, err
	}
	d.fresh = append(d.fresh, st)
	return st, nil
}

// tell rewrites a description of one side for the other one, from our own origin
// and ports, and writes it. The version grows with every change to what was told
// last (RFC 3264 §8).
func (k *call) tell(to Party, said *sdp.Session, d *draft) (out *sdp.Session, body []byte) {
	t := &k.media.talkers[to]
	out, body = k.write(to, said, d)
	if digest := sdp.Digest(body); digest != t.digest {
		t.digest = digest
		t.origin.Version++
		out, body = k.write(to, said, d)
	}
	return out, body
}

// write is tell, but for the version.
func (k *call) write(to Party, said *sdp.Session, d *draft) (out *sdp.Session, body []byte) {
	t := &k.media.talkers[to]
	if k.media.bypass {
		return said, said.Anonymous(t.origin)
	}
	at := make([]sdp.Local, len(said.Media()))
	for i, l := range said.Media() {
		if st := d.lines[i].facing(to); l.UDP() {
			at[i] = k.b.local(st, k.leg(to).Network(), d.offer.Media()[i].Mux())
		}
	}
	return said.Relayed(t.origin, t.origin.Address, at)
}

// agree has what both sides have agreed on hold from now on.
func (k *call) agree() {
	m := &k.media
	d := m.draft
	m.draft = nil
	m.talkers[d.from].said, m.talkers[d.from.other()].said = d.offer.String(), d.heard.String()
	if m.bypass {
		return
	}
	before := m.lines
	m.lines = d.lines
	for i, answer := range d.heard.Media() {
		offer, l := d.offer.Media()[i], &m.lines[i]
		if l.caller == nil || l.called == nil {
			continue
		}
		if offer.Disabled() || answer.Disabled() { // its ports rest until it comes back
			l.caller.SetRemote(rtprelay.Remote{})
			l.called.SetRemote(rtprelay.Remote{})
			continue
		}
		mux := answer.Mux() && offer.Mux()
		from, to := d.from, d.from.other()
		k.aim(l.facing(from), offer, answer, offer.Mux(), k.place(from))
		k.aim(l.facing(to), answer, offer, mux, k.place(to))
		l.session.Join(l.caller, l.called)
		if i >= len(before) || before[i].session == nil {
			l.session.SetTimeout(k.b.cfg.MediaTimeout)
		}
	}
}

func (k *call) place(p Party) place {
	if p == Caller {
		return place{*k.rec.InboundTrunk, k.in.Remote.Flow.Peer.Addr()}
	}
	return place{*k.rec.OutboundTrunk, k.attempt.leg.Target().Addr()}
}

// discard gives back what an offer has opened that nothing came of.
func (m *media) discard() {
	if m.draft != nil {
		m.draft.close()
		m.draft = nil
	}
}

func (d *draft) close() {
	for _, f := range d.fresh {
		f.Close()
	}
}
