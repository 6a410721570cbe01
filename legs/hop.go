package legs

import (
	"net/netip"

	"b2bua/legs/sipmsg"
	"b2bua/legs/transport"
	"b2bua/legs/txn"
)

// A sending waits for its way: the address of its next hop, and over a stream the
// connection to it.
type sending struct {
	hop  string
	size int // of the request, in bytes
	send func(way, error)
}

// A way is how a request reaches its next hop.
type way struct {
	flow transport.Flow
	// big: it would go by plain, over UDP, but for its size (RFC 3261 §18.1.1).
	big   bool
	plain transport.Flow
}

// start sends a request of a leg in a client transaction, once its way is known.
func (c *Core) start(l leg, a action) {
	quiet := a.kind != actRequest
	raw, err := a.msg.Bytes()
	if err != nil {
		c.stack.log.Error("a request cannot be written", "method", a.msg.Method, "err", err)
		if a.msg.Method != "INVITE" { // its Reason is not worth a call that never ends
			a.msg.Headers = nil
			raw, err = a.msg.Bytes()
		}
	}
	if err != nil {
		c.failed(&clientTx{leg: l, quiet: quiet, cseq: a.msg.CSeq}, a.msg.Method, ByTransport)
		return
	}
	c.toward(l, &sending{a.hop, len(raw), func(w way, err error) {
		tx := &clientTx{leg: l, quiet: quiet, way: w, cseq: a.msg.CSeq}
		if err != nil {
			c.failed(tx, a.msg.Method, ByTransport)
			return
		}
		c.open(tx, a, raw)
	}})
}

func (c *Core) open(tx *clientTx, a action, raw []byte) {
	tx.cseq = a.msg.CSeq
	c.stack.metrics.request(sent, a.msg.Method)
	c.begin(tx, a.msg.Method, a.branch, raw)
}

// begin starts the transaction of a request that is on its way.
func (c *Core) begin(tx *clientTx, method, branch string, raw []byte) {
	raw = leaving(raw, &c.stack.listeners[tx.flow.Listener])
	var res txn.Result
	tx.Client, res = txn.NewClient(txn.KindOf(method), method, branch, raw, tx.flow.Conn != 0, c.now, c.stack.cfg.Timers)
	c.clients.AddClient(tx.Key(), tx)
	if tx.flow.Conn != 0 && method != "CANCEL" { // nobody waits for what becomes of that
		c.stack.dependents.add(tx.flow.Conn, c.shard.ID)
	}
	c.applyClient(tx, res)
}

// toward sends when the way is known. What a leg sends keeps its order, whatever
// has to be looked up or connected for it.
func (c *Core) toward(l leg, s *sending) {
	r := l.base()
	if !r.hopBusy && s.hop == r.hopURI {
		if flow := r.flow(l); !c.stream(flow) && !c.big(l, flow, s.size) {
			s.send(way{flow: flow}, nil)
			return
		}
	}
	r.waiting = append(r.waiting, s)
	if !r.hopBusy {
		c.sendWaiting(l)
	}
}

// sendWaiting sends what waits, up to the first that has to wait longer.
func (c *Core) sendWaiting(l leg) {
	r := l.base()
	r.hopBusy = true
	for len(r.waiting) > 0 {
		next := r.waiting[0]
		if next.hop != r.hopURI && !c.lookUp(l, next.hop) || !c.dispatch(l, next) {
			return // it goes on from there
		}
	}
	r.hopBusy, r.waiting = false, nil
	if r.hopLost { // the next request may have more luck
		r.hopURI, r.hopLost = "", false
	}
}

// lookUp finds the address of a hop, and remembers it for the leg. It reports
// whether the answer is there already.
func (c *Core) lookUp(l leg, hop string) (done bool) {
	inside := true
	proto := ""
	found := func(c *Core, addrs []netip.AddrPort, err error) {
		r := l.base()
		r.hopURI, r.hopLost = hop, err != nil
		c.choose(l, proto, addrs)
		if done = true; !inside {
			c.leg = l
			c.sendWaiting(l)
		}
	}
	if uri, err := sipmsg.ParseURI(hop); err != nil {
		found(c, nil, err)
	} else {
		proto = transportOf(uri)
		c.Resolve(uri, found)
	}
	inside = false
	return done
}

// dispatch finds the connection for what waits first, and sends it. It reports
// false when that has to be made.
func (c *Core) dispatch(l leg, next *sending) (done bool) {
	inside := true
	c.connect(l, next.size, func(c *Core, w way, err error) {
		r := l.base()
		if len(r.waiting) == 0 || r.waiting[0] != next {
			return // the call has crashed meanwhile
		}
		r.waiting = r.waiting[1:]
		if !inside {
			c.leg = l
		}
		next.send(w, err)
		if done = true; !inside {
			c.sendWaiting(l)
		}
	})
	inside = false
	return done
}
