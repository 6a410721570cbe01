package main

import (
	"context"
	"fmt"
	"time"

	"b2bua/bench/internal/b2bua"
)

// Names of the servers, as the results have them.
const (
	relayServer    = "b2bua relay"
	bypassServer   = "b2bua bypass"
	kamailioServer = "kamailio topoh"
)

// A server is one that calls go through.
type server struct {
	name    string
	addr    string // host:port
	pid     int    // of the root of its processes
	shared  bool   // several processes share memory, so that PSS is the honest figure
	figures func(context.Context) (figures, error)
	profile func(context.Context, int) ([]byte, error) // nil: it has none
	stop    func() error

	left float64 // calls and records that earlier runs have left behind
}

// figures are what a server says of itself.
type figures struct {
	calls      float64 // begun or ended, whichever it counts
	live       float64 // calls that are up, and ended calls whose records are not stored
	failed     float64 // calls
	dropped    float64 // datagrams
	goroutines float64
}

func (b *bench) startB2BUA(ctx context.Context, name string) (*server, error) {
	cfg := b2bua.Config{Binary: b.binary, IP: relayIP, Caller: callerAddr, Callee: calleeAddr, Debug: b.profile != ""}
	if name == bypassServer {
		cfg.IP, cfg.Media = bypassIP, "bypass"
	}
	var err error
	if cfg.Dir, err = b.newDir("b2bua"); err != nil {
		return nil, err
	}
	s, err := b2bua.Start(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &server{
		name: name, addr: s.Addr(), pid: s.PID(), stop: s.Stop, profile: s.Profile,
		figures: func(ctx context.Context) (figures, error) {
			m, err := s.Metrics(ctx)
			if err != nil {
				return figures{}, err
			}
			return figures{
				calls: m.Ended(), live: m.Live() + m.Ended() - m.Saved(), failed: m.Failed(), dropped: m.Dropped(), goroutines: m.Goroutines(),
			}, nil
		},
	}, nil
}

// start runs servers by name; stop ends them all.
func (b *bench) start(ctx context.Context, names ...string) (servers []*server, stop func() error, err error) {
	stop = func() error {
		var failed error
		for _, s := range servers {
			if err := s.stop(); err != nil {
				failed = fmt.Errorf("%s: %w", s.name, err)
			}
		}
		return failed
	}
	for _, name := range names {
		run := b.startB2BUA
		if name == kamailioServer {
			run = b.startKamailio
		}
		s, err := run(ctx, name)
		if err != nil {
			_ = stop() // the first error says more
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		servers = append(servers, s)
	}
	return servers, stop, nil
}

// settleTime is how long a server may take to be done with calls that are over
// for SIPp. One that takes longer has lost track of them.
const settleTime = 15 * time.Second

// settle waits until a server has no call left and has stored every record, but
// for what it was not done with before. What is left after settleTime is in the
// figures.
func (s *server) settle(ctx context.Context) (figures, error) {
	deadline := time.Now().Add(settleTime)
	for {
		f, err := s.figures(ctx)
		if err != nil {
			return f, fmt.Errorf("%s: %w", s.name, err)
		}
		if f.live <= s.left || time.Now().After(deadline) {
			s.left = f.live
			return f, nil
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return f, err
		}
	}
}
