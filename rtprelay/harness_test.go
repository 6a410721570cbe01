package rtprelay

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// hosts numbers the loopback addresses, so that tests running side by side
// never meet on a port.
var hosts atomic.Uint32

// newHost returns a loopback address that no other test uses.
func newHost() netip.Addr {
	n := hosts.Add(1)
	return netip.AddrFrom4([4]byte{127, 7, byte(n >> 8), byte(n)})
}

// eachPoller runs a test on every poller of this system.
func eachPoller(t *testing.T, test func(t *testing.T, newPoller func() (poller, error))) {
	t.Helper()
	t.Run("portable", func(t *testing.T) { t.Parallel(); test(t, newPortable) })
	if runtime.GOOS == "linux" {
		t.Run("system", func(t *testing.T) { t.Parallel(); test(t, newPoller) })
	}
}

// clock is a settable time.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Duration    { return time.Duration(c.at.Load()) }
func (c *clock) move(to time.Duration) { c.at.Store(int64(to)) }
func (c *clock) use(cfg *Config)       { cfg.now = c.now }
func portRange(cfg *Config, lo, hi int) {
	n := cfg.Networks["default"]
	n.PortMin, n.PortMax = lo, hi
	cfg.Networks["default"] = n
}

// rig is a relay under test on an address of its own.
type rig struct {
	*Relay
	t         *testing.T
	events    chan Event
	delivered atomic.Uint64 // events that have come
}

// newRig starts a relay; at the end of the test it must have come to rest.
func newRig(t *testing.T, newPoller func() (poller, error), edits ...func(*Config)) *rig {
	t.Helper()
	g := &rig{t: t, events: make(chan Event, 4096)}
	cfg := Config{
		Networks:  map[string]Network{"default": {[]netip.Addr{newHost()}, 20000, 20199}},
		Workers:   2,
		Events:    func(batch []Event) { send(g.events, batch); g.delivered.Add(uint64(len(batch))) },
		newPoller: newPoller,
	}
	for _, edit := range edits {
		edit(&cfg)
	}
	relay, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	g.Relay = relay
	t.Cleanup(func() {
		if err := relay.Close(); err != nil {
			t.Error(err)
		}
		if !relay.Idle() {
			t.Errorf("not idle after Close: %+v", relay.Gauges())
		}
	})
	return g
}

func send(to chan Event, batch []Event) {
	for _, e := range batch {
		to <- e
	}
}

// settle returns when every worker has done what was posted before, and has
// handled what was ready to be received then: an order runs before the packets
// of its step, the second one after those of the first.
func (g *rig) settle() {
	g.t.Helper()
	for range 2 {
		for _, w := range g.workers {
			done := make(chan struct{})
			if !w.post(orderFunc(func(time.Duration) { close(done) })) {
				g.t.Fatal("worker has stopped")
			}
			<-done
		}
	}
}

// until returns when the relay has got so far that done says so.
func (g *rig) until(what string, done func() bool) {
	g.t.Helper()
	for deadline := time.Now().Add(patience); !done(); g.settle() {
		runtime.Gosched()
		if time.Now().After(deadline) {
			g.t.Fatalf("never: %s", what)
		}
	}
}

// dropped returns when the stream has dropped n packets for this reason.
func (g *rig) dropped(st *Stream, reason Drop, n uint64) {
	g.t.Helper()
	g.until(fmt.Sprintf("%v dropped %d times", reason, n), func() bool { return st.Stats().Drops[reason] >= n })
	if got := st.Stats().Drops[reason]; got != n {
		g.t.Errorf("%v dropped %d times, want %d", reason, got, n)
	}
}

// event returns the next event, which must be of this kind.
func (g *rig) event(kind EventKind) Event {
	g.t.Helper()
	select {
	case e := <-g.events:
		if e.Kind != kind {
			g.t.Fatalf("event %v (%+v), want %v", e.Kind, e, kind)
		}
		return e
	case <-time.After(patience):
		g.t.Fatalf("no %v event", kind)
		return Event{}
	}
}

