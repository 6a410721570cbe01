package legs

import (
	"net/netip"
	"strings"

	"b2bua/legs/shard"
	"b2bua/legs/sipmsg"
	"b2bua/legs/transport"
	"b2bua/legs/txn"
)

// A clientTx is a client transaction and whom its outcome concerns.
type clientTx struct {
	txn.Client
	way
	hash  uint64 // of the branch
	leg   leg
	cseq  uint32
	quiet bool // nobody waits for the outcome
	alarm Timer

	shrunk bool // its request was too long for the path, and has been sent again
}

// response takes a response to its transaction. What matches none is stray.
func (c *Core) response(p *packet) {
	m := p.msg
	key := txn.ResponseKey(m)
	tx := c.clients.find(key)
	if tx == nil && c.heard.has(key, c.now) {
		c.stack.metrics.response(received, m.Method, m.Status)
		return
	}
	if tx == nil {
		c.stray("response")
		c.late(p)
		return
	}
	c.stack.metrics.response(received, tx.Method, m.Status)
	c.leg = tx.leg
	invite := tx.Kind == txn.Invite
	if invite && m.Status >= 300 && tx.Ack == nil {
		tx.SetAck(leaving(tx.leg.ackOf(m), &c.stack.listeners[tx.flow.Listener]))
	}
	was := tx.Request
	res := tx.Receive(m.Status, c.now)
	c.applyClient(tx, was, res)
	switch {
	case invite && isAnswer(m): // even after a refusal: every 2xx is acknowledged
		tx.leg.heard(m)
	case !res.Do.Has(txn.Deliver):
	case invite:
		tx.leg.heard(m)
	case tx.Method == "BYE" && m.Status >= 200 && !tx.quiet:
		tx.leg.finished()
	}
}

func isAnswer(m *sipmsg.Message) bool {
	return m.Method == "INVITE" && m.Status >= 200 && m.Status < 300
}

// late takes a 2xx whose INVITE we have given up and forgotten, be it in a
// process before this one: that peer believes in a call that nobody is in. It is
// acknowledged and ended, at the address that it came from.
func (c *Core) late(p *packet) {
	m := p.msg
	tag := m.From.Tag()
	if _, id, ok := shard.Owner(tag); !ok || id != c.shard.ID || !isAnswer(m) {
		return
	}
	if l := c.byTag(tag); l != nil {
		c.leg = l
		l.heard(m)
		return
	}
	trunk, ok := c.stack.identify(p.flow)
	if !ok {
		return
	}
	listener := c.stack.listeners[p.flow.Listener]
	l := &Outbound{OutboundState: OutboundState{Hop: "sip:" + p.flow.Peer.String(), usage: usage{
		State: Terminating, Seed: c.NewSeed(), CSeq: m.CSeq, Ours: true,
		Local:  Local{Transport: listener.Transport, Host: listener.Advertise, Product: c.stack.cfg.Product},
		Remote: Remote{Flow: p.flow, Trunk: trunk.Name, Accept: trunk.InDialogSource},
		Dialog: Dialog{CallID: m.CallID, LocalTag: strings.Clone(tag), LocalParty: strings.Clone(m.From.Raw), LocalCSeq: m.CSeq},
	}}}
	l.core, l.mute, c.leg = c, true, l
	c.enlist(l)
	l.Dialog.learn(&m.To, m.Contacts, backwards(m.RecordRoutes), l.Hop)
	l.step(nil, func(out *script) {
		l.ack(out, Body{})
		l.bye(out)
		l.hopURI, l.hopAddr, l.hopListener, l.hopHome = out.acts[0].hop, p.flow.Peer, p.flow.Listener, true
	})
}

// failed tells the leg that its request has no response and never will.
func (c *Core) failed(tx *clientTx, method string, cause Cause) {
	switch {
	case method == "INVITE":
		ev := Event{Kind: Refused, Cause: cause, Status: 408}
		if cause == ByTransport {
			ev.Status = 503
		}
		tx.leg.unheard(tx.cseq, ev)
	case method == "BYE" && !tx.quiet:
		tx.leg.finished()
	}
}

// applyClient does what a move of a transaction asks for. was is its request
// before.
func (c *Core) applyClient(tx *clientTx, was []byte, res txn.Result) {
	if res.Do.Has(txn.SendStored) {
		c.sendRequest(tx)
	}
	if res.Do.Has(txn.SendAck) && tx.Ack != nil {
		c.send(tx.flow, tx.Ack)
	}
	c.spend(tx.flow, was, tx.Request)
	if tx.Kind == txn.NonInvite && tx.State == txn.Completed {
		tx.alarm.Stop()
		if c.forgetClient(tx) {
			c.heard.add(Hearing{Branch: tx.Branch, Method: tx.Method, Until: tx.Clock.ExpireAt}, c.now)
		}
		return
	}
	c.set(&tx.alarm, res.Wake, (*clientTimer)(tx))
	if res.Do.Has(txn.Done) {
		c.forgetClient(tx)
		if tx.Kind == txn.Invite {
			tx.leg.settled(tx.cseq)
		}
	}
	switch {
	case res.Do.Has(txn.Cancel):
		tx.leg.silent(tx.cseq)
	case res.Do.Has(txn.Timeout):
		c.failed(tx, tx.Method, ByTimeout)
	case res.Do.Has(txn.TransportFailed):
		c.failed(tx, tx.Method, ByTransport)
	}
}

// sendRequest sends what a transaction is about. It stays on its connection, and
// hears of its loss; a CANCEL goes where its INVITE may still be.
func (c *Core) sendRequest(tx *clientTx) {
	c.out = append(c.out, transport.Outgoing{Flow: tx.flow, Data: tx.Request, Redial: tx.Method == "CANCEL"})
}

type clientTimer clientTx

func (t *clientTimer) enter(c *Core) {
	tx := (*clientTx)(t)
	c.leg = tx.leg
	was := tx.Request
	c.applyClient(tx, was, tx.Fire(c.now))
}

// unsent is a request that the kernel refused to send, or that the network says
// has not arrived, on its way to its transaction.
type unsent struct {
	branch, method string
	peer           netip.AddrPort // where the error says it went
	tooLong        bool           // for a link on the way
	conn           uint64         // the connection that is gone; 0 over UDP
}

// enter fails the transaction (RFC 3261 §17.1.4) when it is the one that the
// error is about: its request went there, and is still unanswered. ICMP can be
// forged, and it can come late.
func (u unsent) enter(c *Core) {
	key := txn.ClientKey{Branch: u.branch, Method: u.method}
	tx := c.clients.find(key)
	if tx == nil && c.heard.has(key, c.now) {
		return // it has been answered
	}
	if tx == nil || !samePeer(tx.flow.Peer, u.peer) || tx.flow.Conn != u.conn {
		c.stray("error")
		return
	}
	if tx.Request == nil {
		return // it has been answered
	}
	c.leg = tx.leg
	if u.tooLong && !tx.shrunk {
		// The kernel knows the path's MTU now and cuts the next one to fit.
		tx.shrunk = true
		c.sendRequest(tx)
		return
	}
	if tx.big && (tx.State == txn.Calling || tx.State == txn.Trying) {
		c.again(tx)
		return
	}
	was := tx.Request
	c.applyClient(tx, was, tx.Fail(c.now))
}

// samePeer compares without the zone, which has more than one name.
func samePeer(a, b netip.AddrPort) bool {
	return a.Port() == b.Port() && a.Addr().WithZone("") == b.Addr().WithZone("")
}
