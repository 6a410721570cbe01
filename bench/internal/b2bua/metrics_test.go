package b2bua

import "testing"

const exposition = `# HELP b2bua_calls_total Ended calls, by end_reason.
# TYPE b2bua_calls_total counter
b2bua_calls_total{end_reason="completed"} 1.2e+06
b2bua_calls_total{end_reason="rejected"} 3
b2bua_calls_active 7
b2bua_shard_refused_events_total{queue="new"} 2
b2bua_transport_dropped_datagrams_total{reason="kernel"} 5
b2bua_transport_dropped_datagrams_total{reason="oversize"} 1
go_goroutines 40
`

func TestMetrics(t *testing.T) {
	t.Parallel()
	m, err := parseMetrics(exposition)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name      string
		got, want float64
	}{
		{"ended", m.Ended(), 1200003},
		{"failed", m.Failed(), 5},
		{"live", m.Live(), 7},
		{"dropped", m.Dropped(), 1},
		{"goroutines", m.Goroutines(), 40},
		{"one label", m.Sum("b2bua_calls_total", `end_reason="rejected"`), 3},
		{"no such label", m.Sum("b2bua_calls_total", `end_reason="limit"`), 0},
		{"a beginning is not a name", m.Sum("b2bua_calls"), 0},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, tt.got, tt.want)
		}
	}
	for _, bad := range []string{"alone\n", "name{} many\n"} {
		if m, err := parseMetrics(bad); err == nil {
			t.Errorf("%q gave %v", bad, m)
		}
	}
}
