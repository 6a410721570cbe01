package bridge

import (
	"net/netip"
	"time"

	"b2bua/cdr"
	"b2bua/legs"
	"b2bua/legs/sipmsg"
	"b2bua/legs/transport"
	"b2bua/policy"
)

// An attempt is one outbound INVITE.
type attempt struct {
	call     *call
	no       int
	target   *policy.Target // nil once the caller is answered
	leg      *legs.Outbound // nil until it is dialled
	media    side
	alarm    legs.Alarm // the ring timeout; once it is answered, the journal's
	answered time.Time  // monotonic; zero when it was not
	held     bool       // it takes a place on its trunk
	silenced bool       // no Reason header may reach it
}

// dial makes attempt no: it finds the gateway, opens its media ports and sends
// the INVITE. What cannot be dialled is a failed attempt like any other.
func (k *call) dial(c *legs.Core, no int) {
	t := &k.m.Targets[no-1]
	a := &k.first
	if no > 1 {
		a = new(attempt)
	}
	*a = attempt{call: k, no: no, target: t, silenced: removes(t.HeaderPolicy, "Reason")}
	k.attempt = a
	k.rec.dialled(cdr.Attempt{
		AttemptNo: no, Reason: cdr.AttemptRoute, Trunk: t.Trunk, Gateway: t.Gateway,
		StartedAt: stamp(c), Sent: cdr.Sent{Caller: t.Caller, Called: t.Called},
	})
	k.b.metrics.attempts.Inc()
	if a.held = k.b.take(t.Trunk, t.Limits, c.Now()); !a.held {
		k.apply(c, event{in: Failed, attempt: no, status: 503, why: ByLimit})
		return
	}
	uri, err := sipmsg.ParseURI(t.Gateway)
	if err != nil { // compiled policy has none
		k.apply(c, event{in: Failed, attempt: no, status: 500, why: ByTransport})
		return
	}
	c.Set(&a.alarm, c.Now().Add(t.RingTimeout.Std()), a)
	if addr, ok := legs.Literal(uri); ok {
		k.found(c, a, uri, []netip.AddrPort{addr}, nil)
		return
	}
	b, ref := k.b, k.ref // the call may be written out and read in meanwhile
	c.Resolve(uri, func(c *legs.Core, addrs []netip.AddrPort, err error) {
		if k := b.call(c, ref); k != nil && k.attempt != nil && k.attempt.no == no && k.attempt.leg == nil && k.waitsFor(k.attempt) {
			k.found(c, k.attempt, uri, addrs, err)
		}
	})
}

// found goes on with an attempt whose gateway has been looked up.
func (k *call) found(c *legs.Core, a *attempt, uri sipmsg.URI, addrs []netip.AddrPort, err error) {
	if ev, ok := k.invite(c, a, uri, addrs, err); !ok {
		k.apply(c, ev)
	}
}

// invite sends the INVITE of an attempt to the first address of its gateway
// that we can reach.
func (k *call) invite(c *legs.Core, a *attempt, uri sipmsg.URI, addrs []netip.AddrPort, err error) (event, bool) {
	unreachable := event{in: Failed, attempt: a.no, status: 503, why: ByTransport}
	if err != nil || len(addrs) == 0 {
		k.b.log.Info("gateway not found", "call_id", k.rec.CallID, "trunk", a.target.Trunk, "gateway", a.target.Gateway, "err", err)
		return unreachable, false
	}
	dest, listener, ok := pick(c, a.target.Network, uri, addrs)
	if !ok {
		k.b.log.Warn("no listener reaches the gateway", "call_id", k.rec.CallID, "network", a.target.Network, "gateway", a.target.Gateway)
		return unreachable, false
	}
	ours := c.Listener(listener)
	body, why, ok := k.media.offerTo(k, a, address(&ours), dest.Addr())
	if !ok {
		return event{in: Failed, attempt: a.no, status: why.status(), why: why}, false
	}
	call := k.request(a.target, uri, ours.Advertise)
	call.Body = legs.Body{Type: "application/sdp", Data: body}
	rec, _ := a.rec()
	sent := &rec.Sent
	sent.RequestURI, sent.Destination = call.RequestURI, spell(dest, call.RequestURI)
	a.leg = c.Dial(a, legs.Peer{
		Trunk: a.target.Trunk, InDialogSource: a.target.InDialogSource, Listener: listener, Address: dest,
		MTU: a.target.MTU,
	}, call)
	sent.SIPCallID = a.leg.Dialog.CallID
	return event{}, true
}

