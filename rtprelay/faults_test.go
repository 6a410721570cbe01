package rtprelay

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestRunsOutOfPorts(t *testing.T) {
	t.Parallel()
	var ticks clock
	g := newRig(t, newPoller, ticks.use, func(c *Config) { portRange(c, 20000, 20005) })
	s, err := g.Session(0, SessionConfig{})
	if err != nil {
		t.Fatal(err)
	}
	first := g.open(s)
	g.open(s)
	g.open(s)
	_, err = s.Open("default", false)
	if !errors.Is(err, ErrNoPorts) || !strings.Contains(err.Error(), `network "default"`) || !strings.Contains(err.Error(), "3 in use, 0 in quarantine") {
		t.Errorf("got %v, want ErrNoPorts with the network and the counts", err)
	}
	first.Close()
	g.settle()
	if _, err = s.Open("default", false); !errors.Is(err, ErrNoPorts) || !strings.Contains(err.Error(), "2 in use, 1 in quarantine") {
		t.Errorf("during quarantine: %v", err)
	}
	ticks.move(DefaultQuarantine)
	if st := g.open(s); st.LocalRTP() != first.LocalRTP() {
		t.Errorf("got %v, want the released %v", st.LocalRTP(), first.LocalRTP())
	}
	if got := value(g.cfg.Metrics.refusals.WithLabelValues("ports")); got != 2 {
		t.Errorf("%v refusals counted, want 2", got)
	}
}

func TestPortHeldByAnotherProcess(t *testing.T) {
	t.Parallel()
	eachPoller(t, func(t *testing.T, newPoller func() (poller, error)) {
		host := newHost()
		for _, port := range []uint16{20000, 20003} { // an RTP port of one pair, the RTCP port of the next
			held, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(host, port)))
			if err != nil {
				t.Fatal(err)
			}
			defer held.Close()
		}
		g := newRig(t, newPoller, func(c *Config) {
			c.Networks["default"] = Network{[]netip.Addr{host}, 20000, 20005}
		})
		s, err := g.Session(0, SessionConfig{})
		if err != nil {
			t.Fatal(err)
		}
		if st := g.open(s); st.LocalRTP().Port() != 20004 {
			t.Errorf("got port %d, want the free 20004", st.LocalRTP().Port())
		}
		if _, err := s.Open("default", false); !errors.Is(err, ErrNoPorts) {
			t.Errorf("got %v, want ErrNoPorts", err)
		}
		if got := g.Gauges(); got.PortsUsed != 1 || got.Sockets != 2 || got.Streams != 1 {
			t.Errorf("gauges %+v, want one pair used", got)
		}
		if got := value(g.cfg.Metrics.portConflicts); got < 2 {
			t.Errorf("%v conflicts counted, want 2", got)
		}
	})
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	g := newRig(t, newPoller, func(c *Config) { c.MaxSessions = 1 })
	s, err := g.Session(0, SessionConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Session(0, SessionConfig{}); !errors.Is(err, ErrTooManySessions) {
		t.Errorf("second session: %v, want ErrTooManySessions", err)
	}
	if _, err := s.Open("inside", false); !errors.Is(err, ErrNoNetwork) || !strings.Contains(err.Error(), `"inside"`) {
		t.Errorf("unknown network: %v", err)
	}
	if _, err := s.Open("default", true); !errors.Is(err, ErrNoNetwork) || !strings.Contains(err.Error(), "IPv6") {
		t.Errorf("no IPv6 address: %v", err)
	}
	s.Close()
	if s, err = g.Session(0, SessionConfig{}); err != nil {
		t.Errorf("after Close: %v", err)
	}
	if err := g.Relay.Close(); err != nil {
		t.Error(err)
	}
	if _, err := g.Session(0, SessionConfig{}); !errors.Is(err, ErrClosed) {
		t.Errorf("session of a closed relay: %v", err)
	}
	if _, err := s.Open("default", false); !errors.Is(err, ErrClosed) {
		t.Errorf("stream of a closed relay: %v", err)
	}
}

// breaking is a poller whose open fails on the n-th call.
type breaking struct {
	poller
	calls, failAt int
	err           error
}

func (b *breaking) open(local netip.AddrPort, token uint64) (socket, error) {
	if b.calls++; b.calls == b.failAt {
		return nil, b.err
	}
	return b.poller.open(local, token)
}

