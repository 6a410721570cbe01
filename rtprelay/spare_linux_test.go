package rtprelay

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSpareSocketsAreBounded: by their own number, and by what sessions may
// need in all.
func TestSpareSocketsAreBounded(t *testing.T) { // not parallel: it counts the process's descriptors
	for _, tt := range []struct {
		name           string
		spare, max     int
		calls          int
		wantSpare, all int
	}{
		{"even", 20, 0, 5, 20, 40},
		{"odd", 7, 0, 5, 6, 26},
		{"none", -1, 0, 5, 0, 20},
		{"sessions may need them", 0, 3, 3, 12, 12},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var ticks clock
			g := newStill(t, ticks.use, func(c *Config) { c.SpareSockets, c.MaxSessions = tt.spare, tt.max })
			before := descriptors(t)
			for range 3 {
				var open []*Session
				for range tt.calls {
					s, _, _ := g.session(SessionConfig{})
					open = append(open, s)
					g.w.orders(ticks.now())
					if got := descriptors(t) - before; got > tt.all {
						t.Errorf("%d sockets, want at most %d", got, tt.all)
					}
				}
				for _, s := range open {
					s.Close()
					g.w.orders(ticks.now())
				}
				if got := g.Gauges(); got.SpareSockets != tt.wantSpare || got.Sockets != 0 || descriptors(t)-before != tt.wantSpare {
					t.Errorf("gauges %+v, %d descriptors, want %d spare sockets", got, descriptors(t)-before, tt.wantSpare)
				}
				ticks.move(ticks.now() + DefaultQuarantine/2) // the next calls get others, and use these up
			}
		})
	}
}

// TestUnusedSpareSocketsAreClosed once they have not been needed for a while,
// and not before.
func TestUnusedSpareSocketsAreClosed(t *testing.T) { // not parallel: it counts the process's descriptors
	var ticks clock
	g := newStill(t, ticks.use, func(c *Config) { c.SpareSockets = 1000 })
	before := descriptors(t)
	var open []*Session
	for range 40 {
		s, _, _ := g.session(SessionConfig{})
		open = append(open, s)
	}
	for _, s := range open {
		s.Close()
	}
	step := func() {
		g.w.poll.wake(0)
		g.w.step()
	}
	step()
	ticks.move(DefaultSpareIdle - 1)
	step()
	if got := g.Gauges(); got.SpareSockets != 160 {
		t.Fatalf("gauges %+v, want 160 spare sockets", got)
	}
	steps := 0
	for ; g.Gauges().SpareSockets > 0 && steps < 40; steps++ {
		was := g.Gauges().SpareSockets
		step()
		if got := was - g.Gauges().SpareSockets; got > 2*closesPerStep {
			t.Errorf("%d sockets closed in one step, want at most %d", got, 2*closesPerStep)
		}
		if wait := g.w.until(ticks.now()); wait < 0 && g.Gauges().SpareSockets > 0 {
			t.Fatal("the worker would not look again")
		} else if wait > 0 {
			ticks.move(ticks.now() + wait)
		}
	}
	if got := g.Gauges(); got.SpareSockets != 0 || descriptors(t) != before || got.PortsFree != 100 {
		t.Errorf("gauges %+v, %d descriptors more; want all closed", got, descriptors(t)-before)
	}
	if ticks.now() > 3*DefaultSpareIdle {
		t.Errorf("closed at %v", ticks.now())
	}
	if step(); g.w.until(ticks.now()) >= 0 {
		t.Error("the worker looks for spare sockets where there are none")
	}
}

