package legs

import (
	"net/netip"
	"time"

	"b2bua/legs/sipmsg"
	"b2bua/legs/transport"
	"b2bua/legs/txn"
)

// Inbound is the UAS leg of a call. Its methods may be called on its shard
// only, by the [Handler].
type Inbound struct {
	InboundState
	shell
	tx   *serverTx    // of the INVITE; nil when its 2xx is acknowledged, or it or the leg is over
	room *sipmsg.Room // of the INVITE, until its final response
}

// Outbound is the UAC leg of a call. Its methods may be called on its shard
// only, by the [Handler].
type Outbound struct {
	OutboundState
	shell
}

// State is where the leg's INVITE usage stands.
func (l *Inbound) State() State { return l.InboundState.State }

// State is where the leg's INVITE usage stands.
func (l *Outbound) State() State { return l.OutboundState.State }

// Own attaches the object whose events these are.
func (l *Inbound) Own(owner any) { l.owner = owner }

// Progress sends 101-199. newTag opens a further early dialog, for media that
// contradict what an earlier one said. A call that is no longer ringing hears
// nothing of it.
func (l *Inbound) Progress(status int, newTag bool, headers []sipmsg.Header, body Body) {
	l.step(nil, func(out *script) { l.progress(out, status, newTag, headers, body) })
}

// Answer sends 200, again and again until the ACK (RFC 3261 §13.3.1.4). A header
// that cannot be written crashes the call.
func (l *Inbound) Answer(newTag bool, headers []sipmsg.Header, body Body) {
	l.step(nil, func(out *script) { l.answer(out, newTag, headers, body) })
}

// Refuse sends a final response 300-699; an empty reason is the RFC's own.
// Headers that cannot be written are left out.
func (l *Inbound) Refuse(status int, reason string, headers []sipmsg.Header) {
	l.step(nil, func(out *script) { l.refuse(out, status, reason, headers) })
}

// Hangup ends the leg: 480 before an answer, BYE after it.
func (l *Inbound) Hangup(reason string) {
	l.step(nil, func(out *script) { l.hangup(out, 480, reason) })
}

// Target is where the INVITE was sent.
func (l *Outbound) Target() netip.AddrPort { return l.Remote.Flow.Peer }

// Ack acknowledges the 2xx that Accepted or Reanswered reported.
func (l *Outbound) Ack(body Body) {
	l.step(nil, func(out *script) { l.acknowledge(out, body) })
}

// Hangup ends the leg: CANCEL, as soon as it may be sent, or BYE.
func (l *Outbound) Hangup(reason string) {
	l.step(nil, func(out *script) { l.hangup(out, reason) })
}

// A Peer is where an outbound leg goes and who may speak for it afterwards.
type Peer struct {
	Trunk          string
	InDialogSource string // trunk, flow or any
	Listener       int    // index, from Select
	Address        netip.AddrPort
	MTU            int // a longer request goes by TCP, if that can be had (RFC 3261 §18.1.1); 0: none does
}

// Dial starts an outbound leg on this shard, for owner, from a listener of the
// trunk's network to the peer's address.
func (c *Core) Dial(owner any, peer Peer, call *Call) *Outbound {
	listener := c.stack.listeners[peer.Listener]
	local := Local{Transport: listener.Transport, Host: listener.Advertise, Product: c.stack.cfg.Product}
	remote := Remote{
		Flow:  transport.Flow{Listener: peer.Listener, Peer: peer.Address},
		Trunk: peer.Trunk, Accept: peer.InDialogSource, MTU: peer.MTU,
	}
	c.stack.cfg.Budget.Vouch(peer.Address.Addr(), c.now)
	l := &Outbound{}
	l.shell = shell{core: c, owner: owner, hopURI: call.hop(), hopAddr: peer.Address, hopListener: peer.Listener, hopHome: true}
	c.stack.metrics.leg(outbound)
	l.step(nil, func(out *script) {
		l.begin(out, call, c.NewSeed(), local, remote)
		c.enlist(l)
	})
	return l
}

