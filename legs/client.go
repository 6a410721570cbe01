package legs

import (
	"net/netip"

	"b2bua/legs/sipmsg"
	"b2bua/legs/transport"
	"b2bua/legs/txn"
)

// A clientTx is a client transaction and whom its outcome concerns.
type clientTx struct {
	txn.Client
	flow  transport.Flow
	leg   leg
	msg   *sipmsg.Message // an INVITE, for the ACK of 300-699; nil once final
	quiet bool
	alarm alarm
}

// response takes a response to its transaction. What matches none is stray.
func (c *Core) response(m *sipmsg.Message) {
	tx, ok := c.clients.Client(txn.ResponseKey(m))
	if !ok {
		c.stack.metrics.strays.WithLabelValues("response").Inc()
		return
	}
	c.stack.metrics.responses.WithLabelValues("received", m.Method, class(m.Status)).Inc()
	c.owner = tx.leg.Owner()
	if tx.Kind == txn.Invite && m.Status >= 300 && tx.msg != nil {
		tx.SetAck(ackOf(tx.msg, m))
	}
	if m.Status >= 200 {
		tx.msg = nil
	}
	res := tx.Receive(m.Status, c.now)
	c.applyClient(tx, res)
	if res.Do.Has(txn.Deliver) {
		c.outcome(tx, m)
	}
}

// outcome tells the leg what its request led to.
func (c *Core) outcome(tx *clientTx, m *sipmsg.Message) {
	switch l := tx.leg.(type) {
	case *Outbound:
		if tx.Method == "INVITE" {
			l.step(c, func(out *script) { l.response(out, m) })
		} else if tx.Method == "BYE" && m.Status >= 200 && !tx.quiet {
			l.step(c, l.finished)
		}
	case *Inbound:
		if tx.Method == "BYE" && m.Status >= 200 {
			l.step(c, l.finished)
		}
	}
}

// failed tells the leg that its request has no response and never will.
func (c *Core) failed(tx *clientTx, cause Cause) {
	switch l := tx.leg.(type) {
	case *Outbound:
		if tx.Method == "INVITE" {
			ev := Event{Kind: Refused, Cause: cause, Status: 408}
			if cause == ByTransport {
				ev.Status = 503
			}
			l.step(c, func(out *script) { l.refused(out, ev) })
		} else if tx.Method == "BYE" && !tx.quiet {
			l.step(c, l.finished)
		}
	case *Inbound:
		if tx.Method == "BYE" {
			l.step(c, l.finished)
		}
	}
}

// ackOf builds the ACK of a final response 300-699 (RFC 3261 §17.1.1.3).
func ackOf(invite, final *sipmsg.Message) []byte {
	m := &sipmsg.Message{
		Method: "ACK", RequestURI: invite.RequestURI, Vias: invite.Vias[:1],
		From: invite.From, To: final.To, CallID: invite.CallID, CSeq: invite.CSeq,
		MaxForwards: 70, Routes: invite.Routes,
	}
	raw, err := m.Bytes()
	if err != nil {
		return nil // the peer's To cannot hold CR or LF: the parser saw to it
	}
	return raw
}

// start sends a request in a client transaction, once its next hop is known.
func (c *Core) start(l leg, a action) {
	raw, err := a.msg.Bytes()
	if err != nil {
		c.stack.log.Error("a request cannot be written", "method", a.msg.Method, "err", err)
		c.failed(&clientTx{Client: txn.Client{Method: a.msg.Method}, leg: l, quiet: a.quiet}, ByTransport)
		return
	}
	c.toward(l, a.hop, func(c *Core, dest netip.AddrPort, err error) {
		if err != nil {
			c.failed(&clientTx{Client: txn.Client{Method: a.msg.Method}, leg: l, quiet: a.quiet}, ByTransport)
			return
		}
		c.open(l, a, raw, dest)
	})
}

func (c *Core) open(l leg, a action, raw []byte, dest netip.AddrPort) {
	tx := &clientTx{leg: l, quiet: a.quiet, flow: l.base().flow}
	tx.flow.Peer = dest
	if out, ok := l.(*Outbound); ok && a.msg.Method == "INVITE" {
		tx.msg, out.tx = a.msg, tx
	}
	var res txn.Result
	tx.Client, res = txn.NewClient(txn.KindOf(a.msg.Method), a.msg.Method, a.branch, raw, tx.flow.Conn != 0, c.now, c.stack.cfg.Timers)
	c.clients.AddClient(tx.Key(), tx)
	c.stack.metrics.requests.WithLabelValues("sent", a.msg.Method).Inc()
	c.applyClient(tx, res)
}

// toward finds the address of a next hop, and remembers it for the leg.
func (c *Core) toward(l leg, hop string, done func(*Core, netip.AddrPort, error)) {
	r := l.base()
	if hop == r.hopURI && r.hopAddr.IsValid() {
		done(c, r.hopAddr, nil)
		return
	}
	uri, err := sipmsg.ParseURI(hop)
	if err != nil {
		done(c, netip.AddrPort{}, err)
		return
	}
	c.Resolve(uri, func(c *Core, addrs []netip.AddrPort, err error) {
		if err != nil || len(addrs) == 0 {
			// A Contact nobody can resolve: the peer is where it called from.
			done(c, r.flow.Peer, nil)
			return
		}
		r.hopURI, r.hopAddr = hop, addrs[0]
		done(c, addrs[0], nil)
	})
}

func (c *Core) applyClient(tx *clientTx, res txn.Result) {
	if res.Do.Has(txn.SendStored) {
		c.send(tx.flow, tx.Request)
	}
	if res.Do.Has(txn.SendAck) && tx.Ack != nil {
		c.send(tx.flow, tx.Ack)
	}
	if res.Do.Has(txn.Done) {
		c.clients.RemoveClient(tx.Key())
		if l, ok := tx.leg.(*Outbound); ok && l.tx == tx {
			l.tx = nil // an established call keeps nothing of its INVITE
		}
	}
	c.set(&tx.alarm, res.Wake, (*clientTimer)(tx))
	switch {
	case res.Do.Has(txn.Cancel):
		if l, ok := tx.leg.(*Outbound); ok {
			l.step(c, l.expired)
		}
	case res.Do.Has(txn.Timeout):
		c.failed(tx, ByTimeout)
	case res.Do.Has(txn.TransportFailed):
		c.failed(tx, ByTransport)
	}
}

type clientTimer clientTx

func (t *clientTimer) enter(c *Core) {
	tx := (*clientTx)(t)
	tx.alarm = alarm{}
	c.owner = tx.leg.Owner()
	c.applyClient(tx, tx.Fire(c.now))
}

// unsent is a send that the kernel refused, on its way to its transaction.
type unsent struct{ branch, method string }

func (u unsent) enter(c *Core) {
	if tx, ok := c.clients.Client(txn.ClientKey{Branch: u.branch, Method: u.method}); ok {
		c.owner = tx.leg.Owner()
		c.applyClient(tx, tx.Fail(c.now))
	}
}