// pick chooses the first address that a listener of the network reaches by the
// transport that the gateway's URI names.
func pick(c *legs.Core, network string, gateway sipmsg.URI, addrs []netip.AddrPort) (dest netip.AddrPort, listener int, ok bool) {
	proto, _ := gateway.Params.Get("transport")
	for _, dest := range addrs {
		if listener, ok := c.Select(network, proto, dest); ok {
			return dest, listener, true
		}
	}
	return netip.AddrPort{}, 0, false
}

// request is the INVITE of a target: nothing of the caller's but the digits and
// what the header policy lets pass.
func (k *call) request(t *policy.Target, gateway sipmsg.URI, ours string) *legs.Call {
	uri := gateway
	uri.User, uri.Headers = sipmsg.EscapeUser(t.Called), ""
	bare := sipmsg.Address{URI: uri}
	bare.URI.Params = nil
	to := bare.String()
	requestURI := to[1 : len(to)-1]
	if uri.Params != nil {
		requestURI = uri.String()
	}
	hops := 69
	if inv := k.setup.inv; inv.MaxForwards >= 0 {
		hops = inv.MaxForwards - 1 // RFC 7332: a B2BUA counts too
	}
	from, headers := k.forward(t, ours)
	return &legs.Call{
		RequestURI: requestURI, From: from, To: to,
		MaxForwards: hops, Headers: headers,
	}
}

// spell writes an address; what ends with it already, it shares memory with.
func spell(addr netip.AddrPort, text string) string {
	var room [64]byte
	b := addr.AppendTo(room[:0])
	if at := len(text) - len(b); at >= 0 && text[at:] == string(b) {
		return text[at:]
	}
	return string(b)
}

// status is what the caller gets for an attempt that failed on our side.
func (w Why) status() int {
	if w == ByPorts {
		return 503
	}
	return 488
}

// over closes the attempt's part of the record and gives back what it holds.
func (a *attempt) over(c *legs.Core, end cdr.EndReason) {
	a.close(c, end)
	a.giveBack()
}

// close closes the attempt's part of the record. The first time counts.
func (a *attempt) close(c *legs.Core, end cdr.EndReason) {
	a.alarm.Stop()
	if r, room := a.rec(); r.EndedAt == nil {
		room.ended, room.end = stamp(c), end
		r.EndedAt, r.EndReason = &room.ended, &room.end
		if !a.answered.IsZero() {
			r.BillableMS = c.Now().Sub(a.answered).Milliseconds()
		}
	}
}

func (a *attempt) giveBack() {
	a.media.close()
	if a.held {
		a.held = false
		rec, _ := a.rec()
		a.call.b.release(rec.Trunk)
	}
}

// settle lets go of what only the way to the answer needed.
func (a *attempt) settle() {
	a.target, a.media.offer, a.media.answer = nil, nil, nil
}

// rec is the attempt's part of the record.
func (a *attempt) rec() (*cdr.Attempt, *attemptRoom) { return a.call.rec.attempt(a.no) }

// Owner lets the panic fence know whose timer it is.
func (a *attempt) Owner() any { return a.call }

// Wake is the ring timeout of the attempt.
func (a *attempt) Wake(c *legs.Core) {
	a.call.apply(c, event{in: RingTimeout, attempt: a.no})
}

// address is what a listener calls itself, when that is an IP address.
func address(l *transport.Listener) netip.Addr {
	if ap, err := netip.ParseAddrPort(l.Advertise); err == nil {
		return ap.Addr()
	}
	return l.Addr.Addr()
}
