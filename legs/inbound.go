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
	usage
	Tags   []string  // To tags shown to the caller, the current one last
	Invite *echo     // for the responses to it; nil after the final one
	Answer repeat    // the 2xx, until its ACK
	Remind time.Time // when the last 18x goes out again; zero when nothing rings

	first [1]string // where Tags begins: most legs have one
}

// remindEvery keeps the proxies on the way from giving up on a call that rings
// for long (RFC 3261 §13.3.1.1).
const remindEvery = time.Minute

// begin starts the machine: the INVITE has arrived and 100 is sent.
func (s *InboundState) begin(invite *sipmsg.Message, seed shard.Seed, local Local, remote Remote) {
	s.Invite = echoOf(invite)
	s.usage = usage{Seed: seed, Local: local, Remote: remote, CSeq: invite.CSeq}
	s.Dialog = Dialog{CallID: invite.CallID, RemoteCSeq: invite.CSeq}
	s.Dialog.learn(&invite.From, invite.Contacts, invite.RecordRoutes, "") // RFC 3261 §12.1.1
	s.renew()
}

// tag returns the current local tag.
func (s *InboundState) tag() string { return s.Dialog.LocalTag }

// renew gives the next response a To tag of its own: another early dialog.
func (s *InboundState) renew() {
	s.Dialog.LocalParty, s.Dialog.LocalTag = newParty(s.Invite.To.Raw, &s.Seed)
	if s.Tags == nil {
		s.Tags = s.first[:0]
	}
	s.Tags = append(s.Tags, s.Dialog.LocalTag)
}

// response drafts a response to the INVITE with our To tag and Contact.
func (s *InboundState) response(out *script, status int, reason string, headers []sipmsg.Header, body Body) *draft {
	d := out.draft()
	s.Invite.response(&d.Message, status, reason, "")
	d.To = sipmsg.Address{Raw: s.Dialog.LocalParty}
	s.fill(d, headers, body)
	return d
}

// progress sends 101-199. A new tag opens another early dialog.
func (s *InboundState) progress(out *script, status int, newTag bool, headers []sipmsg.Header, body Body) {
	to, ok := inboundEdges.next(s.State, InProgress)
	if !ok {
		return
	}
	if newTag {
		s.renew()
	}
	s.State, s.Remind = to, out.now.Add(remindEvery)
	out.respond(s.response(out, status, "", headers, body))
}

// answer sends the 2xx and repeats it until the ACK. It panics when a header
// cannot be written: that is a bug upstairs, which ends this call.
func (s *InboundState) answer(out *script, newTag bool, headers []sipmsg.Header, body Body) {
	to, ok := inboundEdges.next(s.State, InAnswer)
	if !ok {
		return
	}
	if newTag {
		s.renew()
	}
	d := s.response(out, 200, "", headers, body)
	raw, err := out.pen.write(&d.Message)
	out.release(d)
	if err != nil {
		panic(err)
	}
	s.State, s.Remind, s.Invite = to, time.Time{}, nil
	s.Answer.start(raw, out.now, out.timers)
	out.do(action{kind: actAccept, raw: raw})
}

// refuse sends the final response 300-699.
func (s *InboundState) refuse(out *script, status int, reason string, headers []sipmsg.Header) {
	to, ok := inboundEdges.next(s.State, InRefuse)
	if !ok {
		return
	}
	s.State = to
	out.respond(s.response(out, status, reason, headers, Body{}))
	s.over(out)
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
		s.drop(out)
		s.bye(out)
	}
}

// receive takes a request on the leg: CANCEL of its INVITE, or one that names
// its dialog. It always replies, except to an ACK.
func (s *InboundState) receive(out *script, m *sipmsg.Message) {
	switch m.Method {
	case "CANCEL":
		s.cancelled(out, m)
	case "ACK":
		s.acked(out, m)
	case "BYE":
		s.peerBye(out, m)
	case "INVITE":
		s.invitedAgain(out, m)
	default:
		out.reply(s.insideDialog(out, m))
	}
}

