package rtprelay

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// reuse is a relay of two port pairs, whose second call gets the sockets of the
// first.
type reuse struct {
	*still
	ticks clock
	v6    bool
}

// newReuse makes one whose address is of either family.
func newReuse(t *testing.T, v6 bool, edits ...func(*Config)) *reuse {
	r := &reuse{v6: v6}
	r.still = newStill(t, append([]func(*Config){r.ticks.use, func(c *Config) {
		n := Network{[]netip.Addr{newHost()}, 20000, 20003}
		if v6 {
			n.Addresses[0] = netip.IPv6Loopback()
			n.PortMin = 10000 + int(hosts.Add(1))%2000*4 // ::1 is all there is: keep tests apart by port
			n.PortMax = n.PortMin + 3
		}
		c.Networks["default"] = n
	}}, edits...)...)
	return r
}

// host is an address for a phone.
func (r *reuse) host() netip.Addr {
	if r.v6 {
		return netip.IPv6Loopback()
	}
	return newHost()
}

// call opens a session of two joined streams with these peers.
func (r *reuse) call(a, b *phone) (s *Session, x, y *Stream) {
	r.t.Helper()
	s, err := r.Session(0, SessionConfig{})
	if err != nil {
		r.t.Fatal(err)
	}
	for side, of := range map[**Stream]*phone{&x: a, &y: b} {
		if *side, err = s.Open("default", r.v6); err != nil {
			r.t.Fatal(err)
		}
		(*side).SetRemote(of.remote())
	}
	s.Join(x, y)
	return s, x, y
}

// all returns the sockets of the streams by port.
func all(streams ...*Stream) map[uint16][2]int {
	m := map[uint16][2]int{}
	for _, st := range streams {
		m[st.port] = fds(st)
	}
	return m
}

// late has a phone send RTP and RTCP to every port there is.
func (r *reuse) late(p *phone) {
	r.t.Helper()
	of := r.ports[0]
	for port := of.first; port <= of.first+3; port++ {
		to := netip.AddrPortFrom(of.address, port)
		p.sequence++
		write(r.t, p.rtp, to, media(r.t, p.ssrc, p.sequence))
		p.report(p.rtcp, to)
		p.report(p.rtp, to)
	}
}

// TestNothingOfTheFormerCall: whatever peers of a call send when it is over does
// not come through the next call that has its sockets, though the next call has
// the same peers: not what the worker finds in quarantine or later, not what
// nobody has looked at when the sockets are taken.
func TestNothingOfTheFormerCall(t *testing.T) {
	t.Parallel()
	for _, v6 := range []bool{false, true} {
		for _, connected := range []bool{false, true} {
			for _, seen := range []bool{false, true} {
				t.Run(fmt.Sprintf("v6=%v connected=%v seen=%v", v6, connected, seen), func(t *testing.T) {
					t.Parallel()
					nothingOfTheFormerCall(t, newReuse(t, v6), connected, seen)
				})
			}
		}
	}
}

func nothingOfTheFormerCall(t *testing.T, r *reuse, connected, seen bool) {
	alice, bob := newPhone(t, r.host()), newPhone(t, r.host())
	s, x, y := r.call(alice, bob)
	r.w.step()
	if connected {
		packet := alice.talk(x)
		r.w.step()
		expect(t, bob.rtp, packet, y.LocalRTP())
		packet = bob.talk(y)
		r.w.step()
		expect(t, alice.rtp, packet, x.LocalRTP())
	}
	if x.connected != connected || y.connected != connected {
		t.Fatalf("connected: %v and %v, want %v", x.connected, y.connected, connected)
	}
	before := all(x, y)
	r.late(alice) // before the close has taken effect
	s.Close()
	r.w.step()
	for _, at := range []time.Duration{DefaultQuarantine / 2, DefaultQuarantine} { // during and after the quarantine
		r.late(alice)
		r.late(bob)
		if seen {
			for range 4 { // one datagram per socket and step
				r.w.poll.wake(0)
				r.w.step()
			}
		}
		r.ticks.move(at)
	}
	if got := r.Gauges(); got.SpareSockets != 4 || got.Sockets != 0 || got.PortsFree != 2 || !r.Idle() {
		t.Fatalf("gauges %+v, want 4 spare sockets of 2 free pairs", got)
	}

	_, x, y = r.call(alice, bob)
	r.w.step()
	r.w.poll.wake(0)
	r.w.step()
	for port, fd := range all(x, y) {
		if before[port] != fd {
			t.Fatalf("port %d has descriptors %v, it had %v", port, fd, before[port])
		}
	}
	if x.connected || y.connected {
		t.Fatal("a stream begins connected")
	}
	for _, st := range []*Stream{x, y} {
		if got := st.Stats(); got.Packets+got.RTCPPackets+got.Dropped()+got.ICMPErrors+got.SentPackets+got.SentRTCPPackets != 0 {
			t.Errorf("the new call counts what is not its own: %+v", got)
		}
	}
	for _, p := range []*phone{alice, bob} {
		silent(t, p.rtp)
		silent(t, p.rtcp)
	}
	packet := alice.talk(x)
	r.w.step()
	expect(t, bob.rtp, packet, y.LocalRTP())
	report := bob.report(bob.rtcp, y.LocalRTCP())
	r.w.step()
	expect(t, alice.rtcp, report, x.LocalRTCP())
}

