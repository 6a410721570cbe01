package legs

import (
	"time"

	"b2bua/legs/sipmsg"
	"b2bua/legs/transport"
	"b2bua/legs/txn"
	"b2bua/policy"
)

// allow lists what this user agent understands (RFC 3261 §20.5).
const allow = "INVITE, ACK, CANCEL, BYE, OPTIONS"

// A serverTx is a server transaction and what the core needs around it.
type serverTx struct {
	txn.Server
	key   txn.ServerKey
	req   *sipmsg.Message // until the final response
	flow  transport.Flow  // with the peer that responses go to (RFC 3261 §18.2.2)
	leg   *Inbound        // of an INVITE
	alarm alarm
}

// A packet is a request or response on its way to its shard.
type packet struct {
	flow  transport.Flow
	msg   *sipmsg.Message
	trunk *policy.Trunk // who is calling; nil inside a dialog
}

func (p *packet) enter(c *Core) {
	if p.msg.IsRequest() {
		c.request(p)
	} else {
		c.response(p.msg)
	}
}

// request is the way of every request: its transaction, then its dialog, then
// what is new.
func (c *Core) request(p *packet) {
	m := p.msg
	if m.Method == "ACK" {
		c.ack(p)
		return
	}
	key := txn.RequestKey(m)
	if tx, ok := c.servers.Server(key); ok {
		c.stack.metrics.retransmissions.WithLabelValues("received").Inc()
		c.applyServer(tx, tx.Receive(m.Method, c.now))
		return
	}
	switch {
	case m.Method == "CANCEL":
		c.cancel(p)
	case m.To.Tag() != "":
		c.inDialog(p)
	default:
		c.initial(p)
	}
}

// ack goes to the INVITE transaction that ended in 300-699, or to the leg
// whose 2xx it acknowledges; it is never answered.
func (c *Core) ack(p *packet) {
	m := p.msg
	if tx, ok := c.servers.Server(txn.RequestKey(m)); ok {
		res := tx.Receive("ACK", c.now)
		c.applyServer(tx, res)
		if !res.Do.Has(txn.Deliver) {
			return
		}
	}
	leg := c.legs[m.To.Tag()]
	if leg == nil || !leg.owns(m) || !c.plausible(leg.base(), p.flow) {
		c.stack.metrics.strays.WithLabelValues("ack").Inc()
		return
	}
	c.owner = leg.Owner()
	leg.request(c, m)
	if in, ok := leg.(*Inbound); ok && in.accepted != nil && in.Request == nil {
		c.applyServer(in.accepted, in.accepted.Receive("ACK", c.now)) // lets go of the 2xx
		in.accepted = nil
	}
}

// cancel ends the INVITE it names, if that is still pending (RFC 3261 §9.2).
func (c *Core) cancel(p *packet) {
	invite, ok := c.servers.Server(txn.CancelKey(p.msg))
	if ok && invite.leg != nil && !c.plausible(&invite.leg.runtime, p.flow) {
		c.stack.metrics.strays.WithLabelValues("source").Inc()
		return
	}
	tx := c.newServer(p)
	if !ok || invite.leg == nil {
		c.answer(tx, sipmsg.NewResponse(p.msg, 481, "", c.ownTag()))
		return
	}
	c.owner = invite.leg.Owner()
	invite.leg.request(c, p.msg)
}

func (c *Core) inDialog(p *packet) {
	leg := c.legs[p.msg.To.Tag()]
	if leg == nil || !leg.owns(p.msg) {
		c.stack.metrics.strays.WithLabelValues("dialog").Inc()
		c.answer(c.newServer(p), sipmsg.NewResponse(p.msg, 481, "", ""))
		return
	}
	if !c.plausible(leg.base(), p.flow) {
		c.stack.metrics.strays.WithLabelValues("source").Inc()
		return
	}
	c.owner = leg.Owner()
	c.newServer(p)
	leg.request(c, p.msg)
}

// plausible is the design's in_dialog_source rule.
func (c *Core) plausible(r *runtime, from transport.Flow) bool {
	if r.accept == "any" || from == r.flow {
		return true
	}
	if r.accept == "flow" {
		return false
	}
	ip := from.Peer.Addr()
	return ip == r.flow.Peer.Addr() || (r.hopAddr.IsValid() && ip == r.hopAddr.Addr()) || c.stack.cfg.Allowed(r.trunk, ip)
}

// initial takes a request outside any dialog.
func (c *Core) initial(p *packet) {
	m := p.msg
	if c.merged(m) || c.loops(m) {
		c.stack.metrics.refused.WithLabelValues("loop").Inc()
		c.answer(c.newServer(p), sipmsg.NewResponse(m, 482, "", c.ownTag())) // RFC 3261 §8.2.2.2
		return
	}
	if r := refuseInitial(m, c.stack.draining.Load()); r != nil {
		c.answer(c.newServer(p), retag(r, c.ownTag()))
		return
	}
	if m.Method != "INVITE" {
		c.answer(c.newServer(p), retag(options(m, c.stack.cfg.Product), c.ownTag()))
		return
	}
	c.invite(p)
}

