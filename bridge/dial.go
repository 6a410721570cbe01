package bridge

import (
	"net/netip"
	"time"

	"b2bua/cdr"
	"b2bua/legs"
	"b2bua/legs/sipmsg"
	"b2bua/policy"
)

// dial makes attempt no: it finds the gateway, opens its media ports and sends
// the INVITE. What cannot be dialled is a failed attempt like any other.
func (k *call) dial(c *legs.Core, no int) []event {
	t := &k.m.Targets[no-1]
	a := &attempt{call: k, no: no, target: t}
	k.attempts = append(k.attempts, a)
	k.rec.Attempts = append(k.rec.Attempts, cdr.Attempt{
		AttemptNo: no, Reason: cdr.AttemptRoute, Trunk: t.Trunk, Gateway: t.Gateway,
		StartedAt: k.b.wall(), Sent: cdr.Sent{Caller: t.Caller, Called: t.Called},
	})
	k.rec.OutboundTrunk = &t.Trunk
	k.b.metrics.attempts.Inc()
	if !k.take(t.Trunk, t.Limits) {
		return []event{{in: Failed, attempt: no, status: 503, why: ByLimit}}
	}
	uri, err := sipmsg.ParseURI(t.Gateway)
	if err != nil { // compiled policy has none
		return []event{{in: Failed, attempt: no, status: 500, why: ByTransport}}
	}
	k.ring = c.Schedule(c.Now().Add(time.Duration(t.RingTimeout)), a)
	// An IP address answers at once, still inside this step: its failures are
	// returned. A name answers later, as an input of its own.
	var failed []event
	inside := true
	c.Resolve(uri, func(c *legs.Core, addrs []netip.AddrPort, err error) {
		if !k.waitsFor(a) {
			return
		}
		ev, ok := k.invite(c, a, uri, addrs, err)
		switch {
		case ok:
		case inside:
			failed = []event{ev}
		default:
			k.apply(c, ev)
		}
	})
	inside = false
	return failed
}

// invite sends the INVITE of an attempt to the first address of its gateway.
func (k *call) invite(c *legs.Core, a *attempt, uri sipmsg.URI, addrs []netip.AddrPort, err error) (event, bool) {
	if err != nil || len(addrs) == 0 {
		k.b.log.Info("gateway not found", "call_id", k.rec.CallID, "trunk", a.target.Trunk, "gateway", a.target.Gateway, "err", err)
		return event{in: Failed, attempt: a.no, status: 503, why: ByTransport}, false
	}
	dest := addrs[0]
	listener, ok := c.Select(a.target.Network, dest)
	if !ok {
		k.b.log.Warn("no listener reaches the gateway", "call_id", k.rec.CallID, "network", a.target.Network, "gateway", a.target.Gateway)
		return event{in: Failed, attempt: a.no, status: 503, why: ByTransport}, false
	}
	a.ours = address(c.Listener(listener))
	body, why, ok := k.media.offerTo(k, a, dest.Addr())
	if !ok {
		return event{in: Failed, attempt: a.no, status: statusOf(why), why: why}, false
	}
	call := k.request(a.target, uri, c.Listener(listener).Advertise)
	call.Body = legs.Body{Type: "application/sdp", Data: body}
	sent := &a.rec().Sent
	sent.RequestURI, sent.Destination = call.RequestURI, dest.String()
	a.leg = c.Dial(a, legs.Peer{
		Trunk: a.target.Trunk, InDialogSource: a.target.InDialogSource, Listener: listener, Address: dest,
	}, call)
	sent.SIPCallID = a.leg.Dialog.CallID
	return event{}, true
}

// request is the INVITE of a target: nothing of the caller's but the digits and
// what the header policy lets pass.
func (k *call) request(t *policy.Target, gateway sipmsg.URI, ours string) *legs.Call {
	uri := gateway
	uri.User, uri.Headers = sipmsg.EscapeUser(t.Called), ""
	to := uri
	to.Params = nil
	hops := 69
	if k.inv.MaxForwards >= 0 {
		hops = k.inv.MaxForwards - 1 // RFC 7332: a B2BUA counts too
	}
	from, headers := k.forward(t, ours)
	return &legs.Call{
		RequestURI: uri.String(), From: from, To: "<" + to.String() + ">",
		MaxForwards: hops, Headers: headers,
	}
}

func statusOf(w Why) int {
	if w == ByPorts {
		return 503
	}
	return 488
}

// rec is the attempt's part of the record.
func (a *attempt) rec() *cdr.Attempt { return &a.call.rec.Attempts[a.no-1] }
