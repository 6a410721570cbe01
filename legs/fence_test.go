package legs

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"b2bua/legs/transport"
	"b2bua/policy"
)

// brokenWire panics when it is asked to write, as often as it is told to.
type brokenWire struct {
	*lab
	times int
}

func (w *brokenWire) Write(batch []transport.Outgoing) {
	if w.times > 0 {
		w.times--
		panic("while writing")
	}
	w.lab.Write(batch)
}

// A panic while the shard writes is nobody's call: everybody's goes on, and what
// was lost is sent again.
func TestPanicWhileWriting(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.stack.wire = &brokenWire{lab: l, times: 1}
	flushed := 0
	l.stack.cfg.Flushed = func() { flushed++ }
	l.hear(labPeer, []byte(crlf(callerInvite)))
	if flushed == 0 {
		t.Error("nobody is told that it was flushed")
	}
	if len(l.in) != 1 || l.crashes != 1 || len(l.said()) != 0 {
		t.Fatalf("%d calls, %d crashes", len(l.in), l.crashes)
	}
	if s := l.in[0].State(); s != Trying {
		t.Errorf("the call is %v", s)
	}
	l.hear(labPeer, []byte(crlf(callerInvite))) // again
	if said := l.said(); len(said) != 1 || parseRaw(t, said[0].Data).Status != 100 {
		t.Errorf("said %s", text(said))
	}
	c := l.stack.cores[l.in[0].Seed.Shard]
	if c.leg != nil || c.owner != nil || len(c.out) != 0 {
		t.Error("something is still in hand")
	}
}

// A datagram over which the dispatcher itself panics does not take the rest of
// its batch along.
func TestPanicOverADatagram(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	identify := l.stack.cfg.Identify
	l.stack.cfg.Identify = func(s policy.Source) (*policy.Trunk, bool) {
		if s.Addr == labNobody {
			panic("over a source")
		}
		return identify(s)
	}
	var batch []transport.Packet
	for _, from := range []netip.AddrPort{labNobody, labPeer} {
		batch = append(batch, transport.Packet{Flow: transport.Flow{Peer: from}, Data: []byte(crlf(callerInvite))})
	}
	l.stack.receive(batch)
	if len(l.in) != 1 || l.crashes != 0 {
		t.Errorf("%d calls, %d crashes", len(l.in), l.crashes)
	}
}

// What arrives before the stack is ready is lost, not waited for: a listener
// that cannot be opened must be able to close the others.
func TestNotReady(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.stack.ready.Store(false)
	l.hear(labPeer, []byte(crlf(callerInvite)))
	if len(l.in) != 0 || len(l.said()) != 0 {
		t.Error("served before it was ready")
	}
}

// The owner of a leg that has ended is not kept.
func TestEndedLegHasNoOwner(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.hear(labPeer, []byte(crlf(callerInvite)))
	in := l.in[0]
	var at any
	l.onEvent = func(_ *Core, ev Event) { at = ev.Leg.Owner() }
	l.on(in.Seed.Shard, func(*Core) { in.Hangup("") })
	if at != any(l) || in.Owner() != nil {
		t.Errorf("owner was %v, is %v", at, in.Owner())
	}
}

// A request that crashes outside any leg's own code is answered all the same.
func TestPanicInTheMiddleOfARequest(t *testing.T) {
	t.Parallel()
	r := newRelay(t)
	d := r.establish("middle")
	in := r.pair.in
	in.core = nil // the leg is broken: whatever it does panics
	r.lab.said()
	r.lab.hear(labPeer, d.bye)
	if r.lab.crashes != 1 {
		t.Errorf("%d crashes", r.lab.crashes)
	}
	said := r.lab.said()
	if len(said) != 1 || parseRaw(t, said[0].Data).Status != 500 {
		t.Errorf("said %s", text(said))
	}
}

// What shards have recorded is written down when what they had to say is on the
// wire, once for all of them.
func TestFlushed(t *testing.T) {
	l := newLab(t)
	said := []int{}
	l.stack.cfg.Flushed = func() { said = append(said, len(l.said())) }
	var batch []transport.Packet
	for i := range 8 {
		invite := strings.ReplaceAll(callerInvite, "Call-ID: ", fmt.Sprintf("Call-ID: %d", i))
		batch = append(batch, transport.Packet{Flow: transport.Flow{Peer: labPeer}, Data: []byte(crlf(invite)), At: l.now})
	}
	l.stack.receive(batch)
	if len(said) == 0 || said[0] != len(batch) {
		t.Errorf("told after %v messages, want %d at once", said, len(batch))
	}
}