func TestOpenGivesEverythingBack(t *testing.T) {
	t.Parallel()
	for failAt, what := range map[int]string{2: "RTP", 3: "RTCP"} { // the first call is New's check
		p := &breaking{failAt: failAt, err: errors.Join(ErrNoDescriptors, errors.New("too many open files"))}
		g := newRig(t, func() (_ poller, err error) { p.poller, err = newPoller(); return p, err },
			func(c *Config) { c.Workers = 1; portRange(c, 20000, 20001) })
		s, err := g.Session(0, SessionConfig{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Open("default", false); !errors.Is(err, ErrNoDescriptors) {
			t.Errorf("%s: got %v, want ErrNoDescriptors", what, err)
		}
		if got := g.Gauges(); got.PortsFree != 1 || got.Sockets != 0 || got.Streams != 0 {
			t.Errorf("%s: gauges %+v, want the pair free", what, got)
		}
		g.open(s) // the only pair, at once: it was never used
		if got := len(g.workers[0].slots.generations); got != 1 {
			t.Errorf("%s: %d slots, want the first used again", what, got)
		}
	}
}

// poisoned panics when it is received from.
type poisoned struct{ socket }

func (poisoned) recv([]byte) (int, netip.AddrPort, error) { panic("poison") }

func TestPanicCostsOnePacket(t *testing.T) {
	t.Parallel()
	g := newRig(t, newPoller, func(c *Config) { c.Workers = 1 })
	_, a, b := g.session(SessionConfig{})
	alice, bob := newPhone(t, newHost()), newPhone(t, newHost())
	a.SetRemote(alice.remote())
	b.SetRemote(bob.remote())
	g.settle()
	w := g.workers[0]
	healthy := make(chan socket, 1)
	swap := func(to socket) {
		done := make(chan struct{})
		w.post(orderFunc(func(time.Duration) { healthy <- a.pair.rtp; a.pair.rtp = to; close(done) }))
		<-done
	}
	swap(poisoned{})
	sock := <-healthy
	alice.talk(a)
	g.until("panic counted", func() bool { return value(g.cfg.Metrics.panics) >= 1 })
	w.post(orderFunc(func(time.Duration) { panic("order") }))
	swap(sock)
	expect(t, bob.rtp, media(t, alice.ssrc, alice.sequence), b.LocalRTP()) // it had not been received
	expect(t, bob.rtp, alice.talk(a), b.LocalRTP())
	expect(t, alice.rtp, bob.talk(b), a.LocalRTP())
	<-healthy
}

func TestPanicInEventsCostsOneBatch(t *testing.T) {
	t.Parallel()
	got := make(chan Event, 16)
	g := newRig(t, newPoller, func(c *Config) {
		c.Events = func(batch []Event) {
			send(got, batch)
			panic("handler")
		}
	})
	_, a, b := g.session(SessionConfig{})
	alice, bob := newPhone(t, newHost()), newPhone(t, newHost())
	a.SetRemote(alice.remote())
	b.SetRemote(bob.remote())
	expect(t, bob.rtp, alice.talk(a), b.LocalRTP())
	<-got
	expect(t, alice.rtp, bob.talk(b), a.LocalRTP())
	<-got
	g.until("panics counted", func() bool { return value(g.cfg.Metrics.panics) == 2 })
}

func TestFullRingCountsLostEvents(t *testing.T) {
	t.Parallel()
	gate, entered := make(chan struct{}), make(chan struct{}, 16)
	g := newRig(t, newPoller, func(c *Config) {
		c.Workers, c.EventQueue = 1, 1
		c.Events = func([]Event) { entered <- struct{}{}; <-gate }
	})
	defer close(gate)
	var streams []*Stream
	for range 4 {
		_, a, _ := g.session(SessionConfig{})
		streams = append(streams, a)
	}
	latchOne := func(a *Stream) {
		p := newPhone(t, newHost())
		a.SetRemote(p.remote())
		p.talk(a)
		g.until("latched", func() bool { return a.Stats().Latched })
	}
	latchOne(streams[0])
	<-entered // the deliverer is stuck with it
	latchOne(streams[1])
	latchOne(streams[2])
	latchOne(streams[3])
	g.until("two lost", func() bool { return value(g.cfg.Metrics.lostEvents) == 2 })
}
