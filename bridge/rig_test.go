package bridge_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"b2bua/bridge"
	"b2bua/cdr"
	"b2bua/internal/siptest"
	"b2bua/legs"
	"b2bua/legs/resolve"
	"b2bua/legs/sipmsg"
	"b2bua/legs/transport"
	"b2bua/legs/txn"
	"b2bua/policy"
	"b2bua/rtprelay"
)

// A rig is a stack with a bridge, a caller and gateways, each on a loopback
// address that no other rig uses, nor one of a test that runs beside this. When the test ends, nothing may be left of
// its calls: no leg, no port, no place on a trunk, no record that the test did
// not look at; and nobody may have heard anything of the other side.
type rig struct {
	t       testing.TB
	ip      func(last int) string
	config  *config
	server  netip.AddrPort // for the caller
	inner   netip.AddrPort // for the gateways
	stack   *legs.Stack
	bridge  *bridge.Bridge
	relay   *rtprelay.Relay
	engine  *policy.Engine
	journal *journal
	old     atomic.Pointer[policy.Snapshot] // what callers are identified by, if not the current one
	began   time.Time
	ahead   atomic.Int64 // how far the clock of the stack is
	caller  *siptest.Peer
	gates   []*siptest.Peer // of the trunk carrier, by priority
}

// config is what an option may change before a rig starts.
type config struct {
	set    policy.Set // trunks pbx, carrier; route everything
	bridge bridge.Config
	legs   legs.Config
	relay  rtprelay.Config
	frozen bool // the clock
	seen   bool // bypassed media: the two sides see each other's addresses
	v6     bool // the gateways are on [::1]
}

func (c *config) pbx() *policy.Trunk     { return &c.set.Trunks[0] }
func (c *config) carrier() *policy.Trunk { return &c.set.Trunks[1] }

type option func(*config)

var rigs atomic.Int32

const (
	serverIP, callerIP, relayIP, gateIP = 1, 2, 3, 4
)

func newRig(t testing.TB, gateways int, options ...option) *rig {
	t.Helper()
	n := rigs.Add(1)
	r := &rig{t: t, journal: newJournal(), began: time.Now()}
	r.ip = func(last int) string { return fmt.Sprintf("127.%d.%d.%d", 100+os.Getpid()%128, n%250, last) }
	r.caller = siptest.New(t, r.ip(callerIP)+":0")
	r.config = r.defaults()
	c := r.config
	for _, o := range options {
		o(c)
	}
	for i := range gateways {
		addr := r.ip(gateIP+i) + ":0"
		if c.v6 {
			addr = "[::1]:0"
		}
		g := siptest.New(t, addr)
		r.gates = append(r.gates, g)
		gw := policy.NewGateway("sip:" + g.Addr().String())
		gw.Priority = i + 1
		c.carrier().Gateways = append(c.carrier().Gateways, gw)
	}
	r.start()
	t.Cleanup(r.stop)
	return r
}

func (r *rig) defaults() *config {
	pbx, carrier := policy.NewTrunk("pbx"), policy.NewTrunk("carrier")
	pbx.Sources = []string{r.ip(callerIP) + "/32"}
	route := policy.NewRoute("everything")
	route.Targets = []policy.RouteTarget{policy.NewRouteTarget("carrier")}
	logger := slog.New(slog.NewTextHandler(r.t.Output(), nil))
	return &config{
		set: policy.Set{Revision: 7, Trunks: []policy.Trunk{pbx, carrier}, Routes: []policy.Route{route}},
		relay: rtprelay.Config{
			Networks: map[string]rtprelay.Network{"default": {Addresses: []netip.Addr{netip.MustParseAddr(r.ip(relayIP))}, PortMin: 20000, PortMax: 20199}},
			Workers:  1, Quarantine: -1, Logger: logger,
			Events: func(b []rtprelay.Event) { r.bridge.MediaEvents(b) },
		},
		bridge: bridge.Config{NodeID: "1", Journal: r.journal, Logger: logger},
		legs: legs.Config{
			Node: 1, Product: "b2bua", Sockets: 1, Logger: logger,
			Listeners:     []transport.ListenerConfig{{URL: "udp://" + r.ip(serverIP) + ":0", Network: "default"}},
			Timers:        txn.Defaults(),
			RejectUnknown: map[string]bool{"default": true},
			Resolver:      resolve.New(resolve.Config{}),
			Now:           func() time.Time { return r.clock().Add(time.Duration(r.ahead.Load())) },
		},
	}
}

func (r *rig) clock() time.Time {
	if r.config != nil && r.config.frozen {
		return r.began
	}
	return time.Now()
}

// frozen has the time of the stack stand still, but for advance.
func frozen(c *config) { c.frozen = true }

// advance has the time of the stack jump.
func (r *rig) advance(d time.Duration) { r.ahead.Add(int64(d)) }

// resolver is one that looks up as it is told.
func resolver(lookup resolve.LookupFunc) option {
	return func(c *config) {
		c.legs.Resolver.Close()
		c.legs.Resolver = resolve.New(resolve.Config{Lookup: lookup})
	}
}

