package legs

import (
	"slices"
	"strings"
	"time"

	"b2bua/legs/shard"
	"b2bua/legs/sipmsg"
)

// OutboundState is the whole memory of the UAC side of one INVITE usage. It
// is plain data and can be written and read back at any point.
type OutboundState struct {
	usage           // its Dialog is confirmed by the first 2xx
	Early  []string // the peer's tags so far, one per early dialog; nil once answered
	Branch string   // of the INVITE
	Hop    string   // URI the INVITE goes to
	Ack    []byte   // sent again for every 2xx with the confirmed tag; nil when none can come any more
	AckHop string
	Losers []loser // further 2xx of a forked INVITE, each acknowledged and ended

	first [1]string // where Early begins: most INVITEs do not fork
}

// A loser is a dialog of a forked INVITE that came second.
type loser struct {
	Tag    string
	Ack    []byte
	AckHop string
}

// maxForks bounds what a misbehaving peer can make one leg remember.
const maxForks = 16

// A Call says what an outbound INVITE carries and where it goes.
type Call struct {
	RequestURI  string // also the next hop unless Hop is set
	Hop         string // URI of the next hop; empty means RequestURI
	From, To    string // name-addr without tag
	MaxForwards int
	Headers     []sipmsg.Header
	Body        Body
}

// begin starts the machine and sends the INVITE.
func (s *OutboundState) begin(out *script, call *Call, seed shard.Seed, local Local, remote Remote) {
	s.Hop = call.hop()
	s.usage = usage{Seed: seed, Local: local, Remote: remote, CSeq: 1, Ours: true}
	s.Dialog = Dialog{RemoteParty: call.To, LocalCSeq: s.CSeq, RemoteTarget: call.RequestURI}
	via := s.name(call.From)
	d := s.likeInvite(out, "INVITE", via)
	d.MaxForwards = call.MaxForwards
	d.at(&s.Local, s.Dialog.LocalTag)
	d.with("Allow", allow)
	if local.Product != "" {
		d.with("User-Agent", local.Product)
	}
	d.withAll(call.Headers)
	d.ContentType, d.Body = call.Body.Type, call.Body.Data
	out.do(action{kind: actRequest, msg: d, hop: s.Hop, branch: s.Branch})
}

// name draws the ids of a new leg, nothing of the caller's among them, and returns
// the Via of its INVITE. All are one string.
func (s *OutboundState) name(from string) (via string) {
	var room [384]byte
	b, tagAt := appendParty(room[:0], from, &s.Seed)
	partyEnd := len(b)
	b = s.Seed.AppendNext(b)
	callEnd := len(b)
	b, branchAt, branchEnd := s.Local.appendVia(b, &s.Seed)
	all := string(b)
	s.Dialog.LocalParty, s.Dialog.LocalTag = all[:partyEnd], all[tagAt:partyEnd]
	s.Dialog.CallID, s.Branch = all[partyEnd:callEnd], all[branchAt:branchEnd]
	return all[callEnd:]
}

// likeInvite drafts what a CANCEL and the ACK of a refusal have in common with their
// INVITE: Request-URI, Via, From, To, Call-ID and CSeq number (RFC 3261 §9.1,
// §17.1.1.3). It holds until the first 2xx has made a dialog.
func (s *OutboundState) likeInvite(out *script, method, via string) *draft {
	m, d := out.draft(), &s.Dialog
	m.Method, m.CSeq, m.CallID, m.MaxForwards = method, s.CSeq, d.CallID, 70
	m.From.Raw, m.To.Raw, m.RequestURI = d.LocalParty, d.RemoteParty, d.RemoteTarget
	m.from(via)
	return m
}

// ackOf builds the ACK of a final response 300-699 (RFC 3261 §17.1.1.3). Nil
// means that the peer's To cannot be written, which the parser has made
// impossible.
func (s *OutboundState) ackOf(final *sipmsg.Message) []byte {
	if final.CSeq != s.CSeq {
		return s.reAckOf(final)
	}
	m := s.likeInvite(&script{}, "ACK", s.Local.via(s.Branch))
	m.To = final.To
	raw, err := m.Bytes()
	if err != nil {
		return nil
	}
	return raw
}

// response takes a response to the INVITE, or to a re-INVITE, that its
// transaction delivered.
func (s *OutboundState) response(out *script, m *sipmsg.Message) {
	switch {
	case m.CSeq != s.CSeq:
		s.retold(out, m)
	case m.Status < 200:
		s.progress(out, m)
	case m.Status < 300:
		s.answered(out, m)
	default:
		s.refused(out, eventOf(Refused, m))
	}
}

