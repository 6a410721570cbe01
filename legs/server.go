package legs

import (
	"b2bua/legs/sipmsg"
	"b2bua/legs/transport"
	"b2bua/legs/txn"
	"b2bua/policy"
)

// allow lists what this user agent understands (RFC 3261 §20.5).
const allow = "INVITE, ACK, CANCEL, BYE, OPTIONS"

// A serverTx is a server transaction and what the core needs around it. Only a
// request of a leg has one: what is refused without a leg is refused statelessly
// (RFC 3261 §8.2.7), so that strangers and scanners cost no memory.
type serverTx struct {
	txn.Server
	key   txn.ServerKey
	merge txn.MergeKey    // that it is filed under besides; zero when it is not
	place place           // in servers
	req   *sipmsg.Message // until the final response
	flow  transport.Flow  // with the peer that responses go to (RFC 3261 §18.2.2)
	leg   leg             // of an INVITE, until its ACK to a 2xx or its own end
	past  *past           // of an INVITE from then on
	alarm Timer

	lingers bool // it is a copy of a remnant
}

// A past is what the transaction of an INVITE still has to know of its leg:
// whose CANCEL and ACK to believe, and the tag to answer with. A CANCEL that comes
// so late has no effect on the leg (RFC 3261 §9.2).
type past struct {
	remote Remote
	tag    string
}

// A packet is a request or response on its way to its shard.
type packet struct {
	flow  transport.Flow
	room  *sipmsg.Room
	msg   *sipmsg.Message // in the room
	trunk *policy.Trunk   // who is calling; nil inside a dialog
	key   txn.ServerKey   // of a request, once it is on its shard
	merge txn.MergeKey    // of one outside any dialog
	tx    *serverTx       // that it has opened
	kept  bool            // somebody may use the message when the step is over
}

func (p *packet) enter(c *Core) {
	if p.msg.IsRequest() {
		c.request(p)
	} else {
		c.response(p)
	}
}

