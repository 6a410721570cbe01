package main

import (
	"fmt"

	"b2bua/bench/internal/statistics"
)

// The gates: our figure divided by rtpengine's, in the same round.
const (
	gateCPU      = 0.85 // at most, of the time per packet at the last of callCounts
	gateCapacity = 1.4  // at least, of the calls of one processor
)

// A gate is a ratio to rtpengine and what it has to be.
type gate struct {
	name    string
	ratio   statistics.Spread
	limit   float64
	atLeast bool // else at most
	unknown bool // rtpengine was not brought to its limit, so the ratio may be smaller
	shown   bool // for information only
}

func (g gate) met() bool {
	if g.shown {
		return true
	}
	if g.ratio.N == 0 || g.unknown {
		return false
	}
	if g.atLeast {
		return g.ratio.Median >= g.limit
	}
	return g.ratio.Median <= g.limit
}

func (g gate) bound() string {
	if g.shown {
		return "-"
	}
	if g.atLeast {
		return fmt.Sprintf("≥ %.2f", g.limit)
	}
	return fmt.Sprintf("≤ %.2f", g.limit)
}

func (g gate) result() string {
	switch {
	case g.shown:
		return "-"
	case g.met():
		return "PASS"
	}
	return "MISS"
}

// gates are those of the parts that were measured.
func (r *results) gates(o options) []gate {
	var gates []gate
	if o.wants(partCPU) {
		calls := callCounts[len(callCounts)-1]
		ratio := func(figure func(measurement) float64) statistics.Spread {
			return statistics.SpreadOf(statistics.Ratios(r.values(ours, calls, figure), r.values(rtpengineName, calls, figure)))
		}
		what := fmt.Sprintf("time per packet, %d calls, ", calls)
		gates = append(gates,
			gate{name: what + "process", limit: gateCPU, ratio: ratio(processPerPacket)},
			// what else the machine does is in it, and makes relays look alike
			gate{name: what + "whole core", shown: true, ratio: ratio(corePerPacket)})
	}
	if o.wants(partCapacity) {
		us, _ := r.capacities(ours)
		them, open := r.capacities(rtpengineName)
		gates = append(gates, gate{
			name: "calls without loss per core", limit: gateCapacity, atLeast: true, unknown: open,
			ratio: statistics.SpreadOf(statistics.Ratios(us, them)),
		})
	}
	return gates
}
