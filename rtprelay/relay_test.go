package rtprelay

import (
	"errors"
	"net/netip"
	"testing"
	"time"
)

func TestRelaysBothWays(t *testing.T) {
	t.Parallel()
	eachPoller(t, func(t *testing.T, newPoller func() (poller, error)) {
		g := newRig(t, newPoller)
		_, a, b := g.session(SessionConfig{Ref: 7, Index: 2})
		alice, bob := newPhone(t, newHost()), newPhone(t, newHost())
		a.SetRemote(alice.remote())
		b.SetRemote(bob.remote())

		for range 5 {
			expect(t, bob.rtp, alice.talk(a), b.LocalRTP())
			expect(t, alice.rtp, bob.talk(b), a.LocalRTP())
		}
		expect(t, bob.rtcp, alice.report(alice.rtcp, a.LocalRTCP()), b.LocalRTCP())
		expect(t, alice.rtcp, bob.report(bob.rtcp, b.LocalRTCP()), a.LocalRTCP())
		g.settle()

		latched := map[*Stream]netip.AddrPort{}
		for range 2 {
			e := g.event(Latched)
			if latched[e.Stream] = e.Source; e.Ref != 7 || e.Index != 2 || e.At.IsZero() {
				t.Errorf("event %+v, want ref 7, index 2 and a time", e)
			}
		}
		if latched[a] != at(alice.rtp) || latched[b] != at(bob.rtp) {
			t.Errorf("latched %v", latched)
		}
		g.noEvent()
		s := a.Stats()
		if s.Packets != 5 || s.Octets != 5*172 || s.RTCPPackets != 1 || s.SentPackets != 5 || s.SentOctets != 5*172 || s.SentRTCPPackets != 1 {
			t.Errorf("counters: %+v", s)
		}
		if s.SSRC != alice.ssrc || s.PayloadType != 8 || s.Lost != 0 || s.Remote != at(alice.rtp) || !s.Latched || s.LastArrival.IsZero() || s.Dropped() != 0 {
			t.Errorf("description: %+v", s)
		}
	})
}

func TestStreamWithoutPackets(t *testing.T) {
	t.Parallel()
	g := newRig(t, newPoller)
	_, a, _ := g.session(SessionConfig{})
	if s := a.Stats(); s.PayloadType != -1 || !s.LastArrival.IsZero() || s.Remote.IsValid() || s.Latched {
		t.Errorf("fresh stream: %+v", s)
	}
	if rtp, rtcp := a.LocalRTP(), a.LocalRTCP(); rtp.Port()%2 != 0 || rtcp.Port() != rtp.Port()+1 || rtp.Addr() != rtcp.Addr() {
		t.Errorf("ports %v and %v, want even and next", rtp, rtcp)
	}
	a.SetRemote(Remote{RTP: netip.MustParseAddrPort("192.0.2.1:4000")})
	if got := a.Stats().Remote.String(); got != "192.0.2.1:4000" {
		t.Errorf("before latching: remote %v, want the signalled one", got)
	}
}

func TestStrangerHearsAndSaysNothing(t *testing.T) {
	t.Parallel()
	eachPoller(t, func(t *testing.T, newPoller func() (poller, error)) {
		g := newRig(t, newPoller)
		_, a, b := g.session(SessionConfig{})
		alice, bob, mallory := newPhone(t, newHost()), newPhone(t, newHost()), newPhone(t, newHost())
		a.SetRemote(alice.remote(func(r *Remote) { r.Learn = true }))
		b.SetRemote(bob.remote())

		spray := func() {
			for range 10 {
				mallory.talk(a)
				mallory.report(mallory.rtp, a.LocalRTCP())
			}
		}
		spray() // before anybody has spoken
		expect(t, bob.rtp, alice.talk(a), b.LocalRTP())
		spray() // and after
		expect(t, bob.rtp, alice.talk(a), b.LocalRTP())
		expect(t, alice.rtp, bob.talk(b), a.LocalRTP())
		expect(t, bob.rtcp, alice.report(alice.rtcp, a.LocalRTCP()), b.LocalRTCP())
		g.until("stray RTCP dropped", func() bool { return a.Stats().Drops[DropStranger] >= 30 })
		silent(t, bob.rtp)
		silent(t, bob.rtcp)
		silent(t, mallory.rtp)
		silent(t, mallory.rtcp)

		e := g.event(Conflict)
		if e.Stream != a || e.Source != at(mallory.rtp) {
			t.Errorf("conflict %+v, want one of mallory on a", e)
		}
		s := a.Stats()
		if s.Packets != 2 || s.Remote != at(alice.rtp) { // the kernel may have refused 10 of the 40 without a word
			t.Errorf("stats %+v", s)
		}
	})
}

