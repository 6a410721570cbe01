package b2bua

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Metrics are the server's figures at one moment, by series as /metrics writes
// them: b2bua_calls_total{end_reason="completed"}.
type Metrics map[string]float64

// Metrics asks the server for its figures.
func (s *Server) Metrics(ctx context.Context) (Metrics, error) {
	text, err := s.call(ctx, http.MethodGet, "/metrics", nil)
	if err != nil {
		return nil, err
	}
	return parseMetrics(string(text))
}

// parseMetrics reads the Prometheus text format as the server writes it:
// without time stamps.
func parseMetrics(text string) (Metrics, error) {
	m := make(Metrics)
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		cut := strings.LastIndexByte(line, ' ')
		if cut < 0 {
			return nil, fmt.Errorf("no value in %q", line)
		}
		v, err := strconv.ParseFloat(line[cut+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		m[line[:cut]] = v
	}
	return m, lines.Err()
}

// Sum adds up a metric's series that contain all of labels, such as
// `mark="end"`. A metric without any series is 0, as counters are that have
// never counted.
func (m Metrics) Sum(name string, labels ...string) float64 {
	sum := 0.0
series:
	for series, v := range m {
		of, rest, _ := strings.Cut(series, "{")
		if of != name {
			continue
		}
		for _, l := range labels {
			if !strings.Contains(rest, l) {
				continue series
			}
		}
		sum += v
	}
	return sum
}

// Failed returns how many calls have ended otherwise than by a hang-up after
// an answer, or were refused before they were calls.
func (m Metrics) Failed() float64 {
	return m.Sum("b2bua_calls_total") - m.Sum("b2bua_calls_total", `end_reason="completed"`) +
		m.Sum("b2bua_shard_refused_events_total") + m.Sum("b2bua_journal_lost_total")
}

// Dropped returns how many SIP datagrams the server itself has dropped. What
// its kernel buffers dropped is seen at the sockets.
func (m Metrics) Dropped() float64 {
	const name = "b2bua_transport_dropped_datagrams_total"
	return m.Sum(name) - m.Sum(name, `reason="kernel"`)
}

// Live returns how many calls are up.
func (m Metrics) Live() float64 { return m.Sum("b2bua_calls_active") }

// Ended returns how many calls have ended.
func (m Metrics) Ended() float64 { return m.Sum("b2bua_calls_total") }

// Goroutines returns how many goroutines there are.
func (m Metrics) Goroutines() float64 { return m.Sum("go_goroutines") }

// Saved returns how many records of ended calls are in the database, or given
// up and kept in a file.
func (m Metrics) Saved() float64 {
	return m.Sum("b2bua_cdr_saved_total") + m.Sum("b2bua_cdr_dead_letters_total") + m.Sum("b2bua_journal_lost_total")
}
