package rtprelay

import (
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"
)

func TestHundredSessionsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	eachPoller(t, func(t *testing.T, newPoller func() (poller, error)) {
		var ticks clock
		g := newRig(t, newPoller, ticks.use, func(c *Config) { portRange(c, 20000, 20999) })
		idle := g.Gauges()
		if !g.Idle() || idle != (Gauges{PortsFree: 500}) {
			t.Fatalf("fresh relay: %+v", idle)
		}
		alice, bob := newPhone(t, newHost()), newPhone(t, newHost())
		for range 2 {
			var sessions []*Session
			for ref := range 100 {
				s, a, b := g.session(SessionConfig{Ref: uint64(ref), Timeout: time.Minute})
				sessions = append(sessions, s)
				a.SetRemote(alice.remote())
				b.SetRemote(bob.remote())
				expect(t, bob.rtp, alice.talk(a), b.LocalRTP())
			}
			if got := g.Gauges(); got.PortsUsed != 200 || got.Sockets != 400 || got.Sessions != 100 || got.Streams != 200 {
				t.Errorf("100 sessions up: %+v", got)
			}
			for _, s := range sessions {
				s.Close()
			}
			g.settle()
			if !g.Idle() || g.Gauges().PortsQuarantined != 200 {
				t.Errorf("all closed: %+v", g.Gauges())
			}
			ticks.move(ticks.now() + DefaultQuarantine)
			got, spare := g.Gauges(), 0
			for _, w := range g.workers {
				kept := w.relay.ports[0].spares(w.index)
				spare += 2 * kept
				w.slots.mu.Lock()
				if len(w.slots.free)+kept != len(w.slots.generations) {
					t.Errorf("%d of %d slots free, with %d spare pairs", len(w.slots.free), len(w.slots.generations), kept)
				}
				w.slots.mu.Unlock()
			}
			if got.SpareSockets != spare {
				t.Errorf("%d spare sockets, there are %d", got.SpareSockets, spare)
			}
			if got.SpareSockets = 0; got != idle {
				t.Errorf("after quarantine: %+v, want %+v", got, idle)
			}
		}
	})
}

func TestCloseWithEverythingOpen(t *testing.T) {
	t.Parallel()
	eachPoller(t, func(t *testing.T, newPoller func() (poller, error)) {
		g := newRig(t, newPoller)
		for ref := range 20 {
			_, a, b := g.session(SessionConfig{Ref: uint64(ref), Timeout: time.Minute})
			a.SetRemote(newPhone(t, newHost()).remote())
			newPhone(t, newHost()).talk(b)
		}
		var closing sync.WaitGroup
		for range 3 {
			closing.Go(func() {
				if err := g.Relay.Close(); err != nil {
					t.Error(err)
				}
				if !g.Idle() {
					t.Errorf("not idle: %+v", g.Gauges())
				}
			})
		}
		closing.Wait()
	})
}

// TestControlAndPacketsTogether has everything happen at once; the race
// detector and the checks at the end of the rig judge it.
func TestControlAndPacketsTogether(t *testing.T) {
	t.Parallel()
	eachPoller(t, func(t *testing.T, newPoller func() (poller, error)) {
		g := newRig(t, newPoller, func(c *Config) {
			c.Quarantine = -1
			portRange(c, 20000, 21999) // a worker may be slow to close
			c.SpareSockets = 64        // some calls get spare ones, some find no room to leave theirs
			c.Events = func([]Event) {}
		})
		var callers sync.WaitGroup
		for n := range 4 {
			alice, bob := newPhone(t, newHost()), newPhone(t, newHost())
			callers.Go(func() {
				for round := range 40 {
					s, err := g.Session(uint32(n), SessionConfig{Timeout: time.Millisecond})
					if err != nil {
						t.Error(err)
						return
					}
					a, errA := s.Open("default", false)
					b, errB := s.Open("default", false)
					if errA != nil || errB != nil {
						t.Error(errA, errB)
						s.Close()
						return
					}
					var noise sync.WaitGroup
					noise.Go(func() {
						for range 20 {
							alice.talk(a)
							_ = a.Stats()
							_ = g.Gauges()
						}
					})
					noise.Go(func() {
						for range 20 {
							bob.talk(b)
							bob.report(bob.rtcp, b.LocalRTCP())
						}
					})
					s.Join(a, b)
					a.SetRemote(alice.remote())
					b.SetRemote(bob.remote(func(r *Remote) { r.Mux = round%2 == 0 }))
					a.SetRemote(bob.remote(func(r *Remote) { r.Learn = true }))
					a.SetRemote(alice.remote())
					s.Join(b, nil)
					s.Join(b, a)
					if round%3 == 0 {
						a.Close()
					}
					if round%2 == 0 {
						s.Close() // under the packets' feet
					}
					noise.Wait()
					s.Close()
				}
			})
		}
		callers.Wait()
		g.settle()
		if !g.Idle() {
			t.Errorf("not idle: %+v", g.Gauges())
		}
		opened, reused := value(g.cfg.Metrics.opened), value(g.cfg.Metrics.reused)
		_, portable := g.workers[0].poll.(*portable)
		if opened+reused != 320 || portable && reused != 0 { // elsewhere it is a matter of time whether any is
			t.Errorf("%v pairs opened and %v used again, want 320 in all", opened, reused)
		}
	})
}

// TestHeapPerStream measures what a latched stream costs in Go memory, its
// share of the session included.
func TestHeapPerStream(t *testing.T) {
	const sessions, limit = 1000, 1024
	g := newRig(t, newPoller, func(c *Config) { portRange(c, 20000, 27999); c.Workers = 1 })
	heap := func() uint64 {
		g.settle()
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	remote := Remote{
		RTP: netip.MustParseAddrPort("127.0.0.1:4000"), RTCP: netip.MustParseAddrPort("127.0.0.1:4001"), Send: true, Recv: true, Learn: true,
		Prefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, ClockRates: map[uint8]uint32{8: 8000, 96: 48000, 101: 0},
	}
	kept := make([]*Session, 0, sessions)
	before := heap()
	for ref := range sessions {
		s, a, b := g.session(SessionConfig{Ref: uint64(ref), Timeout: time.Minute})
		a.SetRemote(remote)
		b.SetRemote(remote)
		kept = append(kept, s)
	}
	perStream := (heap() - before) / (2 * sessions)
	t.Logf("%d bytes of heap per stream", perStream)
	if perStream > limit {
		t.Errorf("%d bytes of heap per stream, want at most %d", perStream, limit)
	}
	runtime.KeepAlive(kept)
}
