package bridge_test

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"b2bua/cdr"
	"b2bua/legs/sipmsg"
	"b2bua/policy"
)

// The statuses that are hunted on by default.
func TestHunting(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	for _, status := range []int{408, 480, 500, 502, 503, 504} {
		d := r.invite()
		first := d.got
		d.says(status, nil, with("Retry-After", "30"), with("Reason", "Q.850;cause=34"))
		d.hunted(1)
		if d.got.CallID == first.CallID || d.got.From.Tag() == first.From.Tag() || d.got.Vias[0].Branch() == first.Vias[0].Branch() {
			t.Errorf("after %d: the second attempt has ids of the first", status)
		}
		a, b := parse(t, first.Body), parse(t, d.got.Body)
		if a.Media()[0].Port() == b.Media()[0].Port() || a.Origin().ID == b.Origin().ID {
			t.Errorf("after %d: the second attempt has ports or origin of the first:\n%s\n%s", status, first.Body, d.got.Body)
		}
		r.until("the ports of the first attempt are back", func() bool { return r.relay.Gauges().Streams == 2 })
		d.answers(gateSDP(d.gate))
		if v := d.answer.Header("Reason"); v != "" {
			t.Errorf("after %d: the answer carries the first attempt's Reason %q", status, v)
		}
		d.callerBye()
		rec := r.ends(cdr.EndCompleted, cdr.ByCaller, 200)
		if len(rec.Attempts) != 2 {
			t.Fatalf("after %d: %+v", status, rec.Attempts)
		}
		one, two := rec.Attempts[0], rec.Attempts[1]
		if *one.SIPStatus != status || *one.EndReason != cdr.EndRejected || one.AnsweredAt != nil || one.EndedAt == nil || one.BillableMS != 0 ||
			*two.SIPStatus != 200 || *two.EndReason != cdr.EndCompleted || two.AnsweredAt == nil || two.AttemptNo != 2 || two.StartedAt.Before(*one.EndedAt) {
			t.Errorf("after %d: %+v", status, rec.Attempts)
		}
	}
}

// All refuse: the last one's status.
func TestAllRefuse(t *testing.T) {
	t.Parallel()
	r := newRig(t, 3)
	d := r.invite()
	d.says(503, nil, with("Reason", "Q.850;cause=34"))
	d.hunted(1).says(500, nil)
	d.hunted(2).says(480, nil, with("Reason", "Q.850;cause=20"))
	if m := d.hears("480"); m.Header("Reason") != "Q.850;cause=20" || len(m.Headers) == 0 {
		t.Errorf("the caller hears %+v", m)
	}
	rec := r.ends(cdr.EndRejected, cdr.ByCalled, 480)
	if len(rec.Attempts) != 3 || *rec.Q850Cause != 20 {
		t.Errorf("%+v", rec)
	}
}

// A trunk's own list replaces the default.
func TestOwnHuntList(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, func(c *config) { c.carrier().HuntOn = []string{"486"} })
	d := r.invite()
	d.says(486, nil)
	d.hunted(1).says(503, nil)
	d.hears("503")
	r.ends(cdr.EndRejected, cdr.ByCalled, 503)
	d = r.invite()
	d.says(503, nil)
	d.hears("503")
	r.ends(cdr.EndRejected, cdr.ByCalled, 503)
	r.gates[1].Silent()
}

// A gateway that does not respond at all is left when its transaction times out.
func TestHuntOnTimeout(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, func(c *config) { c.legs.Timers.T1 = 10 * time.Millisecond })
	d := r.invite()
	d.hunted(1).answers(gateSDP(d.gate)).callerBye()
	rec := r.ends(cdr.EndCompleted, cdr.ByCaller, 200)
	if a := rec.Attempts[0]; a.SIPStatus != nil || *a.EndReason != cdr.EndUnreachable || a.Sent.Destination == "" {
		t.Errorf("%+v", a)
	}
}

// Nobody is where a gateway should be: the next one is tried at once, not when
// a timer says so.
func TestHuntOnTransportError(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, func(c *config) {
		nobody := policy.NewGateway("sip:240.0.0.1:5060") // no route there from loopback
		nobody.Priority = 0
		c.carrier().Gateways = []policy.Gateway{nobody}
		c.legs.Timers.T1 = time.Hour
	})
	d := r.invite()
	d.says(486, nil)
	d.hears("486")
	rec := r.ends(cdr.EndRejected, cdr.ByCalled, 486)
	if a := rec.Attempts[0]; len(rec.Attempts) != 2 || *a.EndReason != cdr.EndUnreachable || a.SIPStatus != nil {
		t.Errorf("%+v", rec.Attempts)
	}
}