func (s *OutboundState) progress(out *script, m *sipmsg.Message) {
	to, ok := outboundEdges.next(s.State, InProgress)
	if !ok {
		return
	}
	was := s.State
	s.State = to
	if tag := m.To.Tag(); tag != "" && len(s.Early) < maxForks && !slices.Contains(s.Early, tag) {
		if s.Early == nil {
			s.Early = s.first[:0]
		}
		s.Early = append(s.Early, strings.Clone(tag))
	}
	switch {
	case was == CancelPending:
		s.cancel(out)
	case to == Early && m.Status > 100:
		out.event(eventOf(Progress, m))
	}
}

// answered takes a 2xx: the first one confirms the dialog, another with the
// same tag asks for the ACK again, another tag is the loser of a fork
// (RFC 3261 §13.2.2.4).
func (s *OutboundState) answered(out *script, m *sipmsg.Message) {
	to, ok := outboundEdges.next(s.State, InAnswer)
	if !ok {
		s.answeredAgain(out, m)
		return
	}
	s.State, s.Early = to, nil
	s.Dialog.learn(&m.To, m.Contacts, backwards(m.RecordRoutes), s.Hop) // RFC 3261 §12.1.2
	if to == Answered {
		out.event(eventOf(Accepted, m))
		return
	}
	s.ack(out, Body{}) // crossed our CANCEL
	s.bye(out)
}

func (s *OutboundState) answeredAgain(out *script, m *sipmsg.Message) {
	switch {
	case s.Dialog.RemoteTag != m.To.Tag(), s.State == Terminated && s.Ack == nil:
		s.endFork(out, m)
	case s.Ack != nil: // else the bridge has yet to say so
		s.sendAck(out, s.Ack, s.AckHop)
	}
}

// endFork acknowledges and ends a dialog that nobody wants.
func (s *OutboundState) endFork(out *script, m *sipmsg.Message) {
	tag := m.To.Tag()
	for _, l := range s.Losers {
		if l.Tag == tag {
			s.sendAck(out, l.Ack, l.AckHop)
			return
		}
	}
	if len(s.Losers) == maxForks {
		return
	}
	d := s.Dialog
	d.learn(&m.To, m.Contacts, backwards(m.RecordRoutes), s.Hop)
	l := loser{Tag: d.RemoteTag}
	if l.Ack, l.AckHop = s.buildAck(out, &d, Body{}); l.Ack == nil {
		return
	}
	s.Losers = append(s.Losers, l)
	s.sendAck(out, l.Ack, l.AckHop)
	bye := d.request(out, "BYE", s.CSeq+1, &s.Local, &s.Seed)
	bye.kind = actDismiss
	bye.msg.with("Reason", `SIP;cause=200;text="Call completed elsewhere"`)
	out.do(bye)
}

// refused takes a final response, a time-out or a transport error of the
// INVITE.
func (s *OutboundState) refused(out *script, ev Event) {
	to, ok := outboundEdges.next(s.State, InRefuse)
	if !ok {
		return
	}
	was := s.State
	s.State, s.Early = to, nil
	if was == Trying || was == Early { // else the bridge has hung up
		out.event(ev)
	}
	out.over()
}

// acknowledge sends the ACK that the bridge owes after Accepted.
func (s *OutboundState) acknowledge(out *script, body Body) {
	to, ok := outboundEdges.next(s.State, InAck)
	if !ok {
		s.acknowledged(out, body)
		return
	}
	s.State = to
	s.ack(out, body)
	s.turn(out)
}

func (s *OutboundState) ack(out *script, body Body) {
	if s.Ack, s.AckHop = s.buildAck(out, &s.Dialog, body); s.Ack != nil {
		s.sendAck(out, s.Ack, s.AckHop)
	}
}

func (s *OutboundState) sendAck(out *script, raw []byte, hop string) {
	out.do(action{kind: actSend, raw: raw, hop: hop})
}

// buildAck builds the ACK of a 2xx: a transaction of its own with the INVITE's
// number (RFC 3261 §13.2.2.4). An answer that cannot be written is left out; nil
// means that the peer's own values cannot, which the parser has made impossible.
func (s *OutboundState) buildAck(out *script, d *Dialog, body Body) (raw []byte, hop string) {
	a := d.request(out, "ACK", s.CSeq, &s.Local, &s.Seed)
	defer out.release(a.msg)
	a.msg.ContentType, a.msg.Body = body.Type, body.Data
	raw, err := out.pen.write(&a.msg.Message)
	if err != nil {
		a.msg.ContentType, a.msg.Body = "", nil
		raw, err = a.msg.Bytes()
	}
	if err != nil {
		return nil, ""
	}
	return raw, a.hop
}

