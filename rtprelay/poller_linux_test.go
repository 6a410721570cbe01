package rtprelay

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// still is a relay whose one worker the test drives step by step.
type still struct {
	*rig
	w *worker
}

// newStill returns a relay that does nothing by itself.
func newStill(tb testing.TB, edits ...func(*Config)) *still {
	tb.Helper()
	cfg := Config{
		Networks: map[string]Network{"default": {[]netip.Addr{newHost()}, 20000, 20199}},
		Workers:  1,
	}
	for _, edit := range edits {
		edit(&cfg)
	}
	relay, err := newRelay(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	s := &still{rig: &rig{Relay: relay}, w: relay.workers[0]}
	if t, ok := tb.(*testing.T); ok {
		s.t = t
	}
	tb.Cleanup(func() {
		var open []*Session
		for session := range relay.sessions {
			open = append(open, session)
		}
		for _, session := range open {
			session.Close()
		}
		for !relay.Idle() {
			s.w.step()
		}
		s.w.closeAll()
		if err := s.w.poll.close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// fds are a stream's descriptors.
func fds(st *Stream) [2]int {
	return [2]int{int(st.pair.rtp.(*rawSocket).fd), int(st.pair.rtcp.(*rawSocket).fd)}
}

// arrives returns when the events have come to a socket: on a loaded machine
// loopback delivers late.
func arrives(t *testing.T, fd int, events int16) {
	t.Helper()
	poll := []unix.PollFd{{Fd: int32(fd), Events: events}}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if n, _ := unix.Poll(poll, int(patience.Milliseconds())); n == 1 && poll[0].Revents&events != 0 {
			return
		}
	}
	t.Fatalf("events %x never came to descriptor %d", events, fd)
}

// TestStaleEventsFindNobody closes a stream between epoll_wait and the handling
// of its events, and opens another that gets its slot and its descriptors. The
// old events must not touch it.
func TestStaleEventsFindNobody(t *testing.T) { // not parallel: others would take the descriptors
	g := newStill(t, func(c *Config) { c.SpareSockets = -1 })
	s, old, b := g.session(SessionConfig{})
	alice, bob := newPhone(t, newHost()), newPhone(t, newHost())
	old.SetRemote(alice.remote())
	b.SetRemote(bob.remote())
	g.w.step() // attached
	alice.talk(old)
	alice.report(alice.rtcp, old.LocalRTCP())

	tokens := make([]uint64, 16)
	n, err := g.w.poll.wait(tokens, time.Second)
	if err != nil || n != 2 {
		t.Fatalf("%d sockets ready (%v), want 2", n, err)
	}
	before, token := fds(old), old.pair.token
	old.Close()
	g.w.orders(0)
	fresh := g.open(s)
	g.w.orders(0)
	if again := fresh.pair.token; fds(fresh) != before || slotOf(again) != slotOf(token) || again == token {
		t.Fatalf("descriptors %v after %v, tokens %x after %x: nothing was used again", fds(fresh), before, again, token)
	}
	fresh.SetRemote(alice.remote())
	s.Join(fresh, b)
	packet := alice.talk(fresh)
	g.w.packets(tokens[:n], 0)
	if got := fresh.Stats(); got.Packets+got.RTCPPackets+got.Dropped() != 0 {
		t.Fatalf("an old event reached the new stream: %+v", got)
	}
	silent(t, bob.rtp)
	g.w.step()
	expect(t, bob.rtp, packet, b.LocalRTP())
}

// TestCloseBetweenOpenAndAttach: a datagram for a socket that the worker does
// not know yet waits, and orders keep their order.
func TestCloseBetweenOpenAndAttach(t *testing.T) {
	t.Parallel()
	g := newStill(t)
	s, a, b := g.session(SessionConfig{})
	alice, bob := newPhone(t, newHost()), newPhone(t, newHost())
	a.SetRemote(alice.remote())
	b.SetRemote(bob.remote())
	packet := alice.talk(a) // nothing attached yet
	doomed := g.open(s)
	alice.talk(doomed)
	doomed.Close()
	g.w.step()
	expect(t, bob.rtp, packet, b.LocalRTP())
	if got := g.Gauges(); got.Streams != 2 || got.Sockets != 4 {
		t.Errorf("gauges %+v, want two streams", got)
	}
}

// TestKernelRefusesStrangersOnceLatched: connect takes effect, the way back
// too, and what was queued before is judged by its source.
func TestKernelRefusesStrangersOnceLatched(t *testing.T) {
	t.Parallel()
	g := newStill(t)
	_, a, b := g.session(SessionConfig{})
	alice, bob, mallory := newPhone(t, newHost()), newPhone(t, newHost()), newPhone(t, newHost())
	a.SetRemote(alice.remote())
	b.SetRemote(bob.remote())
	g.w.step()
	alice.talk(a)
	mallory.talk(a) // queued behind alice's, before connect
	alice.talk(a)
	for range 3 {
		g.w.step()
	}
	if got := a.Stats(); got.Packets != 2 || got.Drops[DropStranger] != 1 || !a.connected {
		t.Fatalf("connected %v, stats %+v, want mallory's packet judged", a.connected, got)
	}
	mallory.talk(a)
	alice.talk(a)
	g.w.step()
	if got := a.Stats(); got.Packets != 3 || got.Drops[DropStranger] != 1 {
		t.Errorf("stats %+v, want mallory's second packet refused by the kernel", got)
	}

	moved := newPhone(t, newHost())
	a.SetRemote(moved.remote())
	g.w.step() // the order disconnects
	if a.connected {
		t.Fatal("still connected to the old address")
	}
	moved.talk(a)
	g.w.step()
	if got := a.Stats(); got.Packets != 4 || got.Remote != at(moved.rtp) || !a.connected {
		t.Errorf("connected %v, stats %+v, want latched on the new address", a.connected, got)
	}
	local, err := unix.Getsockname(fds(a)[0])
	if err != nil {
		t.Fatal(err)
	}
	if in := local.(*unix.SockaddrInet4); netip.AddrPortFrom(netip.AddrFrom4(in.Addr), uint16(in.Port)) != a.LocalRTP() {
		t.Errorf("local address is %+v after disconnect, want %v", in, a.LocalRTP())
	}
}

// A learned source may still have to give way to the signalled one: no connect
// before the window is over.
func TestNoConnectWhileTheSignalledAddressMayCome(t *testing.T) {
	t.Parallel()
	g := newStill(t)
	var ticks clock
	g.Relay.now = ticks.now
	_, a, _ := g.session(SessionConfig{})
	alice := newPhone(t, newHost())
	a.SetRemote(alice.remote(func(r *Remote) { r.RTP = natPort(r.RTP); r.Learn = true }))
	g.w.step()
	for range 4 {
		alice.talk(a)
		g.w.step()
	}
	if !a.Stats().Latched || a.connected {
		t.Fatalf("latched %v, connected %v; want latched, not connected", a.Stats().Latched, a.connected)
	}
	ticks.move(DefaultLearnWindow)
	alice.talk(a)
	g.w.step()
	if !a.connected {
		t.Error("not connected after the window")
	}
}

// TestPeerThatIsGoneIsNoError: ICMP errors are counted, nothing else.
func TestPeerThatIsGoneIsNoError(t *testing.T) {
	t.Parallel()
	g := newRig(t, newPoller)
	_, a, b := g.session(SessionConfig{})
	alice, bob := newPhone(t, newHost()), newPhone(t, newHost())
	a.SetRemote(alice.remote())
	b.SetRemote(bob.remote())
	expect(t, bob.rtp, alice.talk(a), b.LocalRTP())
	expect(t, alice.rtp, bob.talk(b), a.LocalRTP())

	gone := at(bob.rtp)
	if err := bob.rtp.Close(); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		alice.talk(a)
	}
	g.until("ICMP errors counted", func() bool { return b.Stats().ICMPErrors > 0 && a.Stats().Packets == 6 })

	back, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(gone)) // a phone that restarts
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	expect(t, back, alice.talk(a), b.LocalRTP())
	bob.rtp = back
	expect(t, alice.rtp, bob.talk(b), a.LocalRTP())
}

// TestPendingErrorCostsNoPacket: an ICMP error that waits on a socket makes its
// next send fail; that packet is sent again.
func TestPendingErrorCostsNoPacket(t *testing.T) {
	t.Parallel()
	g := newStill(t)
	l := newLine(t, g.rig, g.w.step)
	gone := at(l.bob.rtp)
	if err := l.bob.rtp.Close(); err != nil {
		t.Fatal(err)
	}
	l.send(t, l.alice.rtp, l.a)
	g.w.step()
	arrives(t, fds(l.b)[0], unix.POLLERR) // now the error is pending on b's socket, and epoll says so
	back, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(gone))
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	l.sequence()
	l.send(t, l.alice.rtp, l.a)
	arrives(t, fds(l.a)[0], unix.POLLIN)
	g.w.packets([]uint64{l.a.pair.token}, 0) // a's packet is handled before b's error is
	expect(t, back, l.voice, l.b.LocalRTP())
	if got := l.b.Stats().ICMPErrors; got != 1 {
		t.Errorf("%d ICMP errors, want 1", got)
	}
}

