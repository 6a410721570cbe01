package legs

import (
	"strconv"
	"strings"
	"time"

	"b2bua/legs/sipmsg"
)

// An asked is a re-INVITE of the peer's (RFC 3261 §14.2): it comes, the bridge
// answers or refuses it, and the ACK ends it. It is plain data.
type asked struct {
	State  State
	Invite *echo  // for the responses to it; nil after the final one
	CSeq   uint32 // for its ACK and CANCEL
	Target string // its Contact, which holds once it is accepted; empty: as before
	Answer repeat // the 2xx, until its ACK
}

// reinvited takes a re-INVITE in a confirmed dialog. It always replies, and
// tells the bridge unless there is no room for another offer now.
func (s *usage) reinvited(out *script, m *sipmsg.Message) {
	if !s.Dialog.orders(m.CSeq) {
		out.reply(out.answer(m, 500, "")) // RFC 3261 §12.2.2
		return
	}
	if bad := m.HeaderValues("Require"); len(bad) > 0 {
		out.reply(out.answer(m, 420, "").with("Unsupported", strings.Join(bad, ", ")))
		return
	}
	if s.Asking != nil {
		to, _ := askingEdges.next(s.Asking.State, InInvite)
		if to != Idle {
			out.reply(out.answer(m, 491, "")) // RFC 3261 §14.2: ours is out
			return
		}
		s.rerefused(out, Event{Status: 491})
	}
	was := Idle
	if s.Asked != nil {
		was = s.Asked.State
	}
	to, ok := askedEdges.next(was, InInvite)
	if was == Trying || !ok {
		again := out.answer(m, 500, "") // RFC 3261 §14.2: we owe an answer
		out.reply(again.with("Retry-After", strconv.Itoa(s.draw(11))))
		return
	}
	if was == Answered { // it proves as much as the ACK would (RFC 5407 §3.1.4)
		out.event(Event{Kind: Acked})
	}
	s.Asked = &asked{State: to, Invite: echoOf(m), CSeq: m.CSeq, Target: targetOf(m.Contacts)}
	out.do(action{kind: actAdopt})
	out.reply(out.answer(m, 100, ""))
	out.event(eventOf(Reoffered, m))
}

// rewrite drafts a response to the peer's re-INVITE.
func (s *usage) rewrite(out *script, status int, headers []sipmsg.Header, body Body) *draft {
	d := out.draft()
	s.Asked.Invite.response(&d.Message, status, "", "")
	d.RecordRoutes = nil // the route set stays (RFC 3261 §12.2)
	s.fill(d, headers, body)
	return d
}

// reanswer accepts the peer's re-INVITE: 200, again until the ACK. From now on
// its Contact is where the peer is (RFC 6141 §4.5).
func (s *usage) reanswer(out *script, body Body) {
	to, ok := s.askedNext(InAnswer)
	if !ok {
		return
	}
	k := s.Asked
	d := s.rewrite(out, 200, nil, body)
	raw, err := out.pen.write(&d.Message)
	out.release(d)
	if err != nil { // the parser has made it impossible
		panic(err)
	}
	k.State, k.Invite = to, nil
	if k.Target != "" {
		s.Dialog.RemoteTarget = k.Target
	}
	k.Answer.start(raw, out.now, out.timers)
	out.do(action{kind: actAccept, raw: raw, re: true})
}

// rerefuse refuses the peer's re-INVITE: everything stays as it was.
func (s *usage) rerefuse(out *script, status int, headers []sipmsg.Header) {
	if to, ok := s.askedNext(InRefuse); ok {
		s.finalAsked(out, to, s.rewrite(out, status, headers, Body{}))
	}
}

func (s *usage) finalAsked(out *script, to State, d *draft) {
	s.Asked.State, s.Asked.Invite = to, nil
	out.do(action{kind: actRespond, msg: d, re: true})
}

// askedCancel takes the peer's CANCEL, which is answered in any case.
func (s *usage) askedCancel(out *script, m *sipmsg.Message) {
	out.reply(out.answer(m, 200, s.Dialog.LocalTag))
	if to, ok := s.askedNext(InCancel); ok && m.CSeq == s.Asked.CSeq {
		s.finalAsked(out, to, s.rewrite(out, 487, nil, Body{}))
		out.event(Event{Kind: Withdrawn, Reason: reasonOf(m)})
	}
}

// askedAck takes an ACK: that of the 2xx to the peer's re-INVITE, or none that
// anybody waits for.
func (s *usage) askedAck(out *script, m *sipmsg.Message) {
	if s.Asked == nil || s.Asked.State != Answered || m.CSeq != s.Asked.CSeq {
		return
	}
	s.Asked = nil
	out.event(Event{Kind: Acked, ContentType: m.ContentType, Body: m.Body})
	s.turn(out)
}

// askedOver hears that the refusal of the peer's re-INVITE has its ACK, or never
// will.
func (s *usage) askedOver(out *script) {
	if s.Asked != nil && s.Asked.State == Refusing {
		s.Asked = nil
		s.turn(out)
	}
}

func (s *usage) askedHangup(out *script) {
	switch to, ok := s.askedNext(InHangup); {
	case !ok:
	case to == Refusing:
		s.finalAsked(out, to, s.rewrite(out, 487, nil, Body{}))
	default:
		s.Asked = nil
	}
}

// askedFire repeats the 2xx, and gives up on its ACK.
func (s *usage) askedFire(out *script) {
	if s.Asked == nil {
		return
	}
	raw, over := s.Asked.Answer.fire(out.now, out.timers)
	if raw != nil {
		out.do(action{kind: actResend, raw: raw, re: true})
	}
	if over {
		s.askedAckLost(out)
	}
}

// askedAckLost ends the call (RFC 3261 §13.3.1.4).
func (s *usage) askedAckLost(out *script) {
	if _, ok := s.askedNext(InAckLost); !ok {
		return
	}
	s.Asked = nil
	to, ok := s.table().next(s.State, InAckLost)
	if !ok {
		return
	}
	s.State, s.Reason = to, ackTimeout
	out.event(Event{Kind: AckLost})
	s.drop(out)
	s.bye(out)
}

// ackTimeout is why we hang up on a peer that does not acknowledge.
const ackTimeout = `SIP;cause=408;text="ACK timeout"`

func (s *usage) askedNext(in Input) (State, bool) {
	if s.Asked == nil {
		return Idle, false
	}
	return askedEdges.next(s.Asked.State, in)
}

func (s *usage) askedWake() time.Time {
	if s.Asked == nil {
		return time.Time{}
	}
	return s.Asked.Answer.wake()
}