// Select picks the listener of a network that reaches dest over a transport, ""
// being UDP.
func (c *Core) Select(network, proto string, dest netip.AddrPort) (listener int, ok bool) {
	return c.stack.SelectListener(network, proto, dest)
}

// Listener returns what Select named.
func (c *Core) Listener(i int) transport.Listener { return c.stack.listeners[i] }

func (l *Inbound) tags() int          { return len(l.Tags) }
func (l *Outbound) tags() int         { return 1 }
func (l *Inbound) tagAt(i int) string { return l.Tags[i] }
func (l *Outbound) tagAt(int) string  { return l.Dialog.LocalTag }
func (l *Inbound) remote() *Remote    { return &l.Remote }
func (l *Outbound) remote() *Remote   { return &l.Remote }
func (l *Inbound) finished()          { l.step(nil, l.gone) }
func (l *Outbound) finished()         { l.step(nil, l.gone) }

func (l *Inbound) request(m *sipmsg.Message, tx *serverTx) {
	l.step(tx, func(out *script) { l.receive(out, m) })
	if m.Method == "ACK" && l.tx != nil && l.InboundState.Answer.Bytes == nil {
		l.core.acknowledged(l.tx)
	}
	l.core.acked(l, m, l.Asked)
}

func (l *Outbound) request(m *sipmsg.Message, tx *serverTx) {
	l.step(tx, func(out *script) { l.receive(out, m) })
	l.core.acked(l, m, l.Asked)
}

// acked lets go of the 2xx to the peer's re-INVITE when m was its ACK.
func (c *Core) acked(l leg, m *sipmsg.Message, under *asked) {
	if r := l.base(); m.Method == "ACK" && under == nil && r.asked != nil {
		tx := r.asked
		r.asked = nil
		c.acknowledged(tx)
	}
}

// ended leaves behind what the transactions of INVITEs still have to know: they
// stay for 64*T1, the leg need not.
func (l *Inbound) ended() {
	if l.tx != nil {
		l.tx.leave(l)
		l.tx = nil
	}
	l.leave(l)
}

// ended forgets the INVITE too, if it was answered. For 64*T1 from the answer
// there may be another 2xx (RFC 6026 §8.4), but what a leg that is over does with
// one Core.late does without it, and 32,000 of them are in memory at 1000 calls
// a second.
func (l *Outbound) ended() {
	l.leave(l)
	c := l.core
	if tx := c.clients.find(txn.ClientKey{Branch: l.Branch, Method: "INVITE"}); tx != nil && tx.State == txn.Accepted {
		c.set(&tx.alarm, time.Time{}, nil)
		c.forgetClient(tx)
		l.settle()
	}
}

func (r *shell) leave(l leg) {
	if r.asked != nil {
		r.asked.leave(l)
		r.asked = nil
	}
}

func (tx *serverTx) leave(l leg) {
	tx.leg, tx.past = nil, &past{remote: *l.remote(), tag: l.tag()}
	if c := l.base().core; c.lingers(tx) {
		c.linger(tx)
	}
}

// step runs one move of the machine and does what it says. tx is the request in
// hand, for the reply; nil when there is none.
func (l *Inbound) step(tx *serverTx, move func(*script)) {
	c, was := l.core, l.core.leg
	c.leg = l
	c.perform(l, tx, c.collect(move))
	if l.State() != Terminated {
		c.enlist(l)
		c.set(&l.alarm, l.wake(), (*inboundTimer)(l))
	}
	c.leg = was
}

func (l *Outbound) step(tx *serverTx, move func(*script)) {
	c, was := l.core, l.core.leg
	c.leg = l
	c.perform(l, tx, c.collect(move))
	if l.State() != Terminated {
		c.set(&l.alarm, l.wake(), (*outboundTimer)(l))
	}
	c.leg = was
}