// hangup ends the leg: CANCEL, now or after the first 1xx, or BYE.
func (s *OutboundState) hangup(out *script, reason string) {
	to, ok := outboundEdges.next(s.State, InHangup)
	if !ok {
		return
	}
	was := s.State
	s.State, s.Reason = to, reason
	switch to {
	case Cancelling:
		s.cancel(out)
	case Terminating:
		if was == Answered {
			s.ack(out, Body{})
		}
		s.drop(out)
		s.bye(out)
	default: // CANCEL has to wait
	}
}

func (s *OutboundState) cancel(out *script) {
	m := s.likeInvite(out, "CANCEL", s.Local.via(s.Branch))
	m.Headers = reasonHeader(s.Reason)
	out.do(action{kind: actCancel, msg: m, branch: s.Branch})
}

// receive takes a request that names a dialog of the leg. It always replies,
// except to an ACK.
func (s *OutboundState) receive(out *script, m *sipmsg.Message) {
	switch m.Method {
	case "ACK":
		s.askedAck(out, m)
	case "CANCEL":
		s.askedCancel(out, m)
	case "BYE":
		s.peerBye(out, m)
	case "INVITE":
		if s.State == Confirmed {
			s.reinvited(out, m)
			return
		}
		fallthrough
	default:
		out.reply(s.insideDialog(out, m))
	}
}

func (s *OutboundState) peerBye(out *script, m *sipmsg.Message) {
	to, ok := outboundEdges.next(s.State, InBye)
	if !ok {
		out.reply(out.answer(m, 481, ""))
		return
	}
	if !s.Dialog.orders(m.CSeq) {
		out.reply(out.answer(m, 500, "")) // RFC 3261 §12.2.2
		return
	}
	was := s.State
	s.State = to
	out.reply(out.answer(m, 200, ""))
	if was == Answered { // the 2xx still wants its ACK
		s.ack(out, Body{})
	}
	if was != Terminating {
		s.drop(out)
		out.event(Event{Kind: Bye, Reason: reasonOf(m)})
		out.over()
	}
}

// rangOut takes timer C: the peer rang for too long (RFC 3261 §16.8).
func (s *OutboundState) rangOut(out *script) {
	to, ok := outboundEdges.next(s.State, InRangOut)
	if !ok {
		return
	}
	s.State = to
	out.event(Event{Kind: Refused, Cause: ByTimeout, Status: 408})
	s.cancel(out)
}

// fire runs the timers, which are those of re-INVITEs.
func (s *OutboundState) fire(out *script) {
	s.askedFire(out)
	s.askingFire(out)
}

// wake is when fire has something to do; zero for never.
func (s *OutboundState) wake() time.Time { return sooner(s.askedWake(), s.askingWake()) }

// gone tells the machine that its BYE has a final response or never will.
func (s *OutboundState) gone(out *script) {
	if to, ok := outboundEdges.next(s.State, InGone); ok {
		s.State = to
		out.over()
	}
}

// settle lets go of what only further 2xx need: the INVITE's transaction has
// ended, and with it their time (RFC 6026 §8.4).
func (s *OutboundState) settle() { s.Ack, s.AckHop, s.Losers = nil, "", nil }

// owns reports whether a request names a dialog of this leg: the confirmed one,
// or before it any early one that we have heard of.
func (s *OutboundState) owns(m *sipmsg.Message) bool {
	d := &s.Dialog
	if d.RemoteTag != "" || s.State >= Answered {
		return d.sees(m)
	}
	return m.CallID == d.CallID && m.To.Tag() == d.LocalTag && slices.Contains(s.Early, m.From.Tag())
}

func backwards(list []sipmsg.Address) []sipmsg.Address {
	if len(list) < 2 {
		return list
	}
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

func eventOf(kind EventKind, m *sipmsg.Message) Event {
	return Event{
		Kind: kind, Status: m.Status, Reason: m.Reason, Tag: m.To.Tag(),
		Headers: m.Headers, ContentType: m.ContentType, Body: m.Body,
	}
}

// tag returns the local tag.
func (s *OutboundState) tag() string { return s.Dialog.LocalTag }
