package bridge_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"b2bua/bridge"
	"b2bua/cdr"
	"b2bua/internal/siptest"
	"b2bua/legs"
	"b2bua/legs/sipmsg"
	"b2bua/legs/transport"
	"b2bua/policy"
	"b2bua/rtprelay"
)

// tb is what a world needs of a test or a property.
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// The addresses in a world.
var (
	worldServer = netip.MustParseAddrPort("192.0.2.1:5060")
	worldCaller = netip.MustParseAddrPort("198.51.100.1:5060")
	worldGates  = [...]netip.AddrPort{netip.MustParseAddrPort("203.0.113.1:5060"), netip.MustParseAddrPort("203.0.113.2:5060")}
	worldDawn   = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

// A stage is the whole stack and bridge in a time of its own. Only the media
// relay is real.
type stage struct {
	sim      *legs.Sim
	bridge   *bridge.Bridge
	relay    *rtprelay.Relay
	registry *prometheus.Registry
	world    *world // who hears it
	said     func(transport.Outgoing)
}

// A world is a stage between phones that keep to the RFC, on a network that does
// not.
type world struct {
	*stage
	t       tb
	name    string
	stop    time.Duration
	net     *siptest.Network
	began   time.Time
	caller  *siptest.Phone
	gates   []*siptest.Phone
	records []*cdr.Record
	cut     *siptest.Phone // has lost the network for ever; nil for none
	disk    disk
}

// A disk is what the journal writes to; the zero disk is a good one.
type disk struct {
	full int           // so many entries are not taken
	slow time.Duration // each takes so much longer
	err  error         // of every write
}

// newRelay opens the relay that all worlds of a test use, one after the other.
func newRelay(t testing.TB) *rtprelay.Relay {
	t.Helper()
	n := rigs.Add(1)
	ip := netip.MustParseAddr(fmt.Sprintf("127.%d.%d.%d", 100+os.Getpid()%128, n%250, relayIP))
	relay, err := rtprelay.New(rtprelay.Config{
		Networks: map[string]rtprelay.Network{"default": {Addresses: []netip.Addr{ip}, PortMin: 20000, PortMax: 29999}},
		Workers:  1, Quarantine: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for begin := time.Now(); !relay.Idle(); runtime.Gosched() { // its thread takes a moment
			if time.Since(begin) > siptest.Patience {
				t.Errorf("the relay is not idle: %+v", relay.Gauges())
				break
			}
		}
		if err := relay.Close(); err != nil {
			t.Error(err)
		}
	})
	return relay
}

func newStage(t tb, relay *rtprelay.Relay) *stage {
	t.Helper()
	pbx, carrier := policy.NewTrunk("pbx"), policy.NewTrunk("carrier")
	pbx.Sources = []string{worldCaller.Addr().String() + "/32"}
	for i, addr := range worldGates {
		gw := policy.NewGateway("sip:" + addr.String())
		gw.Priority = i + 1
		carrier.Gateways = append(carrier.Gateways, gw)
	}
	route := policy.NewRoute("everything")
	route.Targets = []policy.RouteTarget{policy.NewRouteTarget("carrier")}
	snap, faults := policy.Compile(policy.Set{Revision: 7, Trunks: []policy.Trunk{pbx, carrier}, Routes: []policy.Route{route}})
	if len(faults) > 0 {
		t.Fatalf("%v", faults)
	}
	engine := policy.NewEngine(snap)
	st := &stage{relay: relay, registry: prometheus.NewRegistry()}
	var err error
	if st.bridge, err = bridge.New(bridge.Config{NodeID: "1", Journal: st, Engine: engine, Relay: relay}); err != nil {
		t.Fatalf("%v", err)
	}
	st.sim, err = legs.Simulate(legs.Config{
		Node: 1, Product: "b2bua", Now: func() time.Time { return worldDawn }, Handler: st.bridge,
		Listeners: []transport.ListenerConfig{{URL: "udp://" + worldServer.String(), Network: "default"}},
		Identify:  func(src policy.Source) (*policy.Trunk, bool) { return engine.Load().Identify(src) },
		Allowed:   func(trunk string, from netip.Addr) bool { return engine.Load().Allowed(trunk, from) },
		Metrics:   legs.NewMetrics(st.registry),
	}, func(o transport.Outgoing) {
		if st.said != nil {
			st.said(o)
		}
		st.world.net.Send(worldServer, o.Flow.Peer, o.Data)
	})
	if err != nil {
		t.Fatalf("%v", err)
	}
	st.bridge.Bind(st.sim.Stack)
	return st
}

// newWorld makes a world with a stage of its own.
func newWorld(t tb, relay *rtprelay.Relay, s scene, fates []siptest.Fate) *world {
	t.Helper()
	return newStage(t, relay).newWorld(t, s, fates)
}

// newWorld follows another one that is over.
func (st *stage) newWorld(t tb, s scene, fates []siptest.Fate) *world {
	t.Helper()
	for st.relay.Gauges().PortsUsed > 1000 { // of calls that are over: the worlds' time is faster than the relay's
		runtime.Gosched()
	}
	w := &world{stage: st, t: t, name: s.name, stop: s.stop, began: st.sim.Now()}
	st.world = w
	w.net = siptest.NewNetwork(w.began)
	w.net.Clock, w.net.Fates = st.sim, fates
	w.net.Attach(worldServer, func(from netip.AddrPort, raw []byte) { st.sim.Hear(transport.Flow{Peer: from}, raw) })
	w.caller = siptest.NewPhone(w.net, worldCaller, worldServer, s.caller)
	for i, habits := range s.gates {
		w.gates = append(w.gates, siptest.NewPhone(w.net, worldGates[i], worldServer, habits))
	}
	return w
}

// Append is the journal: what is to be written is written a moment later
// (bridge.Journal).
func (st *stage) Queue(mark cdr.Mark, rec *cdr.Record, done func(error)) bool {
	disk := st.world.disk
	if disk.full > 0 {
		st.world.disk.full--
		return false
	}
	if mark == cdr.Ended {
		st.world.records = append(st.world.records, rec.Clone())
	}
	if done != nil {
		st.world.net.After(2*time.Millisecond+disk.slow, func() { done(disk.err) })
	}
	return true
}

// call has the caller dial, and everything happen that follows. A call that is
// up when nobody has anything left to do is ended as at shutdown.
func (w *world) call() {
	w.t.Helper()
	if w.stop > 0 {
		w.net.After(w.stop, w.hangUp)
	}
	w.caller.Dial("sip:" + called + "@" + worldServer.String())
	ends := w.net.Run(time.Hour)
	if ends && w.bridge.Live() > 0 {
		if w.cut == nil {
			w.t.Errorf("nobody ends the call")
		}
		if err := w.bridge.EndAll(context.Background(), cdr.EndShutdown); err != nil {
			w.t.Errorf("%v", err)
		}
		ends = w.net.Run(time.Hour)
	}
	if !ends {
		w.t.Errorf("it never ends")
	}
}

// hangUp ends the call over the API, as soon as there is one.
func (w *world) hangUp() {
	w.t.Helper()
	ctx := context.Background()
	list, err := w.bridge.List(ctx)
	switch {
	case err == nil && len(list) > 0:
		err = w.bridge.Hangup(ctx, list[0].CallID)
	case err == nil && w.caller.Left() != "" && len(w.records) == 0:
		w.net.After(100*time.Millisecond, w.hangUp)
	}
	if err != nil {
		w.t.Errorf("%v", err)
	}
}

// story is how the one call went, for comparison: what the caller heard, what
// the record says, what every callee saw.
func (w *world) story() string {
	var b strings.Builder
	fmt.Fprintf(&b, "caller %s;", tale(w.caller))
	for i, g := range w.gates {
		if len(g.Calls) > 0 {
			fmt.Fprintf(&b, " gate %d %s;", i, tale(g))
		}
	}
	for _, r := range w.records {
		fmt.Fprintf(&b, " cdr %s by %s %s", *r.EndReason, *r.HungUpBy, number(r.SIPStatus))
		if r.AnsweredAt != nil {
			b.WriteString(" answered")
		}
	}
	return b.String()
}

func tale(p *siptest.Phone) string {
	var b strings.Builder
	for _, c := range p.Calls {
		fmt.Fprint(&b, c.Status)
		for _, d := range c.Dialogs {
			fmt.Fprintf(&b, " %s", d.HungUp)
			if d.Byed != 0 && d.Byed != 200 {
				fmt.Fprintf(&b, " (%d)", d.Byed)
			}
		}
	}
	return b.String()
}

// check is what holds whatever the network did: the phones and the stack are
// done with the call, there is one record that says what the caller saw, and
// every 2xx that arrived was acknowledged after it came.
func (w *world) check() {
	w.t.Helper()
	for _, p := range append(w.gates, w.caller) {
		if left := p.Left(); left != "" && p != w.cut {
			w.t.Errorf("%s", left)
		}
	}
	if err := w.sim.Left(); err != nil {
		w.t.Errorf("%v", err)
	}
	if n := w.bridge.Live(); n != 0 {
		w.t.Errorf("%d calls left", n)
	}
	if taken := w.bridge.Taken(); len(taken) > 0 {
		w.t.Errorf("places still taken: %v", taken)
	}
	if n := w.relay.Gauges().Sessions; n != 0 {
		w.t.Errorf("%d media sessions left", n)
	}
	w.recorded()
	w.acknowledged()
	if n := panics(w.t, w.registry); n != 0 {
		w.t.Errorf("%v panics", n)
	}
}

// recorded compares the record with what the caller saw.
func (w *world) recorded() {
	w.t.Helper()
	heard := false
	for _, d := range w.net.Sent() {
		heard = heard || d.Message.Method == "INVITE" && d.To == worldServer && d.From == worldCaller && len(d.Arrived) > 0
	}
	if !heard && len(w.records) == 0 {
		return
	}
	if len(w.records) != 1 {
		w.t.Errorf("%d records", len(w.records))
		return
	}
	c, r := w.caller.Calls[0], w.records[0]
	switch answered := r.AnsweredAt != nil; {
	case len(c.Dialogs) > 1:
		w.t.Errorf("the caller was answered %d times", len(c.Dialogs))
	case len(c.Dialogs) == 1 && !answered:
		w.t.Errorf("the caller was answered and the record says no")
	case answered && len(c.Dialogs) == 0 && w.arrived("200 INVITE", worldCaller):
		w.t.Errorf("the record says answered and the caller was not")
	case !answered && c.Status != 408 && number(r.SIPStatus) != fmt.Sprint(c.Status):
		w.t.Errorf("the record says %s, the caller heard %d", number(r.SIPStatus), c.Status)
	}
}

func (w *world) arrived(what string, to netip.AddrPort) bool {
	for _, d := range w.net.Sent() {
		if d.To == to && len(d.Arrived) > 0 && siptest.Is(d.Message, what) {
			return true
		}
	}
	return false
}

// acknowledged looks for a 2xx from a callee that has come and no ACK of it has
// been sent since.
func (w *world) acknowledged() {
	w.t.Helper()
	came, acked := map[string]time.Time{}, map[string]time.Time{}
	for _, d := range w.net.Sent() {
		m := d.Message
		switch {
		case d.To == worldServer && siptest.Is(m, "200 INVITE"):
			for _, at := range d.Arrived {
				if key := dialogOf(m); at.After(came[key]) {
					came[key] = at
				}
			}
		case d.From == worldServer && siptest.Is(m, "ACK"):
			acked[dialogOf(m)] = d.At
		}
	}
	for key, at := range came {
		if acked[key].Before(at) {
			w.t.Errorf("the 2xx of %s is not acknowledged", key)
		}
	}
}

func dialogOf(m *sipmsg.Message) string { return fmt.Sprint(m.CallID, " ", m.To.Tag(), " ", m.CSeq) }

// panics is how many the stack has counted.
func panics(t tb, registry *prometheus.Registry) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, f := range families {
		if f.GetName() == "b2bua_call_panics_total" {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("panics are not counted")
	return 0
}
