package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"b2bua/bench/internal/statistics"
)

// describeMachine prints what the figures depend on.
func (b *bench) describeMachine() {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	fmt.Fprintf(b.out, "%s, %d × %s, Linux %s, %s, %s\n", time.Now().UTC().Format("2 January 2006"), runtime.NumCPU(), model,
		strings.TrimSpace(string(kernel)), runtime.Version(), kamailioVersion())
	if text, err := os.ReadFile("/proc/sys/net/core/rmem_max"); err == nil {
		if most, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && most < 4<<20 {
			fmt.Fprintf(b.out, "SIPp's sockets get %d bytes of buffer and may drop at 2000 calls/s: sysctl -w net.core.rmem_max=4194304\n", most)
		}
	}
}

func kamailioVersion() string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	text, err := exec.CommandContext(ctx, "kamailio", "-v").Output()
	if err != nil {
		return err.Error()
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimPrefix(first, "version: ")
}

// report prints the tables and returns which bounds are missed.
func (b *bench) report() error {
	loads, memory, delays := b.tables()
	gates, missed := judge(b.results)
	for _, t := range []statistics.Table{loads, memory, delays, gates} {
		if len(t.Rows) > 0 {
			fmt.Fprintln(b.out)
			t.Write(b.out, b.markdown)
		}
	}
	return missed
}

// servers are all there are, in the order of the tables.
var servers = []string{relayServer, bypassServer, kamailioServer}

// tables show every figure: median [lowest..highest], or of counts the sum.
func (b *bench) tables() (loads, memory, delays statistics.Table) {
	r := b.results
	loads.Head = []string{
		"calls/s", "server", "CPU ms/call", "÷ Kamailio's", "failed (SIPp + server)", "retransmitted",
		"dropped (server + SIPp, machine)", "peak MiB", "busy before %",
	}
	for _, of := range []string{"cpu", "stress"} {
		for _, rate := range []int{lowRate, highRate, stressRate} {
			for _, s := range servers {
				if r.values(of, s, rate, cpuPerCall) == nil {
					continue
				}
				count := func(key string) string { return fmt.Sprintf("%.0f", sum(r.values(of, s, rate, key))) }
				loads.Add(strconv.Itoa(rate), s, r.spread(of, s, rate, cpuPerCall).Show("%.3f"), ratio(r, s, rate).Show("%.3f"),
					count(failedLoad)+" + "+count(failedServer), count(retransmitted),
					count(droppedServer)+" + "+count(droppedLoad)+", "+count(droppedAll),
					r.spread(of, s, rate, peakRSS).Show("%.0f"), r.spread(of, s, rate, background).Show("%.0f"))
			}
		}
	}
	memory.Head = []string{"server", "calls up", "KiB/call", "MiB fresh", "MiB warm", "MiB with the calls", "goroutines more"}
	for _, s := range servers {
		show := func(key, format string) string { return r.spread("rss", s, 0, key).Show(format) }
		for _, m := range r.all {
			if m.Of == "rss" && m.Server == s {
				memory.Add(s, strconv.Itoa(m.Calls), show(perCall, "%.2f"),
					show(memoryFresh, "%.1f"), show(memoryBefore, "%.1f"),
					show(memoryAt, "%.1f"), show(goroutines, "%.0f"))
				break
			}
		}
	}
	return loads, memory, r.delays()
}

func (r results) delays() (t statistics.Table) {
	t.Head = []string{"calls/s", "server", "added p50 ms", "added p99 ms", "direct p50 ms", "direct p99 ms"}
	for _, rate := range delayRates {
		for _, s := range servers {
			if r.values("delay", s, rate, p50) == nil {
				continue
			}
			row := []string{strconv.Itoa(rate), s}
			for _, key := range []string{p50, p99, directP50, directP99} {
				row = append(row, r.spread("delay", s, rate, key).Show("%.3f"))
			}
			t.Add(row...)
		}
	}
	return t
}