// invitedAgain takes a re-INVITE. One that overtakes the ACK of our 2xx shows
// that the caller has the 2xx: the call goes on (RFC 5407 §3.1.4). That holds
// because the 2xx had the answer; to a 2xx with an offer it would be 491.
func (s *InboundState) invitedAgain(out *script, m *sipmsg.Message) {
	switch {
	case s.State == Early && s.Dialog.orders(m.CSeq): // RFC 3261 §14.2: we still owe an answer
		out.reply(out.answer(m, 500, "").with("Retry-After", strconv.Itoa(s.draw(11))))
	case s.State == Answered && m.CSeq > s.Dialog.RemoteCSeq:
		s.confirmed(out, Event{Kind: Acked})
		s.reinvited(out, m)
	case s.State == Confirmed:
		s.reinvited(out, m)
	default:
		out.reply(s.insideDialog(out, m))
	}
}

func (s *InboundState) cancelled(out *script, m *sipmsg.Message) {
	if m.CSeq != s.CSeq {
		s.askedCancel(out, m)
		return
	}
	out.reply(out.answer(m, 200, s.tag())) // RFC 3261 §9.2: the tag of the INVITE's response
	to, ok := inboundEdges.next(s.State, InCancel)
	if !ok {
		return // the final response has gone: no effect
	}
	s.State = to
	s.giveUp(out, m)
}

// giveUp ends a call that the caller wants no more before it was answered.
func (s *InboundState) giveUp(out *script, m *sipmsg.Message) {
	out.respond(s.response(out, 487, "", nil, Body{}))
	out.event(Event{Kind: Cancelled, Reason: reasonOf(m)})
	s.over(out)
}

func (s *InboundState) acked(out *script, m *sipmsg.Message) {
	if m.CSeq != s.CSeq {
		s.askedAck(out, m)
		return
	}
	s.confirmed(out, Event{Kind: Acked, ContentType: m.ContentType, Body: m.Body})
}

// confirmed takes the ACK of the 2xx, or what says as much.
func (s *InboundState) confirmed(out *script, ev Event) {
	to, ok := inboundEdges.next(s.State, InAck)
	if !ok {
		return
	}
	was := s.State
	s.State = to
	if was != Answered && was != Closing {
		return // again
	}
	s.settle()
	if was == Closing {
		s.bye(out)
		return
	}
	out.event(ev)
	s.turn(out)
}

// settle lets go of what only an INVITE that is not over needs.
func (s *InboundState) settle() {
	s.Answer.stop()
	s.Invite, s.Remind = nil, time.Time{}
}

func (s *InboundState) peerBye(out *script, m *sipmsg.Message) {
	to, ok := inboundEdges.next(s.State, InBye)
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
	switch was {
	case Early: // RFC 3261 §15.1.2: the pending INVITE gets 487
		s.giveUp(out, m)
	case Terminating: // crossed ours: that one's end is the leg's end
	case Closing:
		s.over(out)
	default:
		s.drop(out)
		out.event(Event{Kind: Bye, Reason: reasonOf(m)})
		s.over(out)
	}
}

// fire runs the timers: the 2xx again, its ACK given up, the 18x again.
func (s *InboundState) fire(out *script) {
	if !s.Remind.IsZero() && !out.now.Before(s.Remind) {
		s.Remind = out.now.Add(remindEvery)
		out.do(action{kind: actRemind})
	}
	raw, over := s.Answer.fire(out.now, out.timers)
	if raw != nil {
		out.do(action{kind: actResend, raw: raw})
	}
	if over {
		s.ackLost(out)
	}
	s.askedFire(out)
	s.askingFire(out)
}

// ackLost gives up on the ACK: the call is ended (RFC 3261 §13.3.1.4).
func (s *InboundState) ackLost(out *script) {
	to, ok := inboundEdges.next(s.State, InAckLost)
	if !ok {
		return
	}
	was := s.State
	s.State = to
	s.settle()
	if was == Answered {
		s.Reason = ackTimeout
		out.event(Event{Kind: AckLost})
	}
	s.drop(out)
	s.bye(out)
}

// wake is when fire has something to do; zero for never.
func (s *InboundState) wake() time.Time {
	return sooner(sooner(s.Remind, s.Answer.wake()), sooner(s.askedWake(), s.askingWake()))
}

// gone tells the machine that its BYE has a final response or never will.
func (s *InboundState) gone(out *script) {
	if to, ok := inboundEdges.next(s.State, InGone); ok {
		s.State = to
		s.over(out)
	}
}

func (s *InboundState) over(out *script) {
	s.settle()
	out.over()
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
