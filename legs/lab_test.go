package legs

import (
	"bytes"
	"context"
	"net/netip"
	"strings"
	"time"

	"b2bua/legs/shard"
	"b2bua/legs/sipmsg"
	"b2bua/legs/transport"
	"b2bua/legs/txn"
	"b2bua/policy"
)

// tb is what a lab needs of a test, a benchmark or a property.
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// The addresses in a lab.
var (
	labServer = netip.MustParseAddrPort("192.0.2.1:5060")
	labPeer   = netip.MustParseAddrPort("198.51.100.1:5060")
	labNobody = netip.MustParseAddrPort("203.0.113.66:5060")
)

// labT1 times 64 is 32 s, as in the RFC.
const labT1 = 500 * time.Millisecond

// A lab is a stack without sockets, clock or chance: what it is told happens at
// once, what it says is kept, and time passes when it is told to.
type lab struct {
	t     tb
	stack *Stack
	now   time.Time
	seeds byte

	wire   []transport.Outgoing // said and not looked at yet
	deaf   bool                 // nobody listens to the wire
	events []Event
	in     []*Inbound
	invs   []*Invite

	onInvite func(*Core, *Inbound, *Invite)
	onEvent  func(*Core, Event)
	crashes  int
}

func newLab(t tb) *lab {
	t.Helper()
	l := &lab{t: t, now: dawn}
	cfg := Config{
		Node: 1, Product: "b2bua", Now: func() time.Time { return dawn },
		Identify: func(s policy.Source) (*policy.Trunk, bool) {
			return &policy.Trunk{Name: "pbx", InDialogSource: policy.SourceTrunk}, s.Addr != labNobody
		},
		Allowed: func(string, netip.Addr) bool { return false },
		Handler: l,
		Timers:  txn.Timers{T1: labT1},
	}
	var err error
	if l.stack, err = newStack(cfg); err != nil {
		t.Fatalf("%v", err)
	}
	l.stack.memory.spoil, l.stack.images.spoil = spoiled, true
	l.stack.newSeed = func(id shard.ID) shard.Seed {
		l.seeds++
		return shard.Seed{Key: [16]byte{l.seeds}, Node: 1, Shard: id}
	}
	l.stack.serve(l, []transport.Listener{{URL: "udp://192.0.2.1", Network: "default", Transport: "udp", Addr: labServer, Advertise: labServer.String()}})
	return l
}

// Write keeps what the stack says (wire).
func (l *lab) Write(batch []transport.Outgoing) {
	if l.deaf {
		return
	}
	for _, o := range batch {
		o.Data = bytes.Clone(o.Data)
		l.wire = append(l.wire, o)
	}
}

// Select knows one listener (wire).
func (l *lab) Select(_, proto string, dst netip.AddrPort) (int, bool) {
	return 0, proto == "udp" && dst.Addr().Is4()
}

// Connect knows no connections (wire).
func (l *lab) Connect(f transport.Flow, _ time.Duration, _ func(transport.Flow, error)) (transport.Flow, bool, error) {
	return f, true, nil
}

// Close does nothing (wire).
func (l *lab) Close() error { return nil }

// Invite keeps a new call (Handler).
func (l *lab) Invite(c *Core, leg *Inbound, inv *Invite) {
	leg.Own(l)
	l.in, l.invs = append(l.in, leg), append(l.invs, inv)
	if l.onInvite != nil {
		l.onInvite(c, leg, inv)
	}
}

// Event keeps what happened (Handler).
func (l *lab) Event(c *Core, ev Event) {
	l.events = append(l.events, ev)
	if l.onEvent != nil {
		l.onEvent(c, ev)
	}
}

// Crashed counts (Handler).
func (l *lab) Crashed(*Core, any) { l.crashes++ }

// hear gives a datagram to the stack.
func (l *lab) hear(from netip.AddrPort, raw []byte) {
	l.stack.receive([]transport.Packet{{Flow: transport.Flow{Peer: from}, Data: raw, At: l.now}})
}

// tell gives a message to the stack.
func (l *lab) tell(m *sipmsg.Message) {
	l.t.Helper()
	raw, err := m.Bytes()
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	l.hear(labPeer, raw)
}

// on runs fn on a shard, at once.
func (l *lab) on(id shard.ID, fn func(*Core)) { l.stack.Post(id, fn) }

// pass lets time pass, with all that happens on the way.
func (l *lab) pass(d time.Duration) {
	l.now = l.now.Add(d)
	l.stack.shards.Advance(l.now)
}

// said returns what the stack has said since the last time.
func (l *lab) said() []transport.Outgoing {
	batch := l.wire
	l.wire = nil
	return batch
}

// text is the wire as one string, for comparison.
func text(batch []transport.Outgoing) string {
	var b strings.Builder
	for _, o := range batch {
		b.WriteString(o.Flow.Peer.String())
		b.WriteByte('\n')
		b.Write(o.Data)
	}
	return b.String()
}

// empty fails when the stack remembers anything at all.
func (l *lab) empty() {
	l.t.Helper()
	f, err := l.stack.Figures(context.Background())
	if err != nil || f != (Figures{}) {
		l.t.Errorf("left behind: %+v (%v)", f, err)
	}
	for i, c := range l.stack.cores {
		if n := c.shard.Wheel.Len(); n != 0 {
			l.t.Errorf("shard %d: %d timers left", i, n)
		}
		if len(c.events) != 0 || len(c.out) != 0 || c.leg != nil || c.hand != nil || c.owner != nil {
			l.t.Errorf("shard %d: something in hand", i)
		}
	}
}
