package main

import (
	"context"
	"time"

	"b2bua/bench/internal/calls"
	"b2bua/bench/internal/proc"
)

// memory measures what a server's memory grows by with each call that is up.
// Every round takes a fresh server, as one that has held many calls keeps the
// pages.
func (b *bench) memory(ctx context.Context) error {
	for round := 1; round <= b.rounds; round++ {
		for _, n := range []struct {
			server string
			load   load
		}{
			{relayServer, load{rate: 1000, calls: 4500}}, // four sockets each, of 20,000 descriptors
			{bypassServer, load{rate: 1000, calls: 10000}},
			{kamailioServer, load{rate: 600, calls: 4500}},
		} {
			m, err := b.hold(ctx, n.server, n.load, round)
			if err != nil {
				return err
			}
			if err := b.record(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// hold makes calls, looks at the server while all are up, and hangs up.
func (b *bench) hold(ctx context.Context, name string, l load, round int) (measurement, error) {
	m := measurement{Of: "rss", Server: name, Rate: l.rate, Calls: l.calls, Round: round}
	servers, stop, err := b.start(ctx, name)
	if err != nil {
		return m, err
	}
	defer stop() //nolint:errcheck // the measurement stands
	s := servers[0]
	fresh, err := s.held(ctx)
	if err != nil {
		return m, err
	}
	if err := b.warm(ctx, s); err != nil {
		return m, err
	}
	g, err := calls.Open(calls.Config{Caller: callerAddr, Callee: calleeAddr, Target: s.addr})
	if err != nil {
		return m, err
	}
	defer g.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	before, at, err := s.grow(ctx, g, l)
	if err != nil {
		return m, err
	}
	if err := g.HangUp(ctx, l.rate); err != nil {
		return m, err
	}
	after, err := s.settle(ctx)
	if err != nil {
		return m, err
	}
	f := g.Figures()
	grown := float64(at.bytes - before.bytes)
	m.Values = map[string]float64{
		perCall:       grown / 1024 / float64(l.calls),
		memoryFresh:   float64(fresh.bytes) / mebi,
		memoryBefore:  float64(before.bytes) / mebi,
		memoryAt:      float64(at.bytes) / mebi,
		goroutines:    at.goroutines - before.goroutines,
		failedLoad:    float64(f.Failed),
		failedServer:  after.failed - before.failed,
		retransmitted: float64(f.Retransmitted),
	}
	if f.Ended != l.calls {
		m.fault("%d of %d calls were held and ended well: %s", f.Ended, l.calls, f.Reason)
	}
	m.judgeServer(before.figures, after)
	return m, nil
}

// A held is what a server holds.
type held struct {
	figures
	bytes int64
}

// grow reads what s holds before the calls of a load and while they are up.
func (s *server) grow(ctx context.Context, g *calls.Generator, l load) (before, at held, err error) {
	if before, err = s.held(ctx); err != nil {
		return before, at, err
	}
	if err = g.Call(ctx, l.calls, l.rate); err != nil {
		return before, at, err
	}
	if err = pause(ctx, 2*time.Second); err != nil { // the set-up is over
		return before, at, err
	}
	at, err = s.held(ctx)
	return before, at, err
}

func (s *server) held(ctx context.Context) (h held, err error) {
	if h.figures, err = s.figures(ctx); err != nil {
		return h, err
	}
	use, err := proc.Read(s.pid)
	h.bytes = s.memory(use)
	return h, err
}

// memory is the honest figure of what s uses, in bytes.
func (s *server) memory(use proc.Usage) int64 {
	if s.shared {
		return use.PSS
	}
	return use.RSS
}
