package main

import (
	"context"
	"fmt"
	"time"

	"b2bua/bench/internal/proc"
)

// Before a load the machine is watched a second at a time until it is quiet,
// but not longer than so many seconds.
const (
	watchFor     = time.Second
	quietPercent = 20 // of one processor
	watchMost    = 10
)

// What measurements are of that are none.
const (
	warmUp   = "warm-up"
	checking = "check"
)

// mebi is bytes in a MiB.
const mebi = 1 << 20

// A reading is everything that is read before and after a load.
type reading struct {
	figures
	cpu       time.Duration
	dropped   int64 // at the server's sockets
	overflows int64 // at all sockets
}

func (s *server) read(ctx context.Context) (r reading, err error) {
	if r.figures, err = s.settle(ctx); err != nil {
		return r, err
	}
	if r.cpu, err = proc.CPU(s.pid); err != nil {
		return r, err
	}
	if r.dropped, err = proc.UDPDrops(s.pid); err != nil {
		return r, err
	}
	r.overflows, err = proc.UDPOverflows(s.pid)
	return r, err
}

// load puts a load on a server and measures what it costs. The processor time
// is that from before the first call until no call is left and every record is
// stored.
func (b *bench) load(ctx context.Context, of string, s *server, l load, round int) (measurement, error) {
	m := measurement{Of: of, Server: s.name, Rate: l.rate, Calls: l.calls, Round: round}
	before, err := s.read(ctx)
	if err != nil {
		return m, err
	}
	busy, err := busyPercent(ctx)
	if err != nil {
		return m, err
	}
	out, err := b.sipp(ctx, s, l)
	if err != nil {
		return m, err
	}
	if err := pause(ctx, watchFor); err != nil {
		return m, err
	}
	after, err := s.read(ctx)
	if err != nil {
		return m, err
	}
	calls := float64(l.calls)
	m.Values = map[string]float64{
		cpuPerCall:    ms(after.cpu-before.cpu) / calls,
		loadCPU:       ms(out.cpu) / calls,
		reachedRate:   calls / (out.took - holdTime - ringTime).Seconds(),
		failedLoad:    out.caller.failed + out.callee.failed,
		failedServer:  after.failed - before.failed,
		retransmitted: out.caller.retransmitted + out.callee.retransmitted,
		droppedServer: max(0, float64(after.dropped-before.dropped)) + after.figures.dropped - before.figures.dropped,
		droppedLoad:   float64(out.dropped),
		droppedAll:    float64(after.overflows - before.overflows),
		peakRSS:       float64(out.peak) / mebi,
		background:    busy,
	}
	m.judgeServer(before.figures, after.figures)
	m.judgeLoad(after.calls-before.calls, out)
	return m, nil
}

// judgeServer names what went wrong by the server's own account.
func (m *measurement) judgeServer(before, after figures) {
	if failed := after.failed - before.failed; failed > 0 {
		m.fault("%.0f calls failed at the server", failed)
	}
	if left := after.live - before.live; left > 0 {
		m.fault("the server still has %.0f calls or records %s after the last call", left, settleTime)
	}
}

// judgeLoad names what went wrong by SIPp's account, or makes the figures
// worthless.
func (m *measurement) judgeLoad(seen float64, out loaded) {
	if failed := m.Values[failedLoad]; failed > 0 {
		m.fault("%.0f calls failed at SIPp: %s", failed, out.said)
	}
	calls := float64(m.Calls)
	if out.caller.created != calls || out.caller.ok != calls {
		m.fault("SIPp made %.0f calls, %.0f of them well; want %d", out.caller.created, out.caller.ok, m.Calls)
	}
	if seen != calls {
		m.fault("the server counted %.0f calls, want %d", seen, m.Calls)
	}
	if m.Values[cpuPerCall] <= 0 {
		m.fault("no processor time was seen")
	}
	if reached := m.Values[reachedRate]; m.Of != warmUp && m.Of != checking && reached < 0.95*float64(m.Rate) {
		m.fault("SIPp reached %.0f calls/s, asked for %d", reached, m.Rate)
	}
}

// busyPercent lets the machine settle and returns what everybody uses, in
// percent of one processor.
func busyPercent(ctx context.Context) (float64, error) {
	percent := 0.0
	for range watchMost {
		before, err := proc.Machine()
		if err != nil {
			return 0, err
		}
		if err := pause(ctx, watchFor); err != nil {
			return 0, err
		}
		after, err := proc.Machine()
		if err != nil {
			return 0, err
		}
		if percent = max(0, 100*(after-before).Seconds()/watchFor.Seconds()); percent <= quietPercent {
			break
		}
	}
	return percent, nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// warm puts a load on a fresh server before it is measured: its first pages
// are dear. The warm-up is no figure, but a call that fails in it is a fault.
func (b *bench) warm(ctx context.Context, servers ...*server) error {
	for _, s := range servers {
		const rate = 500
		m, err := b.load(ctx, warmUp, s, load{rate: rate, calls: 3 * rate}, 0)
		if err != nil {
			return fmt.Errorf("warm-up: %w", err)
		}
		if len(m.Faults) == 0 {
			continue
		}
		if err := b.record(m); err != nil {
			return err
		}
	}
	return nil
}
