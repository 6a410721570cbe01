package legs

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"b2bua/legs/shard"
	"b2bua/legs/sipmsg"
)

// InboundState is the whole memory of the UAS side of one INVITE usage. It is
// plain data and can be written and read back at any point.
type InboundState struct {
	State   State
	Seed    shard.Seed      // every id of the leg comes from here
	Request *sipmsg.Message // the INVITE; nil once acknowledged
	Local   Local
	Dialog  Dialog
	Tags    []string // To tags shown to the caller, the current one last
	Answer  repeat   // the 2xx, until its ACK
	Reason  string   // for a BYE that waits in Closing
}

// newInbound starts the machine: the INVITE has arrived and 100 is sent.
func newInbound(invite *sipmsg.Message, seed shard.Seed, local Local) InboundState {
	s := InboundState{Seed: seed, Request: invite, Local: local}
	tag := s.Seed.Next()
	s.Tags = []string{tag}
	s.Dialog = Dialog{
		CallID:       invite.CallID,
		LocalTag:     tag,
		RemoteTag:    invite.From.Tag(),
		RemoteParty:  invite.From.Raw,
		RemoteCSeq:   invite.CSeq,
		RemoteTarget: target(invite.Contacts, invite.From.URI.String()),
		Routes:       raws(invite.RecordRoutes, false), // RFC 3261 §12.1.1
	}
	s.Dialog.LocalParty = invite.To.Raw + ";tag=" + tag
	return s
}

// tag returns the current local tag.
func (s *InboundState) tag() string { return s.Tags[len(s.Tags)-1] }

// renew gives the next response a To tag of its own: another early dialog.
func (s *InboundState) renew() {
	tag := s.Seed.Next()
	s.Tags = append(s.Tags, tag)
	s.Dialog.LocalTag = tag
	s.Dialog.LocalParty = s.Request.To.Raw + ";tag=" + tag
}

// response builds a response to the INVITE with our To tag and Contact.
func (s *InboundState) response(status int, reason string, headers []sipmsg.Header, body Body) *sipmsg.Message {
	m := sipmsg.NewResponse(s.Request, status, reason, s.tag())
	if status < 300 {
		m.Contacts = []sipmsg.Address{s.Local.contact(s.tag())}
		m.Headers = append(m.Headers, sipmsg.Header{Name: "Allow", Value: allow})
	}
	if s.Local.Product != "" {
		m.Headers = append(m.Headers, sipmsg.Header{Name: "Server", Value: s.Local.Product})
	}
	m.Headers = append(m.Headers, headers...)
	m.ContentType, m.Body = body.Type, body.Data
	return m
}

// progress sends 101-199. A new tag opens another early dialog.
func (s *InboundState) progress(out *script, status int, newTag bool, headers []sipmsg.Header, body Body) bool {
	to, ok := inboundEdges.next(s.State, InProgress)
	if !ok {
		return false
	}
	if newTag {
		s.renew()
	}
	s.State = to
	out.respond(s.response(status, "", headers, body))
	return true
}

// answer sends the 2xx and repeats it until the ACK.
func (s *InboundState) answer(out *script, newTag bool, headers []sipmsg.Header, body Body) bool {
	to, ok := inboundEdges.next(s.State, InAnswer)
	if !ok {
		return false
	}
	if newTag {
		s.renew()
	}
	s.State = to
	out.respond(s.response(200, "", headers, body))
	return true
}

// answered stores what answer put on the wire; the performer calls it.
func (s *InboundState) answered(raw []byte, now time.Time, t Timers) { s.Answer.start(raw, now, t) }

// refuse sends the final response 300-699.
func (s *InboundState) refuse(out *script, status int, reason string, headers []sipmsg.Header) bool {
	to, ok := inboundEdges.next(s.State, InRefuse)
	if !ok {
		return false
	}
	s.State = to
	out.respond(s.response(status, reason, headers, Body{}))
	s.over(out)
	return true
}

// hangup ends the leg whatever its state.
func (s *InboundState) hangup(out *script, status int, reason string) {
	if s.State == Trying || s.State == Early {
		s.refuse(out, status, "", reasonHeader(reason))
		return
	}
	to, ok := inboundEdges.next(s.State, InHangup)
	if !ok {
		return
	}
	s.State, s.Reason = to, reason
	if to == Terminating {
		s.bye(out)
	}
}

