package bridge

import (
	"fmt"

	"b2bua/cdr"
	"b2bua/legs"
	"b2bua/legs/sipmsg"
)

// inboundEvent is news of the caller.
func (k *call) inboundEvent(c *legs.Core, ev legs.Event) {
	switch ev.Kind {
	case legs.Cancelled:
		k.rec.sent(487)
		k.apply(c, event{in: CallerGone, reason: ev.Reason})
	case legs.Bye:
		k.apply(c, event{in: CallerGone, reason: ev.Reason})
	default:
		k.talkEvent(c, Caller, ev)
	}
}

// outboundEvent is news of an attempt.
func (k *call) outboundEvent(c *legs.Core, a *attempt, ev legs.Event) {
	switch ev.Kind {
	case legs.Progress:
		k.progressed(c, a, ev)
	case legs.Accepted:
		k.accepted(c, a, ev)
	case legs.Refused:
		k.refused(c, a, ev)
	case legs.Bye:
		k.apply(c, event{in: CalledGone, attempt: a.no, reason: ev.Reason})
	default:
		if k.attempt == a {
			k.talkEvent(c, Called, ev)
		}
	}
}

// talkEvent is news of either side of an answered call.
func (k *call) talkEvent(c *legs.Core, from Party, ev legs.Event) {
	switch ev.Kind {
	case legs.AckLost:
		k.apply(c, event{in: Stop, end: cdr.EndAckTimeout, reason: `SIP;cause=408;text="ACK timeout"`})
	case legs.Lost:
		k.apply(c, event{in: Stop, end: cdr.EndUnreachable, reason: fmt.Sprintf("SIP;cause=%d", ev.Status)})
	case legs.Reoffered:
		k.reoffered(c, from, ev)
	case legs.Withdrawn:
		k.apply(c, event{in: Withdrawn, party: from})
	case legs.Reanswered:
		k.reanswered(c, from, ev)
	case legs.Rerefused:
		k.apply(c, event{in: Rerefused, party: from, status: ev.Status})
	default: // nothing that a call waits for
	}
}

// waitsFor reports whether news of an attempt still matters.
func (k *call) waitsFor(a *attempt) bool {
	return k.attempt == a && (k.m.Phase == Dialing || k.m.Phase == Ringing)
}

// progressed passes an 18x on, with its session description when that may be
// shown.
func (k *call) progressed(c *legs.Core, a *attempt, ev legs.Event) {
	if !k.waitsFor(a) || ev.Status == 199 { // RFC 6228: an early dialog of a fork ended
		return
	}
	r, why, ok := k.media.hear(k, a, ev)
	if !ok {
		k.giveUp(c, a, why)
		return
	}
	r.status, r.headers = ev.Status, k.backward(a, ev.Headers)
	k.reply = r
	k.apply(c, event{in: Rang, attempt: a.no})
	k.reply = reply{}
}

// accepted takes the 2xx of an attempt: its answer must fit, then the record is
// written, and only then is the caller answered.
func (k *call) accepted(c *legs.Core, a *attempt, ev legs.Event) {
	if !k.waitsFor(a) {
		ev.Leg.Hangup("") // given up meanwhile
		return
	}
	a.leg.Ack(legs.Body{})
	r, room := a.rec()
	room.answered, room.status, a.answered = stamp(c), ev.Status, c.Now()
	r.AnsweredAt, r.SIPStatus = &room.answered, &room.status
	reply, why, ok := k.media.hear(k, a, ev)
	if !ok {
		k.giveUp(c, a, why)
		return
	}
	reply.headers = k.backward(a, ev.Headers)
	k.reply = reply
	k.apply(c, event{in: Answered, attempt: a.no})
}

// giveUp ends an attempt whose answer cannot be used.
func (k *call) giveUp(c *legs.Core, a *attempt, why Why) {
	k.b.log.Info("answer cannot be used", "call_id", k.rec.CallID, "trunk", a.target.Trunk, "gateway", a.target.Gateway)
	reason := `SIP;cause=488;text="Not Acceptable Here"`
	if a.silenced {
		reason = ""
	}
	a.leg.Hangup(reason)
	k.apply(c, event{in: Failed, attempt: a.no, status: 488, why: why})
}

// refused takes the final response of an attempt, or that none came.
func (k *call) refused(c *legs.Core, a *attempt, ev legs.Event) {
	if !k.waitsFor(a) {
		return
	}
	out := event{in: Failed, attempt: a.no, status: ev.Status}
	switch ev.Cause {
	case legs.ByTimeout:
		if out.why = ByTimeout; k.m.Rung {
			out.why, out.status = ByRing, 480
		}
	case legs.ByTransport:
		out.why = ByTransport
	default:
		r, room := a.rec()
		room.status = ev.Status
		r.SIPStatus = &room.status
		out.reason, out.headers = header(ev.Headers, "Reason"), k.backward(a, ev.Headers)
		if after := header(ev.Headers, "Retry-After"); after != "" && retriable(ev.Status) {
			out.headers = append(out.headers, sipmsg.Header{Name: "Retry-After", Value: after})
		}
	}
	k.apply(c, out)
}

// retriable lists where Retry-After speaks of the called party (RFC 3261
// §20.33). With 500 and 503 it speaks of a gateway, and the caller would stay
// away from us.
func retriable(status int) bool {
	switch status {
	case 404, 413, 480, 486, 600, 603:
		return true
	}
	return false
}

func header(list []sipmsg.Header, name string) string {
	for _, h := range list {
		if h.Name == name {
			return h.Value
		}
	}
	return ""
}
