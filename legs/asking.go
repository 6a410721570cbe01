package legs

import (
	"slices"
	"time"

	"b2bua/legs/sipmsg"
)

// An asking is a re-INVITE of ours (RFC 3261 §14.1): it waits for its turn, goes
// out, and ends with the ACK or a refusal. It is plain data.
type asking struct {
	State  State
	Body   Body      // the offer, which may have to go again
	CSeq   uint32    // of the INVITE that is out
	Branch string    // likewise
	Glares int       // how often it got 491
	Turn   time.Time // it waits at least until then; zero: only for what is under way
}

// maxGlares is how often a re-INVITE that gets 491 is sent again.
const maxGlares = 4

// reoffer sends a re-INVITE, as soon as the last INVITE of either side has its
// ACK. There is an outcome in any case, unless the leg ends.
func (s *usage) reoffer(out *script, body Body) {
	switch {
	case s.State == Terminating || s.State == Terminated || s.State == Closing:
	case s.State != Answered && s.State != Confirmed, s.Asking != nil, s.Asked != nil && s.Asked.State == Trying:
		out.event(Event{Kind: Rerefused, Status: 491})
	default:
		to, _ := askingEdges.next(Idle, InReoffer)
		s.Asking = &asking{State: to, Body: body}
		s.turn(out)
	}
}

// turn sends ours when nothing holds it up any more: no INVITE of the peer's may
// be under way (RFC 3261 §14.1), and after 491 some time must have passed.
func (s *usage) turn(out *script) {
	k := s.Asking
	if k == nil || s.State != Confirmed || s.Asked != nil || !k.Turn.IsZero() {
		return
	}
	to, ok := askingEdges.next(k.State, InTurn)
	if !ok {
		return
	}
	s.Dialog.LocalCSeq++
	a := s.Dialog.request(out, "INVITE", s.Dialog.LocalCSeq, &s.Local, &s.Seed)
	k.State, k.CSeq, k.Branch = to, a.msg.CSeq, a.branch
	a.msg.at(&s.Local, s.Dialog.LocalTag)
	a.msg.with("Allow", allow)
	a.msg.ContentType, a.msg.Body = k.Body.Type, k.Body.Data
	out.do(a)
}

// withdraw gives ours up: CANCEL, as soon as it may be sent. The outcome comes
// all the same, and it may be an answer.
func (s *usage) withdraw(out *script) {
	to, ok := s.askingNext(InCancel)
	switch {
	case !ok:
	case to == Idle:
		s.rerefused(out, Event{Status: 487})
	default:
		s.Asking.State = to
		if to == Cancelling {
			s.recancel(out)
		}
	}
}

func (s *usage) recancel(out *script) {
	a := s.like(out, "CANCEL")
	a.kind = actCancel
	out.do(a)
}

// like drafts what a CANCEL and the ACK of a refusal have in common with our
// re-INVITE (RFC 3261 §9.1, §17.1.1.3).
func (s *usage) like(out *script, method string) action {
	a := action{kind: actRequest, branch: s.Asking.Branch, msg: out.draft()}
	a.msg.from(s.Local.via(a.branch))
	s.Dialog.within(&a, method, s.Asking.CSeq)
	return a
}

// reAckOf builds the ACK of a final response 300-699 to our re-INVITE.
func (s *usage) reAckOf(final *sipmsg.Message) []byte {
	if s.Asking == nil || final.CSeq != s.Asking.CSeq {
		return nil
	}
	a := s.like(&script{}, "ACK")
	a.msg.To = final.To
	raw, err := a.msg.Bytes()
	if err != nil {
		return nil
	}
	return raw
}

// retold takes a response to a re-INVITE of ours.
func (s *usage) retold(out *script, m *sipmsg.Message) {
	if s.Asking == nil || m.CSeq != s.Asking.CSeq || s.Asking.State == Waiting {
		if m.Status >= 200 && m.Status < 300 {
			s.ackAgain(out, m.CSeq)
		}
		return
	}
	switch {
	case m.Status < 200:
		s.reprogress(out)
	case m.Status < 300:
		s.reanswered(out, m)
	case m.Status == 491:
		s.glared(out, m)
	case m.Status == 408 || m.Status == 481:
		s.askingLost(out, m.Status)
	default:
		s.askingRefused(out, eventOf(Rerefused, m))
	}
}

func (s *usage) reprogress(out *script) {
	to, ok := s.askingNext(InProgress)
	if !ok {
		return
	}
	was := s.Asking.State
	if s.Asking.State = to; was == CancelPending {
		s.recancel(out)
	}
}

// reanswered takes the 2xx. Its Contact is where the peer is from now on (RFC
// 3261 §12.2.1.2), its ACK the bridge's to ask for.
func (s *usage) reanswered(out *script, m *sipmsg.Message) {
	to, ok := s.askingNext(InAnswer)
	if !ok {
		return
	}
	if target := targetOf(m.Contacts); target != "" {
		s.Dialog.RemoteTarget = target
	}
	s.Asking.State = to
	if to == Idle { // the leg has ended
		s.reack(out, Body{})
		return
	}
	out.event(eventOf(Reanswered, m))
}

