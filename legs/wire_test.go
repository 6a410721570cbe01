package legs_test

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"b2bua/internal/siptest"
	"b2bua/legs"
	"b2bua/legs/shard"
	"b2bua/legs/sipmsg"
	"b2bua/legs/transport"
	"b2bua/legs/txn"
	"b2bua/policy"
)

// The wire tests run a whole stack on loopback sockets, between scripted peers.
// This is who is who, by address.
const (
	callerIP   = "127.0.0.2:0" // trunk pbx
	gateIP     = "127.0.0.3:0" // trunk carrier
	siblingIP  = "127.0.0.4:0" // another address of pbx and of carrier
	thirdIP    = "127.0.0.8:0" // trunk other
	strangerIP = "127.0.0.9:0" // nobody
)

var trunks = map[netip.Addr]string{
	netip.MustParseAddr("127.0.0.2"): "pbx",
	netip.MustParseAddr("127.0.0.3"): "carrier",
	netip.MustParseAddr("127.0.0.8"): "other",
}

// fast keeps 64*T1 near a second. brief is for tests that wait for it.
var (
	fast  = txn.Timers{T1: 40 * time.Millisecond, T2: 160 * time.Millisecond, T4: 160 * time.Millisecond}
	brief = txn.Timers{T1: 10 * time.Millisecond, T2: 40 * time.Millisecond, T4: 20 * time.Millisecond, D: 50 * time.Millisecond}
)

// A rig is a stack, its handler and a peer on each side.
type rig struct {
	t        *testing.T
	stack    *legs.Stack
	host     *host
	registry *prometheus.Registry
	server   netip.AddrPort // network default: strangers get 403
	quiet    netip.AddrPort // network quiet: they hear nothing
	caller   *siptest.Peer
	gate     *siptest.Peer
	source   string // in_dialog_source of every trunk
}

func newRig(t *testing.T, options ...func(*rig, *legs.Config)) *rig {
	t.Helper()
	r := &rig{t: t, registry: prometheus.NewRegistry(), source: policy.SourceTrunk}
	r.host = newHost(t)
	cfg := legs.Config{
		Node: 1, Product: "b2bua", Sockets: 1,
		Listeners: []transport.ListenerConfig{
			{URL: "udp://127.0.0.1:0", Network: "default"},
			{URL: "udp://127.0.0.1:0", Network: "quiet"},
		},
		Timers:        fast,
		RejectUnknown: map[string]bool{"default": true},
		Identify: func(s policy.Source) (*policy.Trunk, bool) {
			name, ok := trunks[s.Addr.Addr()]
			return &policy.Trunk{Name: name, InDialogSource: r.source}, ok
		},
		Allowed: func(trunk string, from netip.Addr) bool {
			return from.String() == "127.0.0.4" && trunk != "other" || trunks[from] == trunk
		},
		Handler: r.host,
		Logger:  slog.New(slog.NewTextHandler(t.Output(), nil)),
		Metrics: legs.NewMetrics(r.registry), TransportMetrics: transport.NewMetrics(r.registry),
	}
	for _, o := range options {
		o(r, &cfg)
	}
	var err error
	if r.stack, err = legs.Start(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.stack.Stop(); err != nil {
			t.Error(err)
		}
		if cfg.Resolver != nil {
			cfg.Resolver.Close()
		}
	})
	l := r.stack.Listeners()
	r.server, r.quiet = l[0].Addr, l[len(l)-1].Addr
	r.caller, r.gate = siptest.New(t, callerIP), siptest.New(t, gateIP)
	return r
}

// uri is where callers send to.
func (r *rig) uri() string { return "sip:33@" + r.server.String() }

// on runs fn on a shard and waits for it.
func (r *rig) on(id shard.ID, fn func(c *legs.Core)) {
	r.t.Helper()
	done := make(chan struct{})
	r.stack.Post(id, func(c *legs.Core) {
		defer close(done)
		fn(c)
	})
	select {
	case <-done:
	case <-time.After(siptest.Patience):
		r.t.Fatal("a shard does not run what was posted")
	}
}

