package legs

import (
	"b2bua/legs/shard"
	"b2bua/legs/sipmsg"
)

// OutboundState is the whole memory of the UAC side of one INVITE usage. It
// is plain data and can be written and read back at any point.
type OutboundState struct {
	State   State
	Seed    shard.Seed // every id of the leg comes from here
	Local   Local
	Dialog  Dialog          // of the INVITE; confirmed by the first 2xx
	Invite  *sipmsg.Message // nil once answered or refused
	Branch  string          // of the INVITE, for its CANCEL
	InvCSeq uint32          // of the INVITE, for its ACK
	Hop     string          // URI the INVITE goes to
	Ack     []byte          // sent again for every 2xx with the confirmed tag
	AckHop  string
	Losers  []loser // further 2xx of a forked INVITE, each acknowledged and ended
	Reason  string  // for the CANCEL or BYE to come
}

// A loser is a dialog of a forked INVITE that came second.
type loser struct {
	Tag    string
	Ack    []byte
	AckHop string
}

// maxLosers bounds what a misbehaving peer can make one leg remember.
const maxLosers = 16

// A Call says what an outbound INVITE carries and where it goes.
type Call struct {
	RequestURI  string // also the next hop unless Hop is set
	Hop         string // URI of the next hop; empty means RequestURI
	From, To    string // name-addr without tag
	MaxForwards int
	Headers     []sipmsg.Header
	Body        Body
}

// newOutbound starts the machine and sends the INVITE.
func newOutbound(out *script, call *Call, seed shard.Seed, local Local) OutboundState {
	s := OutboundState{Seed: seed, Local: local, InvCSeq: 1, Hop: call.hop()}
	tag := s.Seed.Next()
	s.Dialog = Dialog{
		CallID:       s.Seed.Next(), // nothing of the caller's
		LocalTag:     tag,
		LocalParty:   call.From + ";tag=" + tag,
		RemoteParty:  call.To,
		LocalCSeq:    1,
		RemoteTarget: call.RequestURI,
	}
	s.Branch = s.Seed.Branch()
	m := &sipmsg.Message{
		Method:      "INVITE",
		RequestURI:  call.RequestURI,
		Vias:        []sipmsg.Via{local.via(s.Branch)},
		From:        sipmsg.Address{Raw: s.Dialog.LocalParty},
		To:          sipmsg.Address{Raw: call.To},
		CallID:      s.Dialog.CallID,
		CSeq:        1,
		MaxForwards: call.MaxForwards,
		Contacts:    []sipmsg.Address{local.contact(tag)},
		Headers:     []sipmsg.Header{{Name: "Allow", Value: allow}},
		ContentType: call.Body.Type,
		Body:        call.Body.Data,
	}
	if local.Product != "" {
		m.Headers = append(m.Headers, sipmsg.Header{Name: "User-Agent", Value: local.Product})
	}
	m.Headers = append(m.Headers, call.Headers...)
	s.Invite = m
	out.request(m, s.Hop, s.Branch)
	return s
}

// response takes a response to the INVITE that its transaction delivered.
func (s *OutboundState) response(out *script, m *sipmsg.Message) {
	switch {
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
	switch {
	case was == CancelPending:
		s.sendCancel(out)
	case to == Early && m.Status > 100:
		out.event(eventOf(Progress, m))
	}
}

// answered takes a 2xx: the first one confirms the dialog, another with the
// same tag asks for the ACK again, another tag is the loser of a fork
// (RFC 3261 §13.2.2.4).
func (s *OutboundState) answered(out *script, m *sipmsg.Message) {
	tag := m.To.Tag()
	if s.Dialog.RemoteTag != "" {
		s.answeredAgain(out, m, tag)
		return
	}
	to, ok := outboundEdges.next(s.State, InAnswer)
	if !ok {
		// The call is over (refused by us, or given up): this peer is not.
		s.endFork(out, m, tag)
		return
	}
	s.State = to
	s.Invite = nil
	d := &s.Dialog
	d.RemoteTag, d.RemoteParty = tag, m.To.Raw
	d.RemoteTarget = target(m.Contacts, s.Hop)
	d.Routes = raws(m.RecordRoutes, true) // RFC 3261 §12.1.2
	if to == Answered {
		out.event(eventOf(Accepted, m))
		return
	}
	s.ack(out, Body{}) // crossed our CANCEL
	s.bye(out)
}

func (s *OutboundState) answeredAgain(out *script, m *sipmsg.Message, tag string) {
	if tag == s.Dialog.RemoteTag {
		if s.Ack != nil {
			out.send(s.Ack, s.AckHop)
		}
		return
	}
	s.endFork(out, m, tag)
}

func (s *OutboundState) endFork(out *script, m *sipmsg.Message, tag string) {
	for _, l := range s.Losers {
		if l.Tag == tag {
			out.send(l.Ack, l.AckHop)
			return
		}
	}
	if len(s.Losers) == maxLosers {
		return
	}
	d := s.Dialog
	d.RemoteTag, d.RemoteParty = tag, m.To.Raw
	d.RemoteTarget = target(m.Contacts, s.Hop)
	d.Routes = raws(m.RecordRoutes, true)
	l := loser{Tag: tag}
	l.Ack, l.AckHop = s.buildAck(&d, Body{})
	if l.Ack == nil {
		return
	}
	s.Losers = append(s.Losers, l)
	out.send(l.Ack, l.AckHop)
	branch := s.Seed.Branch()
	bye, hop := d.request("BYE", s.InvCSeq+1, &s.Local, branch)
	bye.Headers = append(bye.Headers, reasonHeader(`SIP;cause=200;text="Call completed elsewhere"`)...)
	out.dismiss(bye, hop, branch)
}

// refused takes a final response, a time-out or a transport error of the
// INVITE.
func (s *OutboundState) refused(out *script, ev Event) {
	to, ok := outboundEdges.next(s.State, InRefuse)
	if !ok {
		return
	}
	cancelled := s.State == CancelPending || s.State == Cancelling
	s.State, s.Invite = to, nil
	if !cancelled {
		out.event(ev)
	}
	s.over(out)
}

// acknowledge sends the ACK that the bridge owes after Accepted.
func (s *OutboundState) acknowledge(out *script, body Body) {
	to, ok := outboundEdges.next(s.State, InAck)
	if !ok {
		return
	}
	s.State = to
	s.ack(out, body)
}

func (s *OutboundState) ack(out *script, body Body) {
	s.Ack, s.AckHop = s.buildAck(&s.Dialog, body)
	if s.Ack != nil {
		out.send(s.Ack, s.AckHop)
	}
}

// buildAck builds the ACK of a 2xx: a transaction of its own with the INVITE's
// number (RFC 3261 §13.2.2.4). Nil means that the peer's own values cannot be
// written, which the parser has made impossible.
func (s *OutboundState) buildAck(d *Dialog, body Body) (raw []byte, hop string) {
	m, hop := d.request("ACK", s.InvCSeq, &s.Local, s.Seed.Branch())
	m.ContentType, m.Body = body.Type, body.Data
	raw, err := m.Bytes()
	if err != nil {
		return nil, ""
	}
	return raw, hop
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
		s.sendCancel(out)
	case Terminating:
		if was == Answered {
			s.ack(out, Body{})
		}
		s.bye(out)
	}
}