// ratio is the processor time of a server through Kamailio's, of the rounds in
// which no call failed at either: a call that failed was cheap.
func ratio(r results, server string, rate int) statistics.Spread {
	if server == kamailioServer {
		return statistics.Spread{}
	}
	ours, theirs := r.clean("cpu", server, rate, cpuPerCall), r.clean("cpu", kamailioServer, rate, cpuPerCall)
	var rounds []float64
	for round, v := range ours {
		if under := theirs[round]; under > 0 {
			rounds = append(rounds, v/under)
		}
	}
	return statistics.SpreadOf(rounds)
}

func sum(values []float64) float64 {
	s := 0.0
	for _, v := range values {
		s += v
	}
	return s
}

// A gate is a figure and its bound.
type gate struct {
	name  string
	got   statistics.Spread
	most  float64
	under bool // it must stay below most; else it may reach it
	form  string
}

func (g gate) passed() bool { return g.got.Median < g.most || (!g.under && g.got.Median == g.most) }

// gates are the bounds of everything that was measured.
func gates(r results) []gate {
	kamailioDelay := r.spread("delay", kamailioServer, delayRate, p50)
	stress := func(keys ...string) statistics.Spread {
		var all []float64
		for i, key := range keys {
			for n, v := range r.values("stress", bypassServer, stressRate, key) {
				if i == 0 {
					all = append(all, 0)
				}
				all[n] += v
			}
		}
		return statistics.SpreadOf(all)
	}
	return []gate{
		{"CPU at 1000/s, relay, ÷ Kamailio's", ratio(r, relayServer, highRate), 0.20, false, "%.3f"},
		{"CPU at 1000/s, bypass, ÷ Kamailio's", ratio(r, bypassServer, highRate), 0.15, false, "%.3f"},
		{"KB per call, relay", kilo(r.values("rss", relayServer, 0, perCall)), 12, false, "%.2f"},
		{"KB per call, bypass", kilo(r.values("rss", bypassServer, 0, perCall)), 12, false, "%.2f"},
		{"goroutines more with 4,500 calls, relay", r.spread("rss", relayServer, 0, goroutines), 50, false, "%.0f"},
		{"goroutines more with 10,000 calls, bypass", r.spread("rss", bypassServer, 0, goroutines), 50, false, "%.0f"},
		{"delay added, p50 ms", r.spread("delay", relayServer, delayRate, p50), 0.35, false, "%.3f"},
		{"delay added, p50 ms, below Kamailio's", r.spread("delay", relayServer, delayRate, p50), kamailioDelay.Median, true, "%.3f"},
		{"2000/s: failed calls", stress(failedLoad, failedServer), 0, false, "%.0f"},
		{"2000/s: datagrams dropped", stress(droppedServer, droppedLoad), 0, false, "%.0f"},
		{"2000/s: peak RSS, MB", stress(peakRSS).Scale(mebi / 1e6), 500, true, "%.0f"},
	}
}

// kilo makes KB of KiB.
func kilo(values []float64) statistics.Spread { return statistics.SpreadOf(values).Scale(1.024) }

// errMissed is what the error of a figure wraps that misses its bound.
var errMissed = errors.New("missed")

// judge compares what was measured with its bounds.
func judge(r results) (statistics.Table, error) {
	t := statistics.Table{Head: []string{"gate", "measured", "bound", ""}}
	var missed []error
	for _, g := range gates(r) {
		if g.got.N == 0 {
			continue
		}
		verdict, sign := "PASS", "≤ "
		if g.under {
			sign = "< "
		}
		if !g.passed() {
			verdict = "MISS"
			missed = append(missed, fmt.Errorf("%w: %s is "+g.form+", bound "+g.form, errMissed, g.name, g.got.Median, g.most))
		}
		t.Add(g.name, g.got.Show(g.form), sign+strings.TrimSuffix(fmt.Sprintf("%.3g", g.most), ".000"), verdict)
	}
	return t, errors.Join(missed...)
}
