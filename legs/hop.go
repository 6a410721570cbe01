package legs

import (
	"net/netip"

	"b2bua/legs/sipmsg"
	"b2bua/legs/txn"
)

// A sending waits for the address of its next hop.
type sending struct {
	hop  string
	send func(netip.AddrPort)
}

// start sends a request of a leg in a client transaction, once its next hop is
// known.
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
	c.toward(l, a.hop, func(dest netip.AddrPort) {
		tx := &clientTx{leg: l, quiet: quiet, flow: l.remote().Flow}
		tx.flow.Peer = dest
		c.open(tx, a, raw)
	})
}

func (c *Core) open(tx *clientTx, a action, raw []byte) {
	method := a.msg.Method
	tx.cseq = a.msg.CSeq
	var res txn.Result
	tx.Client, res = txn.NewClient(txn.KindOf(method), method, a.branch, raw, tx.flow.Conn != 0, c.now, c.stack.cfg.Timers)
	c.clients.AddClient(tx.Key(), tx)
	c.stack.metrics.requests.WithLabelValues("sent", method).Inc()
	c.applyClient(tx, res)
}

// toward calls send with the address of a next hop. What a leg sends keeps its
// order, whatever has to be looked up for it.
func (c *Core) toward(l leg, hop string, send func(netip.AddrPort)) {
	r := l.base()
	if !r.hopBusy && hop == r.hopURI {
		send(r.hopAddr)
		return
	}
	r.waiting = append(r.waiting, sending{hop, send})
	if !r.hopBusy {
		c.sendWaiting(l)
	}
}

// sendWaiting sends what waits, up to the first hop that has to be looked up.
func (c *Core) sendWaiting(l leg) {
	r := l.base()
	r.hopBusy = true
	for len(r.waiting) > 0 {
		next := r.waiting[0]
		if next.hop != r.hopURI && !c.lookUp(l, next.hop) {
			return // it goes on from there
		}
		r.waiting = r.waiting[1:]
		next.send(r.hopAddr)
	}
	r.hopBusy, r.waiting = false, nil
	if r.hopLost { // the next request may have more luck
		r.hopURI, r.hopLost = "", false
	}
}

// lookUp finds the address of a hop, and remembers it for the leg. A hop that
// cannot be found is where the INVITE came from or went to. It reports whether
// the answer is there already.
func (c *Core) lookUp(l leg, hop string) (done bool) {
	inside := true
	found := func(c *Core, addrs []netip.AddrPort, err error) {
		r, peer := l.base(), l.remote().Flow.Peer
		r.hopURI, r.hopAddr, r.hopLost = hop, peer, err != nil
		for _, addr := range addrs {
			if addr.Addr().Is4() == peer.Addr().Is4() { // what the listener can reach
				r.hopAddr = addr
				break
			}
		}
		if done = true; !inside {
			c.leg = l
			c.sendWaiting(l)
		}
	}
	if uri, err := sipmsg.ParseURI(hop); err != nil {
		found(c, nil, err)
	} else {
		c.Resolve(uri, found)
	}
	inside = false
	return done
}