// noEvent fails when an event waits; what caused it must have been settled.
func (g *rig) noEvent() {
	g.t.Helper()
	g.until("all events delivered", func() bool {
		var pushed uint64
		for _, w := range g.workers {
			pushed += w.events.tail.Load()
		}
		return g.delivered.Load() == pushed
	})
	select {
	case e := <-g.events:
		g.t.Fatalf("unexpected event %v: %+v", e.Kind, e)
	default:
	}
}

// session opens a session with two joined streams.
func (g *rig) session(cfg SessionConfig) (s *Session, a, b *Stream) {
	g.t.Helper()
	s, err := g.Session(uint32(cfg.Ref), cfg)
	if err != nil {
		g.t.Fatal(err)
	}
	a, b = g.open(s), g.open(s)
	s.Join(a, b)
	return s, a, b
}

// open opens an IPv4 stream.
func (g *rig) open(s *Session) *Stream {
	g.t.Helper()
	st, err := s.Open("default", false)
	if err != nil {
		g.t.Fatal(err)
	}
	return st
}

// phone is a far end: two sockets on a loopback address.
type phone struct {
	t         testing.TB
	rtp, rtcp *net.UDPConn
	ssrc      uint32
	sequence  uint16
}

// newPhone opens a phone's sockets on host.
func newPhone(t testing.TB, host netip.Addr) *phone {
	t.Helper()
	p := &phone{t: t, ssrc: hosts.Add(1)}
	for _, conn := range []**net.UDPConn{&p.rtp, &p.rtcp} {
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(host, 0)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		*conn = c
	}
	return p
}

// at returns the address of one of the phone's sockets.
func at(c *net.UDPConn) netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }

// remote is what the phone's SDP says.
func (p *phone) remote(edits ...func(*Remote)) Remote {
	r := Remote{RTP: at(p.rtp), RTCP: at(p.rtcp), Send: true, Recv: true}
	for _, edit := range edits {
		edit(&r)
	}
	return r
}

// natPort is another port of the same host, as a NAT would map it.
func natPort(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), 9) }

// talk sends the next RTP packet to the stream and returns it.
func (p *phone) talk(to *Stream) []byte {
	p.t.Helper()
	p.sequence++
	b := media(p.t, p.ssrc, p.sequence)
	write(p.t, p.rtp, to.LocalRTP(), b)
	return b
}

// report sends an RTCP compound from one of the phone's sockets.
func (p *phone) report(from *net.UDPConn, to netip.AddrPort) []byte {
	p.t.Helper()
	b := senderReport(p.t, p.ssrc)
	write(p.t, from, to, b)
	return b
}

func write(t testing.TB, from *net.UDPConn, to netip.AddrPort, b []byte) {
	t.Helper()
	if _, err := from.WriteToUDPAddrPort(b, to); err != nil {
		t.Fatal(err)
	}
}

// expect reads one datagram, which must be want from that address.
func expect(t *testing.T, on *net.UDPConn, want []byte, from netip.AddrPort) {
	t.Helper()
	b := make([]byte, maxDatagram)
	if err := on.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	n, source, err := on.ReadFromUDPAddrPort(b)
	if err != nil {
		t.Fatalf("%v got nothing: %v", at(on), err)
	}
	if source = netip.AddrPortFrom(source.Addr().Unmap(), source.Port()); source != from {
		t.Fatalf("%v got a packet from %v, want from %v", at(on), source, from)
	}
	if !bytes.Equal(b[:n], want) {
		t.Fatalf("%v got %x, want %x", at(on), b[:n], want)
	}
}

// silent fails when a datagram waits; what could have caused one must have been
// handled.
func silent(t *testing.T, on *net.UDPConn) {
	t.Helper()
	if err := on.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, maxDatagram)
	if n, from, err := on.ReadFromUDPAddrPort(b); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%v got %x from %v (%v), want nothing", at(on), b[:n], from, err)
	}
}

// descriptors counts the process's open files.
func descriptors(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}
