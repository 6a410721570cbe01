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
	kind           actionKind // actRequest, actDismiss or actSend
	cseq           uint32
	hop            string // URI
	method, branch string
	raw            []byte
}

// A way is how a request reaches its next hop.
type way struct {
	flow transport.Flow
	// big: it would go by plain, over UDP, but for its size (RFC 3261 §18.1.1).
	big   bool
	plain transport.Flow
}

// start sends a request of a leg in a client transaction, once its way is known.
func (c *Core) start(l leg, a *action) {
	s := sending{kind: a.kind, cseq: a.msg.CSeq, hop: a.hop, method: a.msg.Method, branch: a.branch}
	raw, err := c.pen.write(&a.msg.Message)
	if err != nil {
		c.stack.log.Error("a request cannot be written", "method", a.msg.Method, "err", err)
		if a.msg.Method != "INVITE" { // its Reason is not worth a call that never ends
			a.msg.Headers = nil
			raw, err = a.msg.Bytes()
		}
	}
	if err != nil {
		c.failed(&clientTx{leg: l, quiet: s.kind != actRequest, cseq: s.cseq}, s.method, ByTransport)
		return
	}
	s.raw = raw
	c.toward(l, s)
}

// depart sends what has found its way, or hears that there is none.
func (c *Core) depart(l leg, s *sending, w way, err error) {
	if s.kind == actSend {
		if err == nil { // else the 2xx comes again, and with it another chance
			c.send(w.flow, leaving(s.raw, &c.stack.listeners[w.flow.Listener]))
		}
		return
	}
	quiet := s.kind != actRequest
	if err != nil {
		c.failed(&clientTx{leg: l, quiet: quiet, cseq: s.cseq}, s.method, ByTransport)
		return
	}
	tx := c.stack.memory.client()
	tx.leg, tx.quiet, tx.way, tx.cseq = l, quiet, w, s.cseq
	c.open(tx, s.method, s.branch, s.raw)
}

func (c *Core) open(tx *clientTx, method, branch string, raw []byte) {
	c.stack.metrics.request(sent, method)
	c.begin(tx, method, branch, raw)
}

// begin starts the transaction of a request that is on its way.
func (c *Core) begin(tx *clientTx, method, branch string, raw []byte) {
	raw = leaving(raw, &c.stack.listeners[tx.flow.Listener])
	var res txn.Result
	tx.Client, res = txn.NewClient(txn.KindOf(method), method, branch, raw, tx.flow.Conn != 0, c.now, &c.stack.cfg.Timers)
	c.clients.add(tx)
	if tx.flow.Conn != 0 && method != "CANCEL" { // nobody waits for what becomes of that
		c.stack.dependents.add(tx.flow.Conn, c.shard.ID)
	}
	c.applyClient(tx, nil, res)
}

// toward sends when the way is known. What a leg sends keeps its order, whatever
// has to be looked up or connected for it.
func (c *Core) toward(l leg, s sending) {
	r := l.base()
	if !r.hopBusy && (s.hop == r.hopURI || c.literal(l, s.hop)) {
		if flow := r.flow(l); !c.stream(flow) && !c.big(l, flow, len(s.raw)) {
			c.depart(l, &s, way{flow: flow}, nil)
			return
		}
	}
	later := s
	r.waiting = append(r.waiting, &later)
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

// literal takes a hop that is an IP address for the leg's next one: most are.
func (c *Core) literal(l leg, hop string) bool {
	uri, err := sipmsg.ParseURI(hop)
	if err != nil {
		return false
	}
	addr, ok := literal(uri)
	if !ok {
		return false
	}
	r := l.base()
	r.hopURI, r.hopLost = hop, false
	c.choose(l, transportOf(uri), []netip.AddrPort{addr})
	return true
}

// Literal is the address of a URI whose host is an IP address, which need not be
// looked up.
func Literal(uri sipmsg.URI) (netip.AddrPort, bool) { return literal(uri) }

// literal is the address of a URI that has one for its host.
func literal(uri sipmsg.URI) (netip.AddrPort, bool) {
	addr, err := netip.ParseAddr(uri.Host)
	if err != nil {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(addr.Unmap(), portOf(uri)), true
}

func portOf(uri sipmsg.URI) uint16 {
	if uri.Port == 0 {
		return 5060
	}
	return uint16(uri.Port) //nolint:gosec // the parser has bounded it
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
	c.connect(l, len(next.raw), func(c *Core, w way, err error) {
		r := l.base()
		if len(r.waiting) == 0 || r.waiting[0] != next {
			return // the call has crashed meanwhile
		}
		r.waiting = r.waiting[1:]
		if !inside {
			c.leg = l
		}
		c.depart(l, next, w, err)
		if done = true; !inside {
			c.sendWaiting(l)
		}
	})
	inside = false
	return done
}