// request is the way of every request: its transaction, then its dialog, then
// what is new.
func (c *Core) request(p *packet) {
	m := p.msg
	p.key = txn.RequestKey(m)
	if m.Method == "ACK" {
		c.ack(p)
		return
	}
	if tx := c.servers.find(p.key, c.now); tx != nil {
		c.stack.metrics.retransmissions.WithLabelValues("received").Inc()
		c.applyServer(tx, nil, tx.Receive(m.Method, c.now)) // it keeps what it has
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
	if tx := c.servers.find(p.key, c.now); tx != nil && tx.State != txn.Accepted {
		if r, _ := tx.peer(); r == nil || c.plausible(r, p.flow) {
			c.leg = tx.leg
			c.acknowledged(tx)
		} else {
			c.stray("source")
		}
		return
	}
	l := c.byTag(m.To.Tag())
	switch {
	case l == nil || !l.owns(m):
		c.stray("ack")
	case !c.mayspeak(l, p.flow):
		c.stray("source")
	default:
		c.leg = l
		c.follow(l, p.flow)
		l.request(m, nil)
	}
}

// cancel ends the INVITE it names, if that is still pending (RFC 3261 §9.2).
func (c *Core) cancel(p *packet) {
	invite := c.servers.find(txn.CancelKey(p.msg), c.now)
	if invite == nil {
		c.refuse(p, sipmsg.NewResponse(p.msg, 481, "", statelessTag(p.msg)))
		return
	}
	r, tag := invite.peer()
	if r == nil || !c.plausible(r, p.flow) {
		c.stray("source")
		return
	}
	tx := c.newServer(p)
	if invite.leg == nil { // it is over: no effect
		c.answer(tx, sipmsg.NewResponse(p.msg, 200, "", tag))
		return
	}
	c.leg = invite.leg
	invite.leg.request(p.msg, tx)
}

// peer is who sent the INVITE of a transaction, and the tag it was answered
// with; nil for any other transaction.
func (tx *serverTx) peer() (*Remote, string) {
	switch {
	case tx.leg != nil:
		return tx.leg.remote(), tx.leg.tag()
	case tx.past != nil:
		return &tx.past.remote, tx.past.tag
	}
	return nil, ""
}

func (c *Core) inDialog(p *packet) {
	l := c.byTag(p.msg.To.Tag())
	switch {
	case l == nil || !l.owns(p.msg):
		c.stray("dialog")
		c.refuse(p, sipmsg.NewResponse(p.msg, 481, "", ""))
	case !c.mayspeak(l, p.flow):
		c.stray("source")
	default:
		c.leg = l
		c.follow(l, p.flow)
		l.request(p.msg, c.newServer(p))
	}
}

func (c *Core) stray(kind string) { c.stack.metrics.strays.WithLabelValues(kind).Inc() }

// mayspeak is the design's in_dialog_source rule for a leg: besides those that
// plausible knows, the peer may speak from where we send to it.
func (c *Core) mayspeak(l leg, from transport.Flow) bool {
	r := l.remote()
	hop := l.base().hopAddr
	return c.plausible(r, from) || (r.Accept != policy.SourceFlow && hop.IsValid() && hop.Addr() == from.Peer.Addr())
}

func (c *Core) plausible(r *Remote, from transport.Flow) bool {
	switch {
	case r.Accept == policy.SourceAny, c.sameFlow(from, r.Flow):
		return true
	case r.Accept == policy.SourceFlow:
		return false
	}
	ip := from.Peer.Addr()
	return ip == r.Flow.Peer.Addr() || c.stack.cfg.Allowed(r.Trunk, ip)
}

// initial takes a request outside any dialog.
func (c *Core) initial(p *packet) {
	m := p.msg
	p.merge = txn.MergeKeyOf(m)
	if c.merged(p.merge) || c.loops(m) {
		c.stack.metrics.refused.WithLabelValues("loop").Inc()
		c.refuse(p, sipmsg.NewResponse(m, 482, "", statelessTag(m))) // RFC 3261 §8.2.2.2
		return
	}
	if r := refuseInitial(m, c.stack.draining.Load()); r != nil {
		c.refuse(p, r)
		return
	}
	if m.Method == "OPTIONS" {
		c.refuse(p, options(m, c.stack.cfg.Product, statelessTag(m)))
		return
	}
	c.invite(p)
}

// refuse answers a request without remembering it.
func (c *Core) refuse(p *packet, r *sipmsg.Message) {
	if out, ok := c.stack.stateless(p.flow, r); ok {
		c.out = append(c.out, out)
	}
}

// merged reports whether a request is a copy, by another way, of one that is
// being served (RFC 3261 §8.2.2.2). One that was refused may come again: a
// proxy that hunts serially does so.
func (c *Core) merged(key txn.MergeKey) bool {
	tx := c.servers.merged(key, c.now)
	return tx != nil && (tx.State == txn.Trying || tx.State == txn.Proceeding || tx.State == txn.Accepted)
}

// loops reports whether an INVITE is our own, back unchanged (RFC 3261
// §16.3 item 4, for a UA: same From tag, Call-ID and Request-URI).
func (c *Core) loops(m *sipmsg.Message) bool {
	l, ok := c.byTag(m.From.Tag()).(*Outbound)
	return ok && l.Dialog.CallID == m.CallID && l.Dialog.RemoteTarget == m.RequestURI
}

func (c *Core) invite(p *packet) {
	m := p.msg
	p.kept = true // by the leg and by the bridge
	tx := c.newServer(p)
	listener := c.stack.listeners[p.flow.Listener]
	local := Local{Transport: listener.Transport, Host: listener.Advertise, Product: c.stack.cfg.Product}
	remote := Remote{Flow: p.flow, Trunk: p.trunk.Name, Accept: p.trunk.InDialogSource, MTU: p.trunk.MTUOctets()}
	l := &Inbound{tx: tx, room: p.room}
	l.begin(m, c.NewSeed(), local, remote)
	l.core = c
	tx.leg, c.leg = l, l
	c.enlist(l)
	c.stack.metrics.leg(inbound)
	var trying sipmsg.Message
	trying.SetResponse(m, 100, "", "")
	c.answer(tx, &trying)
	inv := &Invite{
		Source: p.flow.Peer, Listener: listener, Trunk: p.trunk.Name,
		RequestURI: m.RequestURI, URI: m.URI, From: &m.From, To: &m.To, CallID: m.CallID,
		MaxForwards: m.MaxForwards, Headers: m.Headers, ContentType: m.ContentType, Body: m.Body,
	}
	c.stack.cfg.Handler.Invite(c, l, inv)
}

// newServer opens the transaction of a new request; it becomes the request in
// hand.
func (c *Core) newServer(p *packet) *serverTx {
	flow := p.flow
	flow.Peer = responsePeer(flow, &p.msg.Vias[0])
	tx := c.stack.memory.server()
	tx.req, tx.flow, tx.key = p.msg, flow, p.key
	var res txn.Result
	tx.Server, res = txn.NewServer(txn.KindOf(p.msg.Method), p.msg.Method, flow.Conn != 0, c.now, &c.stack.cfg.Timers)
	c.servers.add(p.merge, tx)
	c.hand, p.tx = tx, tx
	c.applyServer(tx, nil, res)
	return tx
}

// answer sends a response on a server transaction. What cannot be written of a
// final one is left out; a provisional one can be done without.
func (c *Core) answer(tx *serverTx, m *sipmsg.Message) {
	raw, err := c.pen.write(m)
	if err != nil {
		c.stack.log.Error("a response cannot be written", "status", m.Status, "err", err)
		if m.Status < 200 {
			return
		}
		if raw, err = sipmsg.NewResponse(tx.req, m.Status, "", m.To.Tag()).Bytes(); err != nil {
			return
		}
	}
	c.answerRaw(tx, m.Status, raw)
}

func (c *Core) answerRaw(tx *serverTx, status int, raw []byte) {
	c.stack.metrics.response(sent, tx.Method, status)
	was := tx.unshared()
	c.applyServer(tx, was, tx.Respond(status, raw, c.now))
	if status >= 200 {
		tx.req = nil
	}
}

// acknowledged lets go of the final response to an INVITE, which nobody else has
// any more. After a 2xx the transaction and its leg have nothing to say to each other.
func (c *Core) acknowledged(tx *serverTx) {
	was := tx.Response
	if tx.State == txn.Accepted && tx.leg != nil {
		if in, ok := tx.leg.(*Inbound); ok && in.tx == tx {
			in.tx = nil
		}
		tx.leave(tx.leg)
	}
	c.applyServer(tx, was, tx.Receive("ACK", c.now))
}

// unshared is the stored response, unless it is a 2xx to an INVITE: its leg may
// have that as well.
func (tx *serverTx) unshared() []byte {
	if tx.State == txn.Accepted {
		return nil
	}
	return tx.Response
}

// applyServer does what a move of a transaction asks for. was is what it had stored
// before, if that is nobody else's.
func (c *Core) applyServer(tx *serverTx, was []byte, res txn.Result) {
	if res.Do.Has(txn.SendStored) {
		c.send(tx.flow, tx.Response)
	}
	if tx.lingers {
		return // it stays as it is
	}
	c.spend(tx.flow, was, tx.Response)
	if res.Do.Has(txn.Done) {
		c.forgetServer(tx)
	}
	if c.lingers(tx) && c.linger(tx) {
		c.spend(tx.flow, tx.Response, nil)
		return
	}
	c.set(&tx.alarm, res.Wake, (*serverTimer)(tx))
	if l := tx.leg; l != nil && l.base().asked == tx && (tx.State == txn.Confirmed || tx.State == txn.Terminated) {
		l.base().asked = nil
		l.refusalOver()
	}
}

type serverTimer serverTx

func (t *serverTimer) enter(c *Core) {
	tx := (*serverTx)(t)
	if tx.leg != nil {
		c.leg = tx.leg
	}
	was := tx.unshared()
	c.applyServer(tx, was, tx.Fire(c.now))
}