// sendCancel builds CANCEL from the INVITE: same Request-URI, Via, From, To,
// Call-ID, CSeq number and Route (RFC 3261 §9.1).
func (s *OutboundState) sendCancel(out *script) {
	inv := s.Invite
	m := &sipmsg.Message{
		Method: "CANCEL", RequestURI: inv.RequestURI, Vias: inv.Vias[:1],
		From: inv.From, To: inv.To, CallID: inv.CallID, CSeq: inv.CSeq,
		MaxForwards: 70, Routes: inv.Routes, Headers: reasonHeader(s.Reason),
	}
	out.cancel(m)
}

func (s *OutboundState) bye(out *script) {
	s.Dialog.LocalCSeq++
	branch := s.Seed.Branch()
	m, hop := s.Dialog.request("BYE", s.Dialog.LocalCSeq, &s.Local, branch)
	m.Headers = append(m.Headers, reasonHeader(s.Reason)...)
	out.request(m, hop, branch)
}

// receive takes a request that names the leg's dialog. It always answers,
// except to an ACK.
func (s *OutboundState) receive(out *script, m *sipmsg.Message) {
	switch m.Method {
	case "ACK": // of a re-INVITE we refused; its transaction has eaten it
	case "BYE":
		s.peerBye(out, m)
	default:
		if m.Method != "OPTIONS" && !s.Dialog.orders(m.CSeq) {
			out.reply(sipmsg.NewResponse(m, 500, "", ""))
			return
		}
		out.reply(answerInDialog(m, s.State, s.Local.Product))
	}
}

func (s *OutboundState) peerBye(out *script, m *sipmsg.Message) {
	to, ok := outboundEdges.next(s.State, InBye)
	if !ok {
		out.reply(sipmsg.NewResponse(m, 481, "", ""))
		return
	}
	if !s.Dialog.orders(m.CSeq) {
		out.reply(sipmsg.NewResponse(m, 500, "", ""))
		return
	}
	was := s.State
	s.State = to
	out.reply(sipmsg.NewResponse(m, 200, "", ""))
	if was == Answered { // the 2xx still wants its ACK
		s.ack(out, Body{})
	}
	if was != Terminating {
		out.event(Event{Kind: Bye, Reason: reasonOf(m)})
		s.over(out)
	}
}

// expired takes timer C: the peer rang for too long (RFC 3261 §16.8).
func (s *OutboundState) expired(out *script) {
	if s.State != Early {
		return
	}
	out.event(Event{Kind: Refused, Cause: ByTimeout, Status: 408})
	s.hangup(out, "")
}

// finished tells the machine that its BYE has a final response or never will.
func (s *OutboundState) finished(out *script) {
	if to, ok := outboundEdges.next(s.State, InGone); ok {
		s.State = to
		s.over(out)
	}
}

func (s *OutboundState) over(out *script) {
	out.event(Event{Kind: Ended})
	out.end()
}

func (s *OutboundState) owns(m *sipmsg.Message) bool {
	return s.Dialog.RemoteTag != "" && s.Dialog.sees(m)
}

func eventOf(kind EventKind, m *sipmsg.Message) Event {
	return Event{
		Kind: kind, Status: m.Status, Reason: m.Reason, Tag: m.To.Tag(),
		Headers: m.Headers, ContentType: m.ContentType, Body: m.Body,
	}
}