// collect runs a move. The script that it returns is from the stack's pool, and
// goes back with perform.
func (c *Core) collect(move func(*script)) *script {
	out, ok := c.stack.scripts.Get().(*script)
	if !ok {
		out = &script{timers: c.stack.base, pen: pen{images: &c.stack.images}}
	}
	out.now = c.now
	move(out)
	return out
}

// perform does the actions of one step, in order.
func (c *Core) perform(l leg, tx *serverTx, out *script) {
	for i := range out.acts {
		a := &out.acts[i]
		switch a.kind {
		case actReply:
			if tx != nil {
				c.answer(tx, &a.msg.Message)
			}
		case actRequest, actDismiss:
			c.start(l, a)
		case actSend:
			c.toward(l, sending{kind: actSend, hop: a.hop, raw: a.raw})
		case actCancel:
			c.cancelInvite(l, a)
		case actEvent:
			if ev := &out.events[a.ev]; !l.base().mute {
				ev.Leg = l
				c.events = append(c.events, *ev)
			}
		case actEnd:
			c.forget(l)
		case actAdopt:
			l.base().asked, tx.leg = tx, l
		default:
			c.respond(l, a)
		}
	}
	out.done()
	c.stack.scripts.Put(out)
}

// respond does what has to do with the INVITE that made the leg, or with the
// peer's re-INVITE. Its transaction is there for as long as a response is due.
func (c *Core) respond(l leg, a *action) {
	tx := l.base().asked
	if in, ok := l.(*Inbound); ok && !a.re {
		tx = in.tx
	}
	switch {
	case tx == nil:
	case a.kind == actRespond:
		c.answer(tx, &a.msg.Message)
	case a.kind == actAccept:
		c.answerRaw(tx, 200, a.raw)
	case a.kind == actResend:
		c.stack.metrics.retransmissions.WithLabelValues("sent").Inc()
		c.send(tx.flow, a.raw)
	case a.kind == actRemind && tx.Response != nil:
		c.send(tx.flow, tx.Response)
	}
	if in, ok := l.(*Inbound); ok && in.room != nil && tx == in.tx && tx.req == nil { // it has its final response
		c.spent.rooms = append(c.spent.rooms, in.room)
		in.room = nil
	}
}

// cancelInvite sends CANCEL to where the INVITE went, with its branch.
func (c *Core) cancelInvite(l leg, a *action) {
	invite := c.clients.find(txn.ClientKey{Branch: a.branch, Method: "INVITE"})
	if invite == nil {
		return
	}
	raw, err := a.msg.Bytes()
	if err != nil { // only its Reason has not been on the wire in the INVITE
		a.msg.Headers = nil
		if raw, err = a.msg.Bytes(); err != nil {
			return
		}
	}
	tx := c.stack.memory.client()
	tx.leg, tx.quiet, tx.way, tx.cseq = l, true, way{flow: invite.flow}, a.msg.CSeq
	c.open(tx, a.msg.Method, a.branch, raw)
	c.applyClient(invite, nil, invite.Cancelled(c.now)) // it keeps what it has
}

// forget makes the leg unreachable: a request for it is answered 481.
func (c *Core) forget(l leg) {
	r := l.base()
	for i := range l.tags() {
		c.legs.remove(l.tagAt(i), l)
	}
	c.set(&r.alarm, time.Time{}, nil)
	l.ended()
	if !r.mute {
		c.stack.metrics.ended.Inc()
	}
}

type inboundTimer Inbound

func (t *inboundTimer) enter(c *Core) {
	l := (*Inbound)(t)
	c.leg = l
	l.step(nil, l.fire)
}

type outboundTimer Outbound

func (t *outboundTimer) enter(c *Core) {
	l := (*Outbound)(t)
	c.leg = l
	l.step(nil, l.fire)
}

// hop is the URI that the INVITE's next hop is resolved from.
func (c *Call) hop() string {
	if c.Hop != "" {
		return c.Hop
	}
	return c.RequestURI
}
