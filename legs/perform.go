package legs

import (
	"net/netip"
	"time"

	"b2bua/legs/sipmsg"
	"b2bua/legs/transport"
)

// Inbound is the UAS leg of a call. Its methods may be called on its shard
// only, by the [Handler].
type Inbound struct {
	InboundState
	runtime
	tx       *serverTx      // of the INVITE; nil after the final response
	accepted *serverTx      // the same after a 2xx, until its ACK
	answerTo transport.Flow // where that went
}

// Outbound is the UAC leg of a call. Its methods may be called on its shard
// only, by the [Handler].
type Outbound struct {
	OutboundState
	runtime
	tx *clientTx // of the INVITE; nil until it is on the wire
}

// State is where the leg's INVITE usage stands.
func (l *Inbound) State() State { return l.InboundState.State }

// State is where the leg's INVITE usage stands.
func (l *Outbound) State() State { return l.OutboundState.State }

// Own attaches the object whose events these are, and whose work the rest of
// this step is.
func (l *Inbound) Own(owner any) { l.owner, l.core.owner = owner, owner }

// Progress sends 101-199. newTag opens a further early dialog, for media that
// contradict what an earlier one said.
func (l *Inbound) Progress(status int, newTag bool, headers []sipmsg.Header, body Body) {
	c := l.core
	l.step(c, func(out *script) { l.progress(out, status, newTag, headers, body) })
	if newTag {
		c.register(l, l.tag())
	}
}

// Answer sends 200, again and again until the ACK (RFC 3261 §13.3.1.4).
func (l *Inbound) Answer(newTag bool, headers []sipmsg.Header, body Body) {
	c := l.core
	l.step(c, func(out *script) { l.answer(out, newTag, headers, body) })
	if newTag {
		c.register(l, l.tag())
	}
}

// Refuse sends a final response 300-699; an empty reason is the RFC's own.
func (l *Inbound) Refuse(status int, reason string, headers []sipmsg.Header) {
	l.step(l.core, func(out *script) { l.refuse(out, status, reason, headers) })
}

// Hangup ends the leg: 480 before an answer, BYE after it.
func (l *Inbound) Hangup(reason string) {
	l.step(l.core, func(out *script) { l.hangup(out, 480, reason) })
}

// Target is where the INVITE was sent.
func (l *Outbound) Target() netip.AddrPort { return l.flow.Peer }

// Ack acknowledges the 2xx that Accepted reported.
func (l *Outbound) Ack(body Body) {
	l.step(l.core, func(out *script) { l.acknowledge(out, body) })
}

// Hangup ends the leg: CANCEL, as soon as it may be sent, or BYE.
func (l *Outbound) Hangup(reason string) {
	l.step(l.core, func(out *script) { l.hangup(out, reason) })
}

// Dial starts an outbound leg on this shard, for owner, from a listener of the
// trunk's network to dest.
func (c *Core) Dial(owner any, peer Peer, call *Call) *Outbound {
	listener := c.stack.listeners[peer.Listener]
	local := Local{Transport: listener.Transport, Host: listener.Advertise, Product: c.stack.cfg.Product}
	l := &Outbound{}
	l.runtime = runtime{
		core: c, owner: owner, trunk: peer.Trunk, accept: peer.InDialogSource,
		flow: transport.Flow{Listener: peer.Listener, Peer: peer.Address},
	}
	l.hopURI, l.hopAddr = call.hop(), peer.Address
	c.stack.metrics.legs.WithLabelValues("outbound").Inc()
	l.step(c, func(out *script) {
		l.OutboundState = newOutbound(out, call, c.NewSeed(), local)
		c.register(l, l.Dialog.LocalTag)
	})
	return l
}

// A Peer is where an outbound leg goes and who may speak for it afterwards.
type Peer struct {
	Trunk          string
	InDialogSource string // trunk, flow or any
	Listener       int    // index, from Select
	Address        netip.AddrPort
}

