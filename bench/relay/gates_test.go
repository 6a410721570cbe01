package main

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// measured has a round in which our relay uses the given share of rtpengine's
// time and takes so many calls when rtpengine takes 1000.
func measured(share float64, calls int) *results {
	r := &results{log: io.Discard}
	for _, relay := range []struct {
		name string
		time time.Duration
	}{{ours, time.Duration(share * float64(time.Second))}, {rtpengineName, time.Second}, {forward, 0}} {
		for _, n := range callCounts {
			o := outcome{Sent: 1000, Received: 1000, Process: relay.time, Core: relay.time + 1, P50: time.Microsecond, P99: time.Millisecond}
			r.measurements = append(r.measurements,
				measurement{Part: partCPU, Relay: relay.name, Calls: n, Round: 0, outcome: outcome{Sent: 1, Process: time.Hour}}, // warm-up
				measurement{Part: partCPU, Relay: relay.name, Calls: n, Round: 1, outcome: o})
		}
	}
	r.limits = []limitFound{{Relay: ours, Round: 1, Calls: calls}, {Relay: rtpengineName, Round: 1, Calls: 1000}}
	return r
}

func TestGates(t *testing.T) {
	t.Parallel()
	all := options{only: []string{partCPU, partLatency, partCapacity}}
	for _, tt := range []struct {
		share float64
		calls int
		want  []string
	}{
		{0.84, 1401, []string{"PASS", "-", "PASS"}},
		{0.86, 1401, []string{"MISS", "-", "PASS"}},
		{0.84, 1399, []string{"PASS", "-", "MISS"}},
	} {
		r := measured(tt.share, tt.calls)
		var got []string
		for _, g := range r.gates(all) {
			got = append(got, g.result())
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("share %v, %d calls: %v, want %v", tt.share, tt.calls, got, tt.want)
		}
		if good := r.print(io.Discard, all); good == slices.Contains(tt.want, "MISS") {
			t.Errorf("share %v, %d calls: print returns %v", tt.share, tt.calls, good)
		}
	}
}

// What is only known to be no less may make the ratio too large, never pass.
func TestGateNeedsRTPEnginesLimit(t *testing.T) {
	t.Parallel()
	r := measured(0.5, 3000)
	r.limits[1].AtLeast = true
	if gates := r.gates(options{only: []string{partCapacity}}); len(gates) != 1 || gates[0].met() {
		t.Errorf("%+v, want one that is missed", gates)
	}
	if gates := (&results{}).gates(options{only: []string{partCapacity}}); len(gates) != 1 || gates[0].met() {
		t.Errorf("of nothing: %+v, want one that is missed", gates)
	}
}

func TestTables(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	measured(0.5, 1500).print(&out, options{only: []string{partCPU, partLatency, partCapacity}, markdown: true})
	for _, want := range []string{
		"| b2bua | 400 | 500.00 | 500.00 | - |", "| ip_forward | 100 | - | 0.00 |", "| rtpengine | 100 | 1.00 | 1000.00 | 0.0 | 0.0 |",
		"| rtpengine | 1000 |", "| calls without loss per core | 1.50 | ≥ 1.40 | PASS |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
