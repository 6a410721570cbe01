package main

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// measured makes results of one value for each round.
func measured(of, server string, rate int, key string, values ...float64) []measurement {
	var all []measurement
	for i, v := range values {
		all = append(all, measurement{Of: of, Server: server, Rate: rate, Calls: 10, Round: i + 1, Values: map[string]float64{key: v}})
	}
	return all
}

// Ratios are made in a round, and gates compare medians.
func TestGates(t *testing.T) {
	t.Parallel()
	var r results
	for _, m := range [][]measurement{
		measured("cpu", relayServer, highRate, cpuPerCall, 0.2, 0.9, 0.4),
		measured("cpu", bypassServer, highRate, cpuPerCall, 0.15, 0.15, 0.3),
		measured("cpu", kamailioServer, highRate, cpuPerCall, 1, 1, 2),
		measured("delay", relayServer, delayRate, p50, 0.3),
		measured("delay", kamailioServer, delayRate, p50, 0.3),
		measured("rss", relayServer, 1000, perCall, 11.7, 11.8), // KiB: 12.03 KB
	} {
		r.all = append(r.all, m...)
	}
	// A round that does not count is in no ratio.
	r.all = append(r.all,
		measurement{Of: "cpu", Server: relayServer, Rate: highRate, Round: 4, Values: map[string]float64{cpuPerCall: 9}, Faults: []string{"x"}},
		measurement{Of: "cpu", Server: kamailioServer, Rate: highRate, Round: 4, Values: map[string]float64{cpuPerCall: 1}})
	table, err := judge(r)
	want := map[string]string{
		"CPU at 1000/s, relay, ÷ Kamailio's":    "0.200 [0.200..0.900] ≤ 0.2 PASS",
		"CPU at 1000/s, bypass, ÷ Kamailio's":   "0.150 [0.150..0.150] ≤ 0.15 PASS",
		"delay added, p50 ms":                   "0.300 ≤ 0.35 PASS",
		"delay added, p50 ms, below Kamailio's": "0.300 < 0.3 MISS",
		"KB per call, relay":                    "12.03 [11.98..12.08] ≤ 12 MISS",
	}
	for _, row := range table.Rows {
		if got := strings.Join(row[1:], " "); got != want[row[0]] {
			t.Errorf("%s: %s, want %s", row[0], got, want[row[0]])
		}
		delete(want, row[0])
	}
	for name := range want {
		t.Errorf("%s was not judged", name)
	}
	if err == nil || strings.Count(err.Error(), "missed:") != 2 {
		t.Errorf("the error is %v", err)
	}
	if table, err := judge(results{}); err != nil || len(table.Rows) != 0 {
		t.Errorf("nothing was judged as %v, %v", table.Rows, err)
	}
}

// Failed and dropped, on either side, are added up.
func TestStressGates(t *testing.T) {
	t.Parallel()
	m := measurement{Of: "stress", Server: bypassServer, Rate: stressRate, Values: map[string]float64{
		failedLoad: 0, failedServer: 1, droppedServer: 0, droppedLoad: 0, peakRSS: 470,
	}}
	table, err := judge(results{all: []measurement{m}})
	verdicts := ""
	for _, row := range table.Rows {
		verdicts += row[3] + " "
	}
	if verdicts != "MISS PASS PASS " || !errors.Is(err, errMissed) {
		t.Errorf("verdicts %s, error %v", verdicts, err)
	}
}

// A run with a fault does not count, whatever its figures.
func TestFaults(t *testing.T) {
	t.Parallel()
	b := bench{out: io.Discard, json: io.Discard}
	good := loaded{caller: sippStat{created: 10, ok: 10}}
	for _, tt := range []struct {
		name         string
		values       map[string]float64
		before, last figures
		seen         float64
		out          loaded
		faults       int
	}{
		{"good", map[string]float64{cpuPerCall: 1, reachedRate: 10}, figures{}, figures{}, 10, good, 0},
		{"no CPU", map[string]float64{reachedRate: 10}, figures{}, figures{}, 10, good, 1},
		{"too slow", map[string]float64{cpuPerCall: 1, reachedRate: 9}, figures{}, figures{}, 10, good, 1},
		{"SIPp", map[string]float64{cpuPerCall: 1, reachedRate: 10, failedLoad: 1}, figures{}, figures{}, 10, loaded{caller: sippStat{created: 10, ok: 9}}, 2},
		{"server", map[string]float64{cpuPerCall: 1, reachedRate: 10}, figures{failed: 1}, figures{failed: 2}, 10, good, 1},
		{"failed before", map[string]float64{cpuPerCall: 1, reachedRate: 10}, figures{failed: 1}, figures{failed: 1}, 10, good, 0},
		{"left", map[string]float64{cpuPerCall: 1, reachedRate: 10}, figures{}, figures{live: 1}, 10, good, 1},
		{"elsewhere", map[string]float64{cpuPerCall: 1, reachedRate: 10}, figures{}, figures{}, 0, good, 1},
	} {
		m := measurement{Rate: 10, Calls: 10, Values: tt.values}
		m.judgeServer(tt.before, tt.last)
		m.judgeLoad(tt.seen, tt.out)
		if len(m.Faults) != tt.faults {
			t.Errorf("%s: faults %q, want %d", tt.name, m.Faults, tt.faults)
		}
		if err := b.record(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.results.faults(); err == nil || !strings.HasPrefix(err.Error(), "6 measurements") {
		t.Errorf("the run ended with %v", err)
	}
	if err := (results{}).faults(); err != nil {
		t.Error(err)
	}
}

// Both forms of the tables name every server that was measured.
func TestReport(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	b := bench{options: options{markdown: true}, out: &out, json: io.Discard}
	for _, m := range [][]measurement{
		measured("cpu", kamailioServer, lowRate, cpuPerCall, 1.5),
		measured("rss", bypassServer, 1000, perCall, 3),
		measured("delay", relayServer, delayRate, p50, 0.2),
		measured("delay", kamailioServer, delayRate, p50, 0.5),
	} {
		b.results.all = append(b.results.all, m...)
	}
	if err := b.report(); err != nil {
		t.Error(err)
	}
	for _, want := range []string{
		"| 200 | kamailio topoh | 1.500 | - |", "| b2bua bypass | 10 | 3.00 |", "| b2bua relay | 0.200 |",
		"| delay added, p50 ms | 0.200 | ≤ 0.35 | PASS |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}
