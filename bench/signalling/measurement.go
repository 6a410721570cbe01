package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"b2bua/bench/internal/statistics"
)

// Keys of the values of a measurement.
const (
	cpuPerCall    = "cpu_ms_per_call"
	loadCPU       = "sipp_cpu_ms_per_call"
	reachedRate   = "calls_per_second"
	failedLoad    = "failed_calls_sipp"   // caller and callee
	failedServer  = "failed_calls_server" // by the server's own count
	retransmitted = "retransmissions"     // by SIPp
	droppedServer = "dropped_at_server"   // by its sockets, and by its metrics
	droppedLoad   = "dropped_at_sipp"     // by SIPp's sockets
	droppedAll    = "dropped_at_machine"  // by every socket of the network namespace
	peakRSS       = "peak_rss_mib"
	background    = "background_percent" // of one processor, by everybody just before
	perCall       = "kib_per_call"
	memoryFresh   = "fresh_mib"  // before the warm-up
	memoryBefore  = "before_mib" // after it
	memoryAt      = "with_calls_mib"
	goroutines    = "goroutines_more"
	p50           = "p50_ms"
	p99           = "p99_ms"
	directP50     = "direct_p50_ms"
	directP99     = "direct_p99_ms"
)

// A measurement is one line of the JSON file.
type measurement struct {
	Of     string             `json:"of"` // cpu, rss, delay, stress
	Server string             `json:"server"`
	Rate   int                `json:"rate"` // calls a second
	Calls  int                `json:"calls"`
	Round  int                `json:"round"` // from 1
	At     time.Time          `json:"at"`
	Values map[string]float64 `json:"values"`
	Faults []string           `json:"faults,omitempty"` // why it does not count
}

func (m *measurement) fault(format string, args ...any) {
	m.Faults = append(m.Faults, fmt.Sprintf(format, args...))
}

// results are the measurements of a run.
type results struct{ all []measurement }

// record keeps a measurement, and shows it.
func (b *bench) record(m measurement) error {
	m.At = time.Now().UTC()
	b.results.all = append(b.results.all, m)
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	var values []string
	for key, v := range m.Values {
		values = append(values, fmt.Sprintf("%s=%.4g", key, v))
	}
	slices.Sort(values)
	fmt.Fprintf(b.out, "%s %s %d/s #%d: %s\n", m.Of, m.Server, m.Rate, m.Round, strings.Join(values, " "))
	for _, f := range m.Faults {
		fmt.Fprintf(b.out, "  FAULT %s\n", f)
	}
	_, err = fmt.Fprintf(b.json, "%s\n", line)
	return err
}

// values are those of a key in the order of the rounds.
func (r results) values(of, server string, rate int, key string) []float64 {
	var found []float64
	for _, m := range r.all {
		if v, ok := m.Values[key]; ok && m.Of == of && m.Server == server && (rate == 0 || m.Rate == rate) {
			found = append(found, v)
		}
	}
	return found
}

// clean are the values of a key by round, of the measurements that count.
func (r results) clean(of, server string, rate int, key string) map[int]float64 {
	found := make(map[int]float64)
	for _, m := range r.all {
		if v, ok := m.Values[key]; ok && m.Of == of && m.Server == server && m.Rate == rate && len(m.Faults) == 0 {
			found[m.Round] = v
		}
	}
	return found
}

func (r results) spread(of, server string, rate int, key string) statistics.Spread {
	return statistics.SpreadOf(r.values(of, server, rate, key))
}

// faults returns that measurements do not count, nil when all do.
func (r results) faults() error {
	n := 0
	for _, m := range r.all {
		n += min(1, len(m.Faults))
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%d measurements do not count: see FAULT above", n)
}