func TestOutOfDescriptors(t *testing.T) { // not parallel: it takes all descriptors of the process
	g := newRig(t, newPoller, func(c *Config) { portRange(c, 20000, 20001) })
	s, err := g.Session(0, SessionConfig{})
	if err != nil {
		t.Fatal(err)
	}
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	lowest, err := os.Open(os.DevNull) // descriptors up to this one are in use
	if err != nil {
		t.Fatal(err)
	}
	for _, room := range []uint64{0, 1} { // none for the RTP socket; none for the RTCP socket
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(lowest.Fd()) + 1 + room, Max: old.Max}); err != nil {
			t.Fatal(err)
		}
		_, err := s.Open("default", false)
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
			t.Fatal(err)
		}
		if !errors.Is(err, ErrNoDescriptors) || !errors.Is(err, unix.EMFILE) || !strings.Contains(err.Error(), "too many open files") {
			t.Errorf("room for %d: got %v, want ErrNoDescriptors and the system's words", room, err)
		}
		if got := g.Gauges(); got.PortsFree != 1 || got.Sockets != 0 {
			t.Errorf("room for %d: gauges %+v, want the pair back", room, got)
		}
	}
	if err := lowest.Close(); err != nil {
		t.Fatal(err)
	}
	g.open(s)
}

func TestRelayLeavesNoDescriptors(t *testing.T) { // not parallel: it counts the process's descriptors
	before := descriptors(t)
	for range 3 {
		relay, err := New(Config{
			Networks: map[string]Network{"default": {[]netip.Addr{newHost()}, 20000, 20199}},
			Workers:  4,
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := descriptors(t); got != before+4*4 {
			t.Errorf("an idle relay of 4 workers has %d descriptors, want 16", got-before)
		}
		for i := range 20 {
			s, err := relay.Session(1, SessionConfig{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Open("default", false); err != nil {
				t.Fatal(err)
			}
			if i%2 == 0 { // its sockets are spare, soon
				s.Close()
			}
		}
		if err := relay.Close(); err != nil {
			t.Fatal(err)
		}
		if got := descriptors(t); got != before {
			t.Errorf("%d descriptors after Close, want %d", got, before)
		}
	}
}
