package bridge_test

import (
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"b2bua/bridge"
	"b2bua/cdr"
	"b2bua/internal/siptest"
	"b2bua/legs"
	"b2bua/legs/resolve"
	"b2bua/legs/transport"
	"b2bua/legs/txn"
	"b2bua/policy"
	"b2bua/rtprelay"
	"b2bua/sdp"
)

// records is a journal that hands ended records to the test.
type records struct {
	mu     sync.Mutex
	marks  []cdr.Mark
	ended  chan *cdr.Record
	refuse error
	full   bool
}

func (r *records) Append(mark cdr.Mark, rec *cdr.Record, done func(error)) bool {
	r.mu.Lock()
	r.marks = append(r.marks, mark)
	full, refuse := r.full, r.refuse
	r.mu.Unlock()
	if full && mark != cdr.Ended {
		return false
	}
	if mark == cdr.Ended {
		r.ended <- rec.Clone()
	}
	if done != nil {
		go done(refuse)
	}
	return true
}

// A rig is a stack with a bridge, a caller and gateways on loopback.
type rig struct {
	t       *testing.T
	server  netip.AddrPort
	stack   *legs.Stack
	bridge  *bridge.Bridge
	relay   *rtprelay.Relay
	journal *records
	caller  *siptest.Peer
	gates   []*siptest.Peer
}

type option func(*policy.Set, *bridge.Config, *legs.Config)

func newRig(t *testing.T, gateways int, options ...option) *rig {
	t.Helper()
	r := &rig{t: t, journal: &records{ended: make(chan *cdr.Record, 64)}}
	r.caller = siptest.New(t, "127.0.0.2:0")
	carrier := policy.NewTrunk("carrier")
	for i := range gateways {
		g := siptest.New(t, "127.0.0.3:0")
		r.gates = append(r.gates, g)
		gw := policy.NewGateway("sip:" + g.Addr().String())
		gw.Priority = i + 1
		carrier.Gateways = append(carrier.Gateways, gw)
	}
	pbx := policy.NewTrunk("pbx")
	pbx.Sources = []string{"127.0.0.2/32"}
	pbx.Gateways = []policy.Gateway{policy.NewGateway("sip:" + r.caller.Addr().String())}
	route := policy.NewRoute("everything")
	route.Targets = []policy.RouteTarget{policy.NewRouteTarget("carrier")}
	set := policy.Set{Revision: 7, Trunks: []policy.Trunk{pbx, carrier}, Routes: []policy.Route{route}}

	var err error
	r.relay, err = rtprelay.New(rtprelay.Config{
		Networks: map[string]rtprelay.Network{"default": {Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.4")}, PortMin: 20000, PortMax: 20999}},
		Workers:  1, Quarantine: -1,
		Events: func(b []rtprelay.Event) { r.bridge.MediaEvents(b) },
	})
	if err != nil {
		t.Fatal(err)
	}
	bc := bridge.Config{NodeID: "1", Relay: r.relay, Journal: r.journal}
	lc := legs.Config{
		Node: 1, Product: "b2bua", Sockets: 1,
		Listeners:     []transport.ListenerConfig{{URL: "udp://127.0.0.1:0", Network: "default"}},
		Timers:        txn.Timers{T1: 50 * time.Millisecond, T2: 200 * time.Millisecond, T4: 200 * time.Millisecond},
		RejectUnknown: map[string]bool{"default": true},
		Resolver:      resolve.New(resolve.Config{}),
	}
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	bc.Logger, lc.Logger = logger, logger
	for _, o := range options {
		o(&set, &bc, &lc)
	}
	snap, faults := policy.Compile(set)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	bc.Engine = policy.NewEngine(snap)
	if r.bridge, err = bridge.New(bc); err != nil {
		t.Fatal(err)
	}
	lc.Handler = r.bridge
	lc.Identify, lc.Allowed = snap.Identify, snap.Allowed
	if r.stack, err = legs.Start(lc); err != nil {
		t.Fatal(err)
	}
	r.bridge.Bind(r.stack)
	r.server = r.stack.Listeners()[0].Addr
	t.Cleanup(func() {
		if err := r.stack.Stop(); err != nil {
			t.Error(err)
		}
		lc.Resolver.Close()
		if g := r.relay.Gauges(); g.Sessions != 0 || g.Streams != 0 {
			t.Errorf("relay not idle: %+v", g)
		}
		if err := r.relay.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *rig) record() *cdr.Record {
	r.t.Helper()
	select {
	case rec := <-r.journal.ended:
		return rec
	case <-time.After(siptest.Patience):
		r.t.Fatal("no CDR")
		return nil
	}
}

func TestCall(t *testing.T) {
	r := newRig(t, 1)
	callee := r.gates[0]
	media := netip.MustParseAddrPort("127.0.0.2:4000")
	invite := r.caller.Invite("sip:33123456789@"+r.server.String(), "1000", "c1", siptest.SDP(media))
	r.caller.Send(r.server, invite)

	got := callee.Expect("INVITE")
	if got.CallID == invite.CallID || got.From.Tag() == invite.From.Tag() || len(got.Vias) != 1 {
		t.Errorf("the caller's ids leak: %+v", got)
	}
	if raw := strings.Join([]string{got.From.Raw, got.To.Raw, got.Contacts[0].Raw, string(got.Body)}, "\n"); strings.Contains(raw, "127.0.0.2") || strings.Contains(raw, "phone.invalid") {
		t.Errorf("the caller's address leaks:\n%s", raw)
	}
	if got.MaxForwards != 69 || got.URI.User != "33123456789" {
		t.Errorf("Max-Forwards %d, user %s", got.MaxForwards, got.URI.User)
	}
	offer, err := sdp.Parse(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	if a := offer.Media()[0].RTPAddress().Addr().String(); a != "127.0.0.4" {
		t.Errorf("offer points at %s", a)
	}

	callee.Send(r.server, callee.Respond(got, 180, "ct", nil))
	r.caller.Expect("180")
	ok := callee.Respond(got, 200, "ct", siptest.SDP(netip.MustParseAddrPort("127.0.0.3:4002")))
	callee.Send(r.server, ok)
	callee.Expect("ACK")
	answered := r.caller.Expect("200 INVITE")
	if answered.To.Tag() == "ct" || strings.Contains(string(answered.Body), "127.0.0.3") {
		t.Errorf("the callee leaks: %s\n%s", answered.To.Raw, answered.Body)
	}
	r.caller.Send(r.server, r.caller.Request("ACK", 1, invite, answered))
	if n := r.bridge.Live(); n != 1 {
		t.Errorf("%d live calls", n)
	}
	r.caller.Send(r.server, r.caller.Request("BYE", 2, invite, answered))
	r.caller.Expect("200 BYE")
	bye := callee.Expect("BYE")
	callee.Send(r.server, callee.Respond(bye, 200, "", nil))

	rec := r.record()
	if rec.EndReason == nil || *rec.EndReason != cdr.EndCompleted || *rec.HungUpBy != cdr.ByCaller || *rec.SIPStatus != 200 ||
		rec.AnsweredAt == nil || rec.RingingAt == nil || *rec.InboundTrunk != "pbx" || *rec.OutboundTrunk != "carrier" || len(rec.Attempts) != 1 {
		t.Errorf("record %+v", rec)
	}
}