// Select picks the listener of a network that reaches dest.
func (c *Core) Select(network string, dest netip.AddrPort) (listener int, ok bool) {
	return c.stack.transport.Select(network, "udp", dest)
}

// Listener returns what Select named.
func (c *Core) Listener(i int) transport.Listener { return c.stack.listeners[i] }

func (l *Inbound) request(c *Core, m *sipmsg.Message) {
	l.step(c, func(out *script) { l.receive(out, m) })
}

func (l *Outbound) request(c *Core, m *sipmsg.Message) {
	l.step(c, func(out *script) { l.receive(out, m) })
}

// step runs one move of the machine and does what it says.
func (l *Inbound) step(c *Core, move func(*script)) {
	l.perform(c, l, c.collect(move))
	c.set(&l.alarm, l.InboundState.Answer.wake(), (*inboundTimer)(l))
}

func (l *Outbound) step(c *Core, move func(*script)) {
	l.perform(c, l, c.collect(move))
}

// collect runs a move with the core's script, which is free again afterwards:
// performing a step may start another one.
func (c *Core) collect(move func(*script)) []action {
	out := script{acts: c.script.acts[:0]}
	c.script.acts = nil
	move(&out)
	return out.acts
}

// perform does the actions of one step, in order.
func (r *runtime) perform(c *Core, l leg, acts []action) {
	for i := range acts {
		a := &acts[i]
		switch a.kind {
		case actRespond:
			c.respond(l.(*Inbound), a.msg)
		case actReply:
			if c.hand != nil {
				c.answer(c.hand, a.msg)
			}
		case actRequest:
			c.start(l, *a)
		case actCancel:
			c.cancelInvite(l.(*Outbound), a.msg)
		case actSend:
			raw, flow := a.raw, r.flow
			c.toward(l, a.hop, func(c *Core, dest netip.AddrPort, _ error) {
				flow.Peer = dest
				c.send(flow, raw)
			})
		case actResend:
			c.stack.metrics.retransmissions.WithLabelValues("sent").Inc()
			c.send(l.(*Inbound).answerTo, a.raw)
		case actEvent:
			a.ev.Leg = l
			c.events = append(c.events, a.ev)
		case actEnd:
			r.forget(c)
		}
	}
	clear(acts)
	c.script.acts = acts[:0]
}

// respond sends a response to the leg's INVITE; a 2xx is the leg's to repeat.
func (c *Core) respond(l *Inbound, m *sipmsg.Message) {
	if l.tx == nil {
		return
	}
	raw := c.answer(l.tx, m)
	if m.Status < 200 {
		return
	}
	if m.Status < 300 && raw != nil {
		l.answered(raw, c.now, c.stack.timers())
		l.accepted = l.tx
	}
	l.answerTo, l.tx = l.tx.flow, nil
}

// cancelInvite sends CANCEL to where the INVITE went, with its branch.
func (c *Core) cancelInvite(l *Outbound, m *sipmsg.Message) {
	if l.tx == nil {
		return
	}
	raw, err := m.Bytes()
	if err != nil {
		return // every value of it has been on the wire in the INVITE
	}
	c.open(l, action{msg: m, branch: l.Branch, quiet: true}, raw, l.tx.flow.Peer)
	c.applyClient(l.tx, l.tx.Cancelled(c.now))
}

// forget makes the leg unreachable: a request for it is answered 481.
func (r *runtime) forget(c *Core) {
	for _, tag := range r.tags {
		delete(c.legs, tag)
	}
	r.tags = nil
	c.set(&r.alarm, time.Time{}, nil)
	c.stack.metrics.ended.Inc()
}

type inboundTimer Inbound

func (t *inboundTimer) enter(c *Core) {
	l := (*Inbound)(t)
	l.alarm = alarm{}
	c.owner = l.owner
	l.step(c, func(out *script) { l.fire(out, c.now, c.stack.timers()) })
}

// hop is the URI that the INVITE's next hop is resolved from.
func (c *Call) hop() string {
	if c.Hop != "" {
		return c.Hop
	}
	return c.RequestURI
}