// call sends an INVITE and returns it with what the handler got.
func (r *rig) call(id string) (*sipmsg.Message, invited) {
	r.t.Helper()
	invite := r.caller.Invite(r.uri(), "1000", id, siptest.SDP(r.caller.Addr()))
	r.caller.Send(r.server, invite)
	return invite, r.host.invite()
}

// answered is call, answered and acknowledged. It returns the 200 too.
func (r *rig) answered(id string) (*sipmsg.Message, *sipmsg.Message, invited) {
	r.t.Helper()
	invite, in := r.call(id)
	r.on(in.shard, func(*legs.Core) { in.leg.Answer(false, nil, legs.Body{}) })
	ok := r.caller.Expect("200 INVITE")
	r.caller.Send(r.server, r.caller.Request("ACK", 1, invite, ok))
	r.host.expect(legs.Acked)
	return invite, ok, in
}

// out is the shard on which dial works.
const out shard.ID = 77

// dial starts an outbound leg to the gate.
func (r *rig) dial(edit ...func(*legs.Peer, *legs.Call)) *legs.Outbound {
	r.t.Helper()
	to := "sip:33@" + r.gate.Addr().String()
	peer := legs.Peer{Trunk: "carrier", InDialogSource: r.source, Address: r.gate.Addr()}
	call := legs.Call{
		RequestURI: to, From: "<sip:1000@ours.invalid>", To: "<" + to + ">", MaxForwards: 69,
		Body: legs.Body{Type: "application/sdp", Data: siptest.SDP(r.server)},
	}
	for _, e := range edit {
		e(&peer, &call)
	}
	var leg *legs.Outbound
	r.on(out, func(c *legs.Core) { leg = c.Dial(&party{"called"}, peer, &call) })
	return leg
}

// talking is dial, answered with tag and acknowledged.
func (r *rig) talking(tag string) (leg *legs.Outbound, invite, ok *sipmsg.Message) {
	r.t.Helper()
	leg = r.dial()
	invite = r.gate.Fresh("INVITE")
	ok = r.gate.Respond(invite, 200, tag, nil)
	r.gate.Send(r.server, ok)
	r.host.expect(legs.Accepted)
	r.on(out, func(*legs.Core) { leg.Ack(legs.Body{}) })
	r.gate.Expect("ACK")
	return leg, invite, ok
}

// fence returns when the listener has read everything that was sent to it
// before: it sends what is answered in the reader, without any shard.
func (r *rig) fence(p *siptest.Peer, to netip.AddrPort) {
	r.t.Helper()
	for range 2 { // the first may be answered before what was read along with it is handled
		m := p.Outside("BYE", r.uri(), "1", "fence"+p.Branch())
		m.To = p.Address(m.To.Raw + ";tag=foreign")
		p.Send(to, m)
		p.Expect("481 BYE")
	}
}

// hangup ends a leg on its shard.
func (r *rig) hangup(id shard.ID, leg legs.Leg) {
	r.t.Helper()
	r.on(id, func(*legs.Core) { leg.Hangup("") })
}

// idle waits until nothing is left of any call.
func (r *rig) idle() {
	r.t.Helper()
	var f legs.Figures
	r.eventually("the stack to be idle", func() bool {
		var err error
		if f, err = r.stack.Figures(context.Background()); err != nil {
			r.t.Fatal(err)
		}
		return f == legs.Figures{}
	})
}

// noLegs fails when a leg is left.
func (r *rig) noLegs() {
	r.t.Helper()
	f, err := r.stack.Figures(context.Background())
	if err != nil || f.Legs != 0 {
		r.t.Errorf("%d legs left (%v)", f.Legs, err)
	}
}

func (r *rig) eventually(what string, ok func() bool) {
	r.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	patience := time.NewTimer(2 * siptest.Patience)
	defer patience.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-patience.C:
			r.t.Fatalf("waited too long for %s", what)
		}
	}
}

// count reads a counter: the name and, in order, the values of its labels.
func (r *rig) count(name string, labels ...string) int {
	r.t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	n := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			var values []string
			for _, l := range m.GetLabel() {
				values = append(values, l.GetValue())
			}
			if len(labels) == 0 || strings.Join(values, " ") == strings.Join(labels, " ") {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return int(n)
}