// receive takes a request on the leg: CANCEL of its INVITE, or one that names
// its dialog. It always answers, except to an ACK.
func (s *InboundState) receive(out *script, m *sipmsg.Message) {
	switch m.Method {
	case "CANCEL":
		s.cancelled(out, m)
	case "ACK":
		s.acked(out, m)
	case "BYE":
		s.peerBye(out, m)
	default:
		if m.Method != "OPTIONS" && !s.Dialog.orders(m.CSeq) {
			out.reply(sipmsg.NewResponse(m, 500, "", "")) // RFC 3261 §12.2.2
			return
		}
		out.reply(answerInDialog(m, s.State, s.Local.Product))
	}
}

func (s *InboundState) cancelled(out *script, m *sipmsg.Message) {
	out.reply(sipmsg.NewResponse(m, 200, "", s.tag())) // RFC 3261 §9.2: the tag of the INVITE's response
	to, ok := inboundEdges.next(s.State, InCancel)
	if !ok {
		return // the final response has gone: no effect
	}
	s.State = to
	out.respond(s.response(487, "", nil, Body{}))
	out.event(Event{Kind: Cancelled, Reason: reasonOf(m)})
	s.over(out)
}

func (s *InboundState) acked(out *script, m *sipmsg.Message) {
	to, ok := inboundEdges.next(s.State, InAck)
	if !ok || m.CSeq != s.inviteCSeq() {
		return
	}
	first := s.State == Answered || s.State == Closing
	closing := s.State == Closing
	s.State = to
	if !first {
		return
	}
	s.Answer.stop()
	s.Request = nil
	out.event(Event{Kind: Acked, ContentType: m.ContentType, Body: m.Body})
	if closing {
		s.bye(out)
	}
}

// inviteCSeq is the number that an ACK of our 2xx carries.
func (s *InboundState) inviteCSeq() uint32 {
	if s.Request != nil {
		return s.Request.CSeq
	}
	return 0
}

func (s *InboundState) peerBye(out *script, m *sipmsg.Message) {
	to, ok := inboundEdges.next(s.State, InBye)
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
	switch was {
	case Early: // RFC 3261 §15.1.2: the pending INVITE gets 487
		out.respond(s.response(487, "", nil, Body{}))
		out.event(Event{Kind: Cancelled, Reason: reasonOf(m)})
		s.over(out)
	case Terminating: // crossed ours: that one's end is the leg's end
	default:
		s.Answer.stop()
		if was != Closing {
			out.event(Event{Kind: Bye, Reason: reasonOf(m)})
		}
		s.over(out)
	}
}

// fire runs the timers: the 2xx again, or its ACK given up.
func (s *InboundState) fire(out *script, now time.Time, t Timers) {
	raw, over := s.Answer.fire(now, t)
	if raw != nil {
		out.resend(raw)
	}
	if !over {
		return
	}
	closing := s.State == Closing
	to, ok := inboundEdges.next(s.State, InAckLost)
	if !ok {
		return
	}
	s.State, s.Request = to, nil
	if !closing {
		s.Reason = `SIP;cause=408;text="ACK timeout"`
		out.event(Event{Kind: AckLost})
	}
	s.bye(out)
}

// finished tells the machine that its BYE has a final response or never will.
func (s *InboundState) finished(out *script) {
	if to, ok := inboundEdges.next(s.State, InGone); ok {
		s.State = to
		s.over(out)
	}
}

func (s *InboundState) bye(out *script) {
	s.Dialog.LocalCSeq++
	branch := s.Seed.Branch()
	m, hop := s.Dialog.request("BYE", s.Dialog.LocalCSeq, &s.Local, branch)
	m.Headers = append(m.Headers, reasonHeader(s.Reason)...)
	out.request(m, hop, branch)
}

func (s *InboundState) over(out *script) {
	out.event(Event{Kind: Ended})
	out.end()
}

// owns reports whether a request names a dialog of this leg. An early dialog
// may be named by any tag the caller has been shown.
func (s *InboundState) owns(m *sipmsg.Message) bool {
	d := s.Dialog
	if s.State == Early {
		d.LocalTag = m.To.Tag()
		return slices.Contains(s.Tags, d.LocalTag) && d.sees(m)
	}
	return d.sees(m)
}

func reasonHeader(reason string) []sipmsg.Header {
	if reason == "" {
		return nil
	}
	return []sipmsg.Header{{Name: "Reason", Value: reason}}
}

// reasonOf is everything a request says about why it ends something: a value for
// each protocol (RFC 3326 §2).
func reasonOf(m *sipmsg.Message) string { return strings.Join(m.HeaderValues("Reason"), ", ") }

func retryAfter(seconds int) sipmsg.Header {
	return sipmsg.Header{Name: "Retry-After", Value: strconv.Itoa(seconds)}
}