func TestLearnsThePeerBehindNAT(t *testing.T) {
	t.Parallel()
	eachPoller(t, func(t *testing.T, newPoller func() (poller, error)) {
		g := newRig(t, newPoller)
		_, a, b := g.session(SessionConfig{})
		alice, bob := newPhone(t, newHost()), newPhone(t, newHost())
		mapped := at(alice.rtp).Addr()
		a.SetRemote(Remote{
			RTP: netip.MustParseAddrPort("127.7.255.1:4000"), RTCP: netip.MustParseAddrPort("127.7.255.1:4001"), Send: true, Recv: true,
			Learn: true, Prefixes: []netip.Prefix{netip.PrefixFrom(mapped, 32)},
		})
		b.SetRemote(bob.remote())

		alice.talk(a)
		alice.talk(a)
		expect(t, bob.rtp, alice.talk(a), b.LocalRTP()) // the third is the first that counts
		expect(t, alice.rtp, bob.talk(b), a.LocalRTP())
		if e := g.event(Latched); e.Stream != a || e.Source != at(alice.rtp) {
			t.Errorf("event %+v, want a latched on alice", e)
		}
		expect(t, bob.rtcp, alice.report(alice.rtcp, a.LocalRTCP()), b.LocalRTCP())
		expect(t, alice.rtcp, bob.report(bob.rtcp, b.LocalRTCP()), a.LocalRTCP())
		if s := a.Stats(); s.Drops[DropLearning] != 2 || s.Packets != 1 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestLearnWindowCloses(t *testing.T) {
	t.Parallel()
	eachPoller(t, func(t *testing.T, newPoller func() (poller, error)) {
		var ticks clock
		g := newRig(t, newPoller, ticks.use)
		_, a, b := g.session(SessionConfig{})
		alice, bob := newPhone(t, newHost()), newPhone(t, newHost())
		natted := alice.remote(func(r *Remote) {
			r.RTP = natPort(r.RTP) // her NAT uses another port
			r.Learn = true
		})
		a.SetRemote(natted)
		b.SetRemote(bob.remote())
		ticks.move(DefaultLearnWindow)
		for range 5 {
			alice.talk(a)
		}
		g.event(Conflict)
		g.dropped(a, DropStranger, 5)
		if s := a.Stats(); s.Latched {
			t.Fatalf("latched after the window: %+v", s)
		}

		a.SetRemote(natted) // the answer: the same address opens a new window
		alice.talk(a)
		alice.talk(a)
		expect(t, bob.rtp, alice.talk(a), b.LocalRTP())
	})
}

func TestMuxOnOneSide(t *testing.T) {
	t.Parallel()
	eachPoller(t, func(t *testing.T, newPoller func() (poller, error)) {
		g := newRig(t, newPoller)
		_, a, b := g.session(SessionConfig{})
		alice, bob := newPhone(t, newHost()), newPhone(t, newHost())
		a.SetRemote(alice.remote(func(r *Remote) { r.Mux = true }))
		b.SetRemote(bob.remote())

		expect(t, bob.rtp, alice.talk(a), b.LocalRTP())
		expect(t, alice.rtp, bob.talk(b), a.LocalRTP())
		expect(t, bob.rtcp, alice.report(alice.rtp, a.LocalRTP()), b.LocalRTCP())
		expect(t, alice.rtp, bob.report(bob.rtcp, b.LocalRTCP()), a.LocalRTP())

		alice.report(alice.rtcp, a.LocalRTCP()) // she agreed not to
		bob.report(bob.rtp, b.LocalRTP())       // nor did he agree to this
		expect(t, bob.rtp, alice.talk(a), b.LocalRTP())
		expect(t, alice.rtp, bob.talk(b), a.LocalRTP())
		for name, st := range map[string]*Stream{"a": a, "b": b} {
			g.dropped(st, DropUnexpected, 1)
			if s := st.Stats(); s.RTCPPackets != 1 || s.Packets != 2 {
				t.Errorf("%s: %+v", name, s)
			}
		}
	})
}

func TestSetRemoteOpensTheStreamAgain(t *testing.T) {
	t.Parallel()
	eachPoller(t, func(t *testing.T, newPoller func() (poller, error)) {
		g := newRig(t, newPoller)
		_, a, b := g.session(SessionConfig{})
		alice, moved, bob := newPhone(t, newHost()), newPhone(t, newHost()), newPhone(t, newHost())
		a.SetRemote(alice.remote())
		b.SetRemote(bob.remote())
		expect(t, bob.rtp, alice.talk(a), b.LocalRTP())
		expect(t, alice.rtp, bob.talk(b), a.LocalRTP())

		a.SetRemote(alice.remote()) // a refresh changes nothing
		expect(t, alice.rtp, bob.talk(b), a.LocalRTP())

		a.SetRemote(moved.remote())
		expect(t, moved.rtp, bob.talk(b), a.LocalRTP()) // at once, before she speaks
		expect(t, bob.rtp, moved.talk(a), b.LocalRTP())
		alice.talk(a) // the old place is a stranger now
		expect(t, bob.rtp, moved.talk(a), b.LocalRTP())
		expect(t, moved.rtp, bob.talk(b), a.LocalRTP())
		silent(t, bob.rtp)
		silent(t, alice.rtp)
		if s := a.Stats(); s.Remote != at(moved.rtp) || s.Packets != 3 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestHoldStopsRTPAndKeepsRTCP(t *testing.T) {
	t.Parallel()
	eachPoller(t, func(t *testing.T, newPoller func() (poller, error)) {
		g := newRig(t, newPoller)
		_, a, b := g.session(SessionConfig{})
		alice, bob := newPhone(t, newHost()), newPhone(t, newHost())
		a.SetRemote(alice.remote())
		b.SetRemote(bob.remote(func(r *Remote) { r.Send, r.Recv = false, false }))
		alice.talk(a)
		bob.talk(b)
		g.dropped(a, DropNotSending, 1)
		g.dropped(b, DropNotReceiving, 1)
		expect(t, bob.rtcp, alice.report(alice.rtcp, a.LocalRTCP()), b.LocalRTCP())
		expect(t, alice.rtcp, bob.report(bob.rtcp, b.LocalRTCP()), a.LocalRTCP())

		b.SetRemote(bob.remote()) // resumed, still latched
		expect(t, bob.rtp, alice.talk(a), b.LocalRTP())
		expect(t, alice.rtp, bob.talk(b), a.LocalRTP())
		if s := b.Stats(); s.Packets != 2 {
			t.Errorf("stats %+v, want both packets counted", s)
		}
	})
}

func TestJoinCutsAndReplaces(t *testing.T) {
	t.Parallel()
	eachPoller(t, func(t *testing.T, newPoller func() (poller, error)) {
		g := newRig(t, newPoller)
		s, a, b := g.session(SessionConfig{})
		c := g.open(s)
		alice, bob, carol := newPhone(t, newHost()), newPhone(t, newHost()), newPhone(t, newHost())
		for st, p := range map[*Stream]*phone{a: alice, b: bob, c: carol} {
			st.SetRemote(p.remote())
		}
		expect(t, bob.rtp, alice.talk(a), b.LocalRTP())
		s.Join(c, a) // the next attempt
		expect(t, carol.rtp, alice.talk(a), c.LocalRTP())
		expect(t, alice.rtp, carol.talk(c), a.LocalRTP())
		bob.talk(b)
		g.dropped(b, DropNotJoined, 1)
		s.Join(c, nil)
		alice.talk(a)
		carol.talk(c)
		g.dropped(a, DropNotJoined, 1)
		g.dropped(c, DropNotJoined, 1)
		s.Join(a, a) // nonsense changes nothing
		_, foreign, _ := g.session(SessionConfig{})
		s.Join(a, foreign)
		s.Join(nil, a)
		alice.talk(a)
		g.dropped(a, DropNotJoined, 2)
		s.Join(a, b)
		expect(t, bob.rtp, alice.talk(a), b.LocalRTP())
		b.Close()
		alice.talk(a)
		g.dropped(a, DropNotJoined, 3)
		silent(t, carol.rtp)
		silent(t, alice.rtp)
	})
}

func TestJoinsIPv4AndIPv6(t *testing.T) {
	t.Parallel()
	eachPoller(t, func(t *testing.T, newPoller func() (poller, error)) {
		g := newRig(t, newPoller, func(c *Config) {
			n := c.Networks["default"]
			n.Addresses = append(n.Addresses, netip.IPv6Loopback())
			c.Networks["default"] = n
			lo := 21000 + int(hosts.Add(1))%200*40 // ::1 is all there is: keep tests apart by port
			portRange(c, lo, lo+39)
		})
		s, err := g.Session(0, SessionConfig{})
		if err != nil {
			t.Fatal(err)
		}
		for _, families := range [][2]bool{{false, true}, {true, false}, {true, true}} {
			var streams [2]*Stream
			var phones [2]*phone
			for i, v6 := range families {
				if streams[i], err = s.Open("default", v6); err != nil {
					t.Fatal(err)
				}
				host := newHost()
				if v6 {
					host = netip.IPv6Loopback()
				}
				phones[i] = newPhone(t, host)
				streams[i].SetRemote(phones[i].remote())
			}
			s.Join(streams[0], streams[1])
			for range 3 {
				for i := range 2 {
					in, out := streams[i], streams[1-i]
					expect(t, phones[1-i].rtp, phones[i].talk(in), out.LocalRTP())
					expect(t, phones[1-i].rtcp, phones[i].report(phones[i].rtcp, in.LocalRTCP()), out.LocalRTCP())
				}
			}
		}
	})
}

// An SDP that names our own port must not make packets go round.
func TestOwnPortIsNoDestination(t *testing.T) {
	t.Parallel()
	g := newRig(t, newPoller)
	_, a, b := g.session(SessionConfig{})
	bob := newPhone(t, newHost())
	a.SetRemote(Remote{RTP: b.LocalRTP(), RTCP: a.LocalRTCP(), Send: true, Recv: true})
	b.SetRemote(bob.remote())
	bob.talk(b)
	bob.report(bob.rtcp, b.LocalRTCP())
	g.dropped(b, DropNoDestination, 2)
	if s := a.Stats(); s.Remote.IsValid() || s.SentPackets != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestLargestAndSmallestPackets(t *testing.T) {
	t.Parallel()
	g := newRig(t, newPoller)
	_, a, b := g.session(SessionConfig{})
	alice, bob := newPhone(t, newHost()), newPhone(t, newHost())
	a.SetRemote(alice.remote())
	b.SetRemote(bob.remote())
	for _, payload := range []int{0, 1, 1472, 60000, 65507 - rtpHeaderSize} {
		packet := append(media(t, 1, uint16(payload))[:rtpHeaderSize:rtpHeaderSize], make([]byte, payload)...)
		write(t, alice.rtp, a.LocalRTP(), packet)
		expect(t, bob.rtp, packet, b.LocalRTP())
	}
	for _, garbage := range [][]byte{{}, {0x80}, make([]byte, 65507)} {
		write(t, alice.rtp, a.LocalRTP(), garbage)
		write(t, alice.rtcp, a.LocalRTCP(), garbage)
	}
	expect(t, bob.rtp, alice.talk(a), b.LocalRTP())
	g.dropped(a, DropMalformed, 6)
}

func TestCountsLossPerDirection(t *testing.T) {
	t.Parallel()
	g := newRig(t, newPoller)
	_, a, b := g.session(SessionConfig{})
	alice, bob := newPhone(t, newHost()), newPhone(t, newHost())
	a.SetRemote(alice.remote())
	b.SetRemote(bob.remote())
	for n := range 20 {
		if n == 5 || n == 12 {
			alice.sequence += 3 // lost before us
		}
		expect(t, bob.rtp, alice.talk(a), b.LocalRTP())
		expect(t, alice.rtp, bob.talk(b), a.LocalRTP())
	}
	if got, other := a.Stats(), b.Stats(); got.Lost != 6 || got.Packets != 20 || other.Lost != 0 {
		t.Errorf("lost %d of %d and %d, want 6 of 20 and 0", got.Lost, got.Packets, other.Lost)
	}
}

func TestStatsSurviveClose(t *testing.T) {
	t.Parallel()
	g := newRig(t, newPoller)
	s, a, b := g.session(SessionConfig{})
	alice, bob := newPhone(t, newHost()), newPhone(t, newHost())
	a.SetRemote(alice.remote())
	b.SetRemote(bob.remote())
	expect(t, bob.rtp, alice.talk(a), b.LocalRTP())
	s.Close()
	s.Close()
	a.Close()
	a.SetRemote(bob.remote())
	s.Join(a, b)
	s.SetTimeout(time.Second)
	if _, err := s.Open("default", false); !errors.Is(err, ErrClosed) {
		t.Errorf("Open after Close: %v, want ErrClosed", err)
	}
	g.settle()
	if got := a.Stats(); got.Packets != 1 || got.Remote != at(alice.rtp) {
		t.Errorf("stats %+v", got)
	}
}
