package main

import (
	"context"
	"time"

	"b2bua/bench/internal/calls"
	"b2bua/bench/internal/statistics"
)

// delayRate is what the bound on the delay is for, in calls a second.
const delayRate = 100

// delayRates are what the delay is measured at. At the rate that the processor
// time is bounded at, a server that gathers messages to save some shows what it
// pays for that.
var delayRates = []int{delayRate, 1000}

// delay measures what a server adds to the time from INVITE to 180: the time
// through it less the time without it, of the same caller and callee in the
// same round.
func (b *bench) delay(ctx context.Context) error {
	servers, stop, err := b.start(ctx, relayServer, kamailioServer)
	if err != nil {
		return err
	}
	defer stop() //nolint:errcheck // the measurements stand
	if err := b.warm(ctx, servers...); err != nil {
		return err
	}
	for round := 1; round <= b.rounds; round++ {
		for _, rate := range delayRates {
			l := load{rate: rate, calls: 8 * rate}
			if b.quick {
				l.calls = 3 * rate
			}
			if err := b.delayAt(ctx, servers, l, round); err != nil {
				return err
			}
		}
	}
	return nil
}

// delayAt is one round at one rate.
func (b *bench) delayAt(ctx context.Context, servers []*server, l load, round int) error {
	direct, err := ring(ctx, calleeAddr, l)
	if err != nil {
		return err
	}
	for _, s := range servers {
		m, err := s.delay(ctx, l, direct)
		if err != nil {
			return err
		}
		m.Round = round
		if err := b.record(m); err != nil {
			return err
		}
	}
	return nil
}

// A ringing is what came of calls that were made for their 180.
type ringing struct {
	calls.Figures
	p50, p99 float64 // ms
}

// ring makes calls and returns the times to their 180s. Each call lasts half a
// second.
func ring(ctx context.Context, target string, l load) (ringing, error) {
	g, err := calls.Open(calls.Config{Caller: callerAddr, Callee: calleeAddr, Target: target, Ring: ringTime, Hold: 500 * time.Millisecond})
	if err != nil {
		return ringing{}, err
	}
	defer g.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := g.Call(ctx, l.calls, l.rate); err != nil {
		return ringing{}, err
	}
	if err := g.Over(ctx); err != nil {
		return ringing{}, err
	}
	d := g.Delays()
	return ringing{g.Figures(), ms(statistics.Percentile(d, 0.5)), ms(statistics.Percentile(d, 0.99))}, nil
}

func (s *server) delay(ctx context.Context, l load, direct ringing) (measurement, error) {
	m := measurement{Of: "delay", Server: s.name, Rate: l.rate, Calls: l.calls}
	before, err := s.settle(ctx)
	if err != nil {
		return m, err
	}
	busy, err := busyPercent(ctx)
	if err != nil {
		return m, err
	}
	through, err := ring(ctx, s.addr, l)
	if err != nil {
		return m, err
	}
	after, err := s.settle(ctx)
	if err != nil {
		return m, err
	}
	m.Values = map[string]float64{
		p50: through.p50 - direct.p50, p99: through.p99 - direct.p99,
		directP50: direct.p50, directP99: direct.p99, background: busy,
		failedLoad: float64(through.Failed + direct.Failed), failedServer: after.failed - before.failed,
		retransmitted: float64(through.Retransmitted),
	}
	if through.Ended != l.calls || direct.Ended != l.calls {
		m.fault("%d calls through the server and %d without ended well, want %d: %s%s",
			through.Ended, direct.Ended, l.calls, through.Reason, direct.Reason)
	}
	m.judgeServer(before, after)
	return m, nil
}