func (r *rig) start() {
	r.t.Helper()
	c := r.config
	var err error
	if r.relay, err = rtprelay.New(c.relay); err != nil {
		r.t.Fatal(err)
	}
	r.engine = policy.NewEngine(r.compile())
	c.bridge.Relay, c.bridge.Engine = r.relay, r.engine
	if r.bridge, err = bridge.New(c.bridge); err != nil {
		r.t.Fatal(err)
	}
	c.legs.Handler = r.bridge
	c.legs.Identify = func(src policy.Source) (*policy.Trunk, bool) {
		if old := r.old.Load(); old != nil {
			return old.Identify(src)
		}
		return r.engine.Load().Identify(src)
	}
	c.legs.Allowed = func(trunk string, from netip.Addr) bool { return r.engine.Load().Allowed(trunk, from) }
	if r.stack, err = legs.Start(c.legs); err != nil {
		r.t.Fatal(err)
	}
	r.bridge.Bind(r.stack)
	listeners := r.stack.Listeners()
	r.server, r.inner = listeners[0].Addr, listeners[len(listeners)-1].Addr
}

func (r *rig) compile() *policy.Snapshot {
	r.t.Helper()
	snap, faults := policy.Compile(r.config.set)
	if len(faults) > 0 {
		r.t.Fatal(faults)
	}
	return snap
}

func (r *rig) stop() {
	if !r.t.Failed() {
		r.idle()
		r.hidden()
	}
	if err := r.stack.Stop(); err != nil {
		r.t.Error(err)
	}
	r.journal.wg.Wait()
	r.config.legs.Resolver.Close()
	if err := r.relay.Close(); err != nil {
		r.t.Error(err)
	}
	if n := len(r.journal.ended); n > 0 && !r.t.Failed() {
		r.t.Errorf("%d records nobody asked for, the first %+v", n, *<-r.journal.ended)
	}
}

// idle waits until nothing is left of any call.
func (r *rig) idle() {
	r.t.Helper()
	r.until("no call is left", func() bool { return r.bridge.Live() == 0 })
	if taken := r.bridge.Taken(); len(taken) > 0 {
		r.t.Errorf("places still taken: %v", taken)
	}
	r.until("the relay is idle", r.relay.Idle)
	if g := r.relay.Gauges(); g.PortsUsed != 0 || g.Sockets != 0 {
		r.t.Errorf("the relay is not idle: %+v", g)
	}
	r.until("no leg is left", func() bool {
		f, err := r.stack.Figures(context.Background())
		return err == nil && f.Legs == 0
	})
}

// until waits for a condition that follows from what has been sent.
func (r *rig) until(what string, holds func() bool) {
	r.t.Helper()
	patience := time.NewTimer(siptest.Patience)
	defer patience.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-patience.C:
			r.t.Fatalf("waited too long until %s", what)
		}
	}
}

// hidden reads everything that either side has heard, byte by byte, for what
// belongs to the other: addresses, names, SIP Call-IDs, tags, branches, User-Agents.
func (r *rig) hidden() {
	r.t.Helper()
	var theirs []string
	for _, g := range r.gates {
		theirs = append(theirs, g.Datagrams()...)
	}
	ours := r.caller.Datagrams()
	callerWords, calledWords := words(ours), words(theirs)
	if !r.config.seen {
		callerWords[r.caller.Addr().Addr().String()] = true
		for _, g := range r.gates {
			if !r.config.v6 {
				calledWords[g.Addr().Addr().String()] = true
			}
		}
	}
	for _, w := range []string{"phone.invalid", "callers-agent", "callers-host"} {
		callerWords[w] = true
	}
	for _, w := range []string{"callees-agent", "callees-host", "callee@"} {
		calledWords[w] = true
	}
	search(r.t, theirs, callerWords, "the called side heard of the caller's")
	search(r.t, ours, calledWords, "the caller heard of the called side's")
}

// words are the ids of a side, from what it heard.
func words(datagrams []string) map[string]bool {
	list := map[string]bool{}
	for _, raw := range datagrams {
		m, err := sipmsg.Parse([]byte(raw))
		if err != nil {
			continue
		}
		list[m.CallID], list[m.From.Tag()], list[m.To.Tag()], list[m.Vias[0].Branch()] = true, true, true, true
	}
	delete(list, "")
	return list
}

func search(t testing.TB, datagrams []string, foreign map[string]bool, what string) {
	t.Helper()
	for _, raw := range datagrams {
		for w := range foreign {
			if strings.Contains(raw, w) {
				t.Errorf("%s %q:\n%s", what, w, raw)
			}
		}
	}
}

// record is the next CDR.
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

// ends checks how the next CDR says that a call ended.
func (r *rig) ends(end cdr.EndReason, by cdr.HungUpBy, status int) *cdr.Record {
	r.t.Helper()
	rec := r.record()
	if *rec.EndReason != end || *rec.HungUpBy != by || rec.SIPStatus == nil || *rec.SIPStatus != status {
		r.t.Errorf("CDR: %s by %s, status %v; want %s by %s, %d", *rec.EndReason, *rec.HungUpBy, number(rec.SIPStatus), end, by, status)
	}
	return rec
}

func number(p *int) string {
	if p == nil {
		return "none"
	}
	return fmt.Sprint(*p)
}