// acknowledged sends the ACK that the bridge owes after Reanswered.
func (s *usage) acknowledged(out *script, body Body) {
	if _, ok := s.askingNext(InAck); ok {
		s.reack(out, body)
	}
}

func (s *usage) reack(out *script, body Body) {
	a := s.Dialog.request(out, "ACK", s.Asking.CSeq, &s.Local, &s.Seed)
	a.msg.ContentType, a.msg.Body = body.Type, body.Data
	s.Asking = nil
	raw, err := a.msg.Bytes()
	if err != nil { // the parser has made it impossible
		return
	}
	if len(s.Acks) == maxForks {
		s.Acks = slices.Delete(s.Acks, 0, 1)
	}
	s.Acks = append(s.Acks, ack{CSeq: a.msg.CSeq, Raw: raw, Hop: a.hop})
	out.do(action{kind: actSend, raw: raw, hop: a.hop})
}

// ackAgain acknowledges a 2xx that has come before (RFC 3261 §13.2.2.4), or after
// we have given up.
func (s *usage) ackAgain(out *script, cseq uint32) {
	for i := range s.Acks {
		if a := &s.Acks[i]; a.CSeq == cseq {
			out.do(action{kind: actSend, raw: a.Raw, hop: a.Hop})
			return
		}
	}
	a := s.Dialog.request(out, "ACK", cseq, &s.Local, &s.Seed)
	if raw, err := a.msg.Bytes(); err == nil {
		out.do(action{kind: actSend, raw: raw, hop: a.hop})
	}
}

// reacked lets go of an ACK: no copy of its 2xx can come any more.
func (s *usage) reacked(cseq uint32) {
	s.Acks = slices.DeleteFunc(s.Acks, func(a ack) bool { return a.CSeq == cseq })
	if len(s.Acks) == 0 {
		s.Acks = nil
	}
}

// glared takes 491: both sides have asked at once. Who made the Call-ID waits
// longer (RFC 3261 §14.1).
func (s *usage) glared(out *script, m *sipmsg.Message) {
	k := s.Asking
	to, ok := s.askingNext(InPending)
	if !ok || to != Waiting || k.Glares == maxGlares {
		s.askingRefused(out, eventOf(Rerefused, m))
		return
	}
	k.State = to
	k.Glares++
	wait := time.Duration(s.draw(201)) * 10 * time.Millisecond
	if s.Ours {
		wait = time.Duration(210+s.draw(191)) * 10 * time.Millisecond
	}
	k.Turn = out.now.Add(wait)
}

// askingRefused takes a final response 300-699 to ours, or that it could not be
// sent.
func (s *usage) askingRefused(out *script, ev Event) {
	if _, ok := s.askingNext(InRefuse); ok {
		s.rerefused(out, ev)
	}
}

// rerefused ends ours without a change. Nobody hears of it when the leg is over.
func (s *usage) rerefused(out *script, ev Event) {
	was := s.Asking.State
	s.Asking = nil
	if was != Terminating {
		ev.Kind = Rerefused
		out.event(ev)
	}
}

// askingFailed takes a time-out or a transport error of ours.
func (s *usage) askingFailed(out *script, cseq uint32, ev Event) {
	switch {
	case s.Asking == nil || s.Asking.CSeq != cseq:
	case ev.Cause == ByTimeout:
		s.askingLost(out, 408)
	default:
		s.askingRefused(out, ev)
	}
}

func (s *usage) askingLost(out *script, status int) {
	if _, ok := s.askingNext(InLost); ok {
		s.Asking = nil
		s.lost(out, status)
	}
}

func (s *usage) askingHangup(out *script) {
	to, ok := s.askingNext(InHangup)
	switch {
	case !ok:
	case s.Asking.State == Answered:
		s.reack(out, Body{})
	case to == Idle:
		s.Asking = nil
	default:
		s.Asking.State = to
	}
}

// askingRangOut takes timer C: 1xx came, and then nothing (RFC 3261 §16.8).
func (s *usage) askingRangOut(out *script, cseq uint32) {
	if s.Asking == nil || s.Asking.CSeq != cseq {
		return
	}
	if to, ok := s.askingNext(InRangOut); ok {
		s.Asking.State = to
		s.recancel(out)
	}
}

// askingFire sends ours again after 491.
func (s *usage) askingFire(out *script) {
	if k := s.Asking; k != nil && !k.Turn.IsZero() && !out.now.Before(k.Turn) {
		k.Turn = time.Time{}
		s.turn(out)
	}
}

func (s *usage) askingNext(in Input) (State, bool) {
	if s.Asking == nil {
		return Idle, false
	}
	return askingEdges.next(s.Asking.State, in)
}

func (s *usage) askingWake() time.Time {
	if s.Asking == nil {
		return time.Time{}
	}
	return s.Asking.Turn
}