// Names: one that is not found is left for the next gateway, one that is found
// is dialled; of its addresses the first that a listener reaches.
func TestHuntOnUnknownName(t *testing.T) {
	t.Parallel()
	var home netip.Addr
	r := newRig(t, 1, func(c *config) {
		gone := policy.NewGateway("sip:gone.invalid")
		gone.Priority = 0
		c.carrier().Gateways = []policy.Gateway{gone}
	}, resolver(func(_ context.Context, _, host string) ([]netip.Addr, error) {
		if host == "home.invalid" {
			return []netip.Addr{netip.MustParseAddr("2001:db8::1"), home}, nil
		}
		return nil, errors.New("no such host")
	}))
	home = r.gates[0].Addr().Addr()
	d := r.invite()
	d.says(486, nil)
	d.hears("486")
	rec := r.ends(cdr.EndRejected, cdr.ByCalled, 486)
	if a := rec.Attempts[0]; *a.EndReason != cdr.EndUnreachable || a.Sent.Destination != "" || a.Gateway != "sip:gone.invalid" {
		t.Errorf("%+v", a)
	}
	r.config.carrier().Gateways = []policy.Gateway{policy.NewGateway("sip:home.invalid:" + strconv.Itoa(int(r.gates[0].Addr().Port())))}
	r.engine.Swap(r.compile())
	d = r.invite()
	d.says(486, nil)
	d.hears("486")
	rec = r.ends(cdr.EndRejected, cdr.ByCalled, 486)
	if a := rec.Attempts[0]; a.Sent.Destination != r.gates[0].Addr().String() {
		t.Errorf("%+v", a)
	}
}

// Nothing at all can be reached.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	r := newRig(t, 0, func(c *config) {
		c.carrier().Gateways = []policy.Gateway{policy.NewGateway("sip:gone.invalid"), policy.NewGateway("sip:[2001:db8::1]")}
	}, resolver(func(context.Context, string, string) ([]netip.Addr, error) { return nil, errors.New("no such host") }))
	r.send().hears("503")
	rec := r.ends(cdr.EndUnreachable, cdr.BySystem, 503)
	if len(rec.Attempts) != 2 || *rec.Q850Cause != 41 {
		t.Errorf("%+v", rec)
	}
}

// An early dialog of the first attempt, then hunting: the caller stays in one
// dialog as long as nothing contradicts what it was told.
func TestHuntAfterRinging(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	d := r.invite()
	d.says(180, nil)
	ringing := d.hears("180")
	d.says(503, nil)
	d.hunted(1).says(180, nil)
	if again := d.hears("180"); again.To.Tag() != ringing.To.Tag() {
		t.Errorf("To tags %q, %q", ringing.To.Tag(), again.To.Tag())
	}
	d.answers(gateSDP(d.gate)).calledBye()
	rec := r.ends(cdr.EndCompleted, cdr.ByCalled, 200)
	if rec.Attempts[0].RingingAt == nil || rec.Attempts[1].RingingAt == nil || !rec.RingingAt.Equal(*rec.Attempts[0].RingingAt) {
		t.Errorf("ringing: %v of %+v", rec.RingingAt, rec.Attempts)
	}
}

// Policy has nothing: the caller hears policy's status and no gateway is asked.
func TestNoRoute(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, func(c *config) { c.set.Routes[0].Match.CalledPrefix = "44" })
	r.send().hears("404")
	rec := r.ends(cdr.EndNoRoute, cdr.BySystem, 404)
	if rec.Caller != "1000" || rec.Called != called || rec.OutboundTrunk != nil || len(rec.Attempts) != 0 || *rec.Q850Cause != 1 ||
		rec.PolicyRevision != 7 || rec.Media != nil {
		t.Errorf("%+v", rec)
	}
	r.gates[0].Silent()
}

// The only route leads back to where the call came from.
func TestRouteBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, func(c *config) {
		c.pbx().Gateways = []policy.Gateway{policy.NewGateway("sip:127.0.0.1:9")}
		c.set.Routes[0].Targets = []policy.RouteTarget{policy.NewRouteTarget("pbx")}
	})
	r.send().hears("482")
	r.ends(cdr.EndLoop, cdr.BySystem, 482)
}

// A gateway that is ourselves: our own INVITE comes back and is refused at once.
func TestOwnLoop(t *testing.T) {
	t.Parallel()
	r := newRig(t, 0, func(c *config) { c.carrier().Gateways = []policy.Gateway{policy.NewGateway("sip:127.0.0.1:9")} })
	r.config.carrier().Gateways = []policy.Gateway{policy.NewGateway("sip:" + r.server.String())}
	r.engine.Swap(r.compile())
	r.send().hears("482")
	rec := r.ends(cdr.EndRejected, cdr.ByCalled, 482)
	if len(rec.Attempts) != 1 {
		t.Errorf("%+v", rec.Attempts)
	}
}

// Max-Forwards crosses the call, one less (RFC 7332).
func TestMaxForwards(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	for received, sent := range map[int]int{70: 69, 2: 1, 1: 0, -1: 69, 255: 254} {
		d := r.invite(func(m *sipmsg.Message) { m.MaxForwards = received })
		if d.got.MaxForwards != sent {
			t.Errorf("%d became %d, want %d", received, d.got.MaxForwards, sent)
		}
		d.says(486, nil)
		d.hears("486")
		r.record()
	}
	r.send(func(m *sipmsg.Message) { m.MaxForwards = 0 }).hears("483")
	r.gates[0].Silent()
}

// The trunk was removed while its INVITE was on its way to the shard.
func TestTrunkIsGone(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	r.old.Store(r.engine.Load())
	r.config.set.Trunks[0].Name = "other"
	r.engine.Swap(r.compile())
	r.send().hears("403")
	r.ends(cdr.EndNoRoute, cdr.BySystem, 403)
}