// TestSocketsOfAConnectedCallHearOthers: the next call has other peers.
func TestSocketsOfAConnectedCallHearOthers(t *testing.T) {
	t.Parallel()
	r := newReuse(t, false)
	for range 3 {
		alice, bob := newPhone(t, newHost()), newPhone(t, newHost())
		s, x, y := r.call(alice, bob)
		r.w.step()
		for range 2 {
			packet := alice.talk(x)
			r.w.step()
			expect(t, bob.rtp, packet, y.LocalRTP())
			packet = bob.talk(y)
			r.w.step()
			expect(t, alice.rtp, packet, x.LocalRTP())
		}
		if !x.connected || !y.connected {
			t.Fatal("not connected")
		}
		s.Close()
		r.w.step()
		r.ticks.move(r.ticks.now() + DefaultQuarantine)
	}
	if got := value(r.cfg.Metrics.opened); got != 2 {
		t.Errorf("%v pairs opened, want 2", got)
	}
	if got := value(r.cfg.Metrics.reused); got != 4 {
		t.Errorf("%v pairs used again, want 4", got)
	}
}

// TestNoErrorOfTheFormerCall: an ICMP error that the former call has caused and
// nobody has seen is not the next one's.
func TestNoErrorOfTheFormerCall(t *testing.T) {
	t.Parallel()
	r := newReuse(t, false)
	alice, bob := newPhone(t, newHost()), newPhone(t, newHost())
	s, x, y := r.call(alice, bob)
	r.w.step()
	bob.talk(y)
	r.w.step() // y is connected
	if err := bob.rtp.Close(); err != nil {
		t.Fatal(err)
	}
	alice.talk(x)
	r.w.step()
	arrives(t, fds(y)[0], unix.POLLERR)
	s.Close()
	r.w.orders(0)
	r.ticks.move(DefaultQuarantine)
	carol := newPhone(t, newHost())
	_, x, y = r.call(alice, carol)
	r.w.step()
	packet := alice.talk(x)
	r.w.step()
	expect(t, carol.rtp, packet, y.LocalRTP())
	if a, b := x.Stats(), y.Stats(); a.ICMPErrors+b.ICMPErrors != 0 {
		t.Errorf("ICMP errors: %d and %d, want none", a.ICMPErrors, b.ICMPErrors)
	}
}

// TestEventOfTheFormerCall: an event that waits while the sockets change hands
// is a look in vain.
func TestEventOfTheFormerCall(t *testing.T) {
	t.Parallel()
	r := newReuse(t, false, func(c *Config) { c.Quarantine = -1 })
	alice, bob := newPhone(t, newHost()), newPhone(t, newHost())
	s, x, _ := r.call(alice, bob)
	r.w.step()
	alice.talk(x)
	tokens := make([]uint64, 16)
	n, err := r.w.poll.wait(tokens, time.Second)
	if err != nil || n != 1 {
		t.Fatalf("%d sockets ready (%v), want 1", n, err)
	}
	s.Close()
	r.w.orders(0)
	_, x, y := r.call(alice, bob)
	r.w.orders(0)
	r.w.packets(tokens[:n], 0)
	silent(t, bob.rtp)
	if a, b := x.Stats(), y.Stats(); a.Packets+b.Packets+a.Dropped()+b.Dropped() != 0 {
		t.Errorf("the former call's packet came to the next: %+v, %+v", a, b)
	}
}