// TestSpareSocketsOfManyStraysAreClosed: who keeps sending gets the network's
// answer, and the port rests all the same.
func TestSpareSocketsOfManyStraysAreClosed(t *testing.T) {
	t.Parallel()
	r := newReuse(t, false)
	alice, bob := newPhone(t, newHost()), newPhone(t, newHost())
	s, x, _ := r.call(alice, bob)
	r.w.step()
	s.Close()
	r.w.step()
	for i := range maxStrays {
		if got := r.Gauges().SpareSockets; got != 4 {
			t.Fatalf("after %d datagrams: %d spare sockets, want 4", i, got)
		}
		alice.talk(x)
		r.w.step()
	}
	if got := r.Gauges(); got.SpareSockets != 2 || got.PortsQuarantined != 2 {
		t.Errorf("gauges %+v, want two of four sockets closed, and all ports resting", got)
	}
	if got := value(r.cfg.Metrics.strays); got != maxStrays {
		t.Errorf("%v strays counted, want %d", got, maxStrays)
	}
	r.ticks.move(DefaultQuarantine - 1)
	if _, port := r.ports[0].take(0, r.ticks.now()); port != 0 {
		t.Errorf("port %d is free in its quarantine", port)
	}
}

// TestFloodedPairIsNotTaken: what cannot be emptied is closed.
func TestFloodedPairIsNotTaken(t *testing.T) {
	t.Parallel()
	r := newReuse(t, false)
	alice, bob := newPhone(t, newHost()), newPhone(t, newHost())
	s, x, y := r.call(alice, bob)
	r.w.step()
	s.Close()
	r.w.step()
	r.ticks.move(DefaultQuarantine)
	for range maxLate + 1 {
		alice.report(alice.rtp, x.LocalRTCP())
		alice.report(alice.rtp, y.LocalRTCP())
	}
	s, err := r.Session(0, SessionConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open("default", false); !errors.Is(err, ErrNoPorts) {
		t.Errorf("got %v, want ErrNoPorts", err)
	}
	r.w.step()
	if got := r.Gauges(); got.SpareSockets != 0 || got.PortsQuarantined != 2 {
		t.Errorf("gauges %+v, want no spare sockets and all ports resting", got)
	}
	r.ticks.move(2 * DefaultQuarantine)
	r.open(s)
}

// TestSparesOfAnotherWorker: a port is free for all, whoever has its sockets.
func TestSparesOfAnotherWorker(t *testing.T) {
	t.Parallel()
	g := newRig(t, newPoller, func(c *Config) { portRange(c, 20000, 20003); c.Quarantine = -1 })
	for worker := range uint64(4) {
		s, a, b := g.session(SessionConfig{Ref: worker})
		alice, bob := newPhone(t, newHost()), newPhone(t, newHost())
		a.SetRemote(alice.remote())
		b.SetRemote(bob.remote())
		expect(t, bob.rtp, alice.talk(a), b.LocalRTP())
		s.Close()
		g.settle()
		if got := g.Gauges(); got.SpareSockets != 4 || got.PortsFree != 2 {
			t.Fatalf("gauges %+v, want 4 spare sockets", got)
		}
	}
}

// TestSparesGiveTheirDescriptors: a call is not refused for the sake of spare
// sockets.
func TestSparesGiveTheirDescriptors(t *testing.T) { // not parallel: it takes all descriptors of the process
	g := newRig(t, newPoller) // with the usual quarantine: what is spare cannot be used
	s, _, _ := g.session(SessionConfig{})
	s.Close()
	g.settle()
	if got := g.Gauges(); got.SpareSockets != 4 {
		t.Fatalf("gauges %+v, want 4 spare sockets", got)
	}
	s, err := g.Session(1, SessionConfig{})
	if err != nil {
		t.Fatal(err)
	}
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	lowest, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer lowest.Close()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(lowest.Fd()) + 1, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	_, first := s.Open("default", false)
	_, second := s.Open("default", false)
	_, third := s.Open("default", false)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if first != nil || second != nil {
		t.Errorf("refused while sockets were spare: %v, %v", first, second)
	}
	if !errors.Is(third, ErrNoDescriptors) || !strings.Contains(third.Error(), "too many open files") {
		t.Errorf("got %v, want ErrNoDescriptors", third)
	}
}