// merged reports whether a request is a copy, by another way, of one that is
// being served (RFC 3261 §8.2.2.2). One that was refused may come again: a
// proxy that hunts serially does so.
func (c *Core) merged(m *sipmsg.Message) bool {
	tx, ok := c.servers.Merged(txn.MergeKeyOf(m))
	return ok && (tx.State == txn.Trying || tx.State == txn.Proceeding || tx.State == txn.Accepted)
}

// loops reports whether an INVITE is our own, back unchanged (RFC 3261
// §16.3 item 4, for a UA: same From tag, Call-ID and Request-URI).
func (c *Core) loops(m *sipmsg.Message) bool {
	out, ok := c.legs[m.From.Tag()].(*Outbound)
	return ok && out.Dialog.CallID == m.CallID && out.Dialog.RemoteTarget == m.RequestURI
}

func (c *Core) invite(p *packet) {
	m := p.msg
	tx := c.newServer(p)
	listener := c.stack.listeners[p.flow.Listener]
	local := Local{Transport: listener.Transport, Host: listener.Advertise, Product: c.stack.cfg.Product}
	leg := &Inbound{InboundState: newInbound(m, c.NewSeed(), local), tx: tx}
	leg.runtime = runtime{core: c, flow: p.flow, trunk: p.trunk.Name, accept: p.trunk.InDialogSource}
	tx.leg = leg
	c.register(leg, leg.tag())
	c.stack.metrics.legs.WithLabelValues("inbound").Inc()
	c.answer(tx, sipmsg.NewResponse(m, 100, "", ""))
	inv := &Invite{
		Source: p.flow.Peer, Listener: listener, Trunk: p.trunk.Name,
		RequestURI: m.RequestURI, URI: m.URI, From: m.From, To: m.To, CallID: m.CallID,
		MaxForwards: m.MaxForwards, Headers: m.Headers, ContentType: m.ContentType, Body: m.Body,
	}
	c.stack.cfg.Handler.Invite(c, leg, inv)
}

// register makes a leg reachable by one more of its tags.
func (c *Core) register(l leg, tag string) {
	c.legs[tag] = l
	r := l.base()
	r.tags = append(r.tags, tag)
}

// ownTag returns a To tag for a response that opens no dialog.
func (c *Core) ownTag() string {
	seed := c.NewSeed()
	return seed.Next()
}

// newServer opens the transaction of a new request; it becomes the request in
// hand.
func (c *Core) newServer(p *packet) *serverTx {
	flow := p.flow
	flow.Peer = sipmsg.ResponseDestination(p.msg.Vias[0], p.flow.Peer)
	tx := &serverTx{req: p.msg, flow: flow}
	var res txn.Result
	tx.Server, res = txn.NewServer(txn.KindOf(p.msg.Method), p.msg.Method, flow.Conn != 0, c.now, c.stack.cfg.Timers)
	tx.key, _ = c.servers.AddServer(txn.RequestKey(p.msg), txn.MergeKeyOf(p.msg), tx)
	c.hand = tx
	c.applyServer(tx, res)
	return tx
}

// answer sends a response on a server transaction and returns its bytes.
func (c *Core) answer(tx *serverTx, m *sipmsg.Message) []byte {
	raw, err := m.Bytes()
	if err != nil {
		c.stack.log.Error("a response cannot be written", "status", m.Status, "err", err)
		if m.Status < 200 {
			return nil
		}
		m = sipmsg.NewResponse(tx.req, 500, "", m.To.Tag())
		if raw, err = m.Bytes(); err != nil {
			return nil
		}
	}
	c.stack.metrics.responses.WithLabelValues("sent", m.Method, class(m.Status)).Inc()
	c.applyServer(tx, tx.Respond(m.Status, raw, c.now))
	if m.Status >= 200 {
		tx.req = nil
	}
	return raw
}

func (c *Core) applyServer(tx *serverTx, res txn.Result) {
	if res.Do.Has(txn.SendStored) {
		c.send(tx.flow, tx.Response)
	}
	if res.Do.Has(txn.Done) {
		c.servers.RemoveServer(tx.key)
	}
	c.set(&tx.alarm, res.Wake, (*serverTimer)(tx))
}

// An alarm is the one timer of a transaction or leg.
type alarm struct {
	timer *Timer
	at    time.Time
}

// set moves an alarm to at; zero stops it.
func (c *Core) set(a *alarm, at time.Time, in input) {
	if at.Equal(a.at) {
		return
	}
	if a.timer != nil {
		a.timer.Stop()
	}
	*a = alarm{at: at}
	if !at.IsZero() {
		a.timer = c.shard.Wheel.Schedule(at, in)
	}
}

type serverTimer serverTx

func (t *serverTimer) enter(c *Core) {
	tx := (*serverTx)(t)
	tx.alarm = alarm{}
	if tx.leg != nil {
		c.owner = tx.leg.owner
	}
	c.applyServer(tx, tx.Fire(c.now))
}
