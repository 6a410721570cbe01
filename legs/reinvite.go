package legs

import (
	"b2bua/legs/sipmsg"
)

// What both kinds of leg do with re-INVITEs, at the bridge's word and at that of
// their transactions. The machines are in asked.go and asking.go.

// Reoffer sends a re-INVITE (see [Leg]).
func (l *Inbound) Reoffer(body Body) { l.step(nil, func(out *script) { l.reoffer(out, body) }) }

// Reoffer sends a re-INVITE (see [Leg]).
func (l *Outbound) Reoffer(body Body) { l.step(nil, func(out *script) { l.reoffer(out, body) }) }

// Withdraw gives up what Reoffer has begun (see [Leg]).
func (l *Inbound) Withdraw() { l.step(nil, l.withdraw) }

// Withdraw gives up what Reoffer has begun (see [Leg]).
func (l *Outbound) Withdraw() { l.step(nil, l.withdraw) }

// Reanswer accepts the peer's re-INVITE (see [Leg]).
func (l *Inbound) Reanswer(body Body) { l.step(nil, func(out *script) { l.reanswer(out, body) }) }

// Reanswer accepts the peer's re-INVITE (see [Leg]).
func (l *Outbound) Reanswer(body Body) { l.step(nil, func(out *script) { l.reanswer(out, body) }) }

// Rerefuse refuses the peer's re-INVITE (see [Leg]).
func (l *Inbound) Rerefuse(status int, headers []sipmsg.Header) {
	l.step(nil, func(out *script) { l.rerefuse(out, status, headers) })
}

// Rerefuse refuses the peer's re-INVITE (see [Leg]).
func (l *Outbound) Rerefuse(status int, headers []sipmsg.Header) {
	l.step(nil, func(out *script) { l.rerefuse(out, status, headers) })
}

// Ack acknowledges the 2xx that Reanswered reported.
func (l *Inbound) Ack(body Body) { l.step(nil, func(out *script) { l.acknowledged(out, body) }) }

// Network is the network of the leg's listener.
func (l *Inbound) Network() string { return l.core.stack.listeners[l.Remote.Flow.Listener].Network }

// Network is the network of the leg's listener.
func (l *Outbound) Network() string { return l.core.stack.listeners[l.Remote.Flow.Listener].Network }

// heard takes a response to an INVITE of the leg.
func (l *Inbound) heard(m *sipmsg.Message) { l.step(nil, func(out *script) { l.retold(out, m) }) }

func (l *Outbound) heard(m *sipmsg.Message) { l.step(nil, func(out *script) { l.response(out, m) }) }

func (l *Inbound) ackOf(final *sipmsg.Message) []byte { return l.reAckOf(final) }

// unheard learns that the INVITE with that number has no response and never will.
func (l *Inbound) unheard(cseq uint32, ev Event) {
	l.step(nil, func(out *script) { l.askingFailed(out, cseq, ev) })
}

func (l *Outbound) unheard(cseq uint32, ev Event) {
	l.step(nil, func(out *script) {
		if cseq == l.CSeq {
			l.refused(out, ev)
		} else {
			l.askingFailed(out, cseq, ev)
		}
	})
}

// silent is timer C of the INVITE with that number.
func (l *Inbound) silent(cseq uint32) {
	l.step(nil, func(out *script) { l.askingRangOut(out, cseq) })
}

func (l *Outbound) silent(cseq uint32) {
	l.step(nil, func(out *script) {
		if cseq == l.CSeq {
			l.rangOut(out)
		} else {
			l.askingRangOut(out, cseq)
		}
	})
}

// settled learns that the transaction of the INVITE with that number is over.
func (l *Inbound) settled(cseq uint32) { l.reacked(cseq) }

func (l *Outbound) settled(cseq uint32) {
	if cseq == l.CSeq {
		l.settle()
	} else {
		l.reacked(cseq)
	}
}

// refusalOver learns that the refusal of the peer's re-INVITE has its ACK, or
// never will.
func (l *Inbound) refusalOver()  { l.step(nil, l.askedOver) }
func (l *Outbound) refusalOver() { l.step(nil, l.askedOver) }
