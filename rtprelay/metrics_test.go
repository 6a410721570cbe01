package rtprelay

import (
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// value reads a counter.
func value(c prometheus.Counter) float64 {
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		panic(err)
	}
	return m.GetCounter().GetValue()
}

// sample reads one series of a registry as "name{label=value,...}": value.
func samples(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			name := f.GetName() + "{" + strings.Join(labels, ",") + "}"
			all[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return all
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	g := newRig(t, newPoller, func(c *Config) { c.Metrics = NewMetrics(reg) })
	_, a, b := g.session(SessionConfig{})
	alice, bob := newPhone(t, newHost()), newPhone(t, newHost())
	a.SetRemote(alice.remote())
	b.SetRemote(bob.remote())
	for range 3 {
		expect(t, bob.rtp, alice.talk(a), b.LocalRTP())
	}
	report := alice.report(alice.rtcp, a.LocalRTCP())
	expect(t, bob.rtcp, report, b.LocalRTCP())
	newPhone(t, newHost()).report(alice.rtp, a.LocalRTCP())
	g.dropped(a, DropStranger, 1)
	g.settle()
	b.Close()
	g.settle()

	got := samples(t, reg)
	for name, want := range map[string]float64{
		"b2bua_media_relayed_packets_total{kind=rtp}":               3,
		"b2bua_media_relayed_packets_total{kind=rtcp}":              1,
		"b2bua_media_relayed_bytes_total{}":                         3*172 + float64(len(report)),
		"b2bua_media_dropped_packets_total{reason=stranger}":        1,
		"b2bua_media_port_pairs{network=default,state=free}":        98,
		"b2bua_media_port_pairs{network=default,state=used}":        1,
		"b2bua_media_port_pairs{network=default,state=quarantined}": 1,
		"b2bua_media_sockets{}":                                     2,
		"b2bua_media_spare_sockets{}":                               2,
		"b2bua_media_port_pairs_taken_total{sockets=opened}":        2,
		"b2bua_media_port_pairs_taken_total{sockets=spare}":         0,
		"b2bua_media_sessions{}":                                    1,
		"b2bua_media_streams{}":                                     1,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}

// Dashboards depend on these.
func TestMetricNames(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	m := NewMetrics(reg)
	m.refusals.WithLabelValues("ports").Inc()
	newRig(t, newPoller, func(c *Config) { c.Metrics = m })
	var got []string
	for name := range samples(t, reg) {
		got = append(got, name)
	}
	slices.Sort(got)
	var want []string
	for d := range NumDrops {
		want = append(want, "b2bua_media_dropped_packets_total{reason="+d.String()+"}")
	}
	want = append(want,
		"b2bua_media_icmp_errors_total{}",
		"b2bua_media_lost_events_total{}",
		"b2bua_media_panics_total{}",
		"b2bua_media_port_conflicts_total{}",
		"b2bua_media_port_pairs_taken_total{sockets=opened}",
		"b2bua_media_port_pairs_taken_total{sockets=spare}",
		"b2bua_media_port_pairs{network=default,state=free}",
		"b2bua_media_port_pairs{network=default,state=quarantined}",
		"b2bua_media_port_pairs{network=default,state=used}",
		"b2bua_media_refusals_total{reason=ports}",
		"b2bua_media_relayed_bytes_total{}",
		"b2bua_media_relayed_packets_total{kind=rtcp}",
		"b2bua_media_relayed_packets_total{kind=rtp}",
		"b2bua_media_sessions{}",
		"b2bua_media_sockets{}",
		"b2bua_media_spare_sockets{}",
		"b2bua_media_stray_packets_total{}",
		"b2bua_media_streams{}",
	)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("metrics:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWordsAreDistinct(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for d := range NumDrops {
		seen[d.String()] = true
	}
	for k := Latched; k <= Timeout; k++ {
		seen[k.String()] = true
	}
	if len(seen) != int(NumDrops)+3 || seen[""] || seen["unknown"] {
		t.Errorf("words: %v", seen)
	}
	if NumDrops.String() != "unknown" || EventKind(0).String() != "unknown" {
		t.Error("what does not exist has a name")
	}
}
