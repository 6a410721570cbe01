package transport

import "github.com/prometheus/client_golang/prometheus"

// streamMetrics are the part of [Metrics] that counts connections and the
// messages on them.
type streamMetrics struct {
	received, sent prometheus.Counter
	paced          prometheus.Counter
	opened         [2]prometheus.Counter // accepted, dialled
	refused        [rejections]prometheus.Counter
	closed         [endings]prometheus.Counter
	dials          map[string]prometheus.Counter
}

// directions are the values of the label direction.
var directions = [2]string{"accepted", "dialled"}

func newStreamMetrics() *streamMetrics {
	counter := func(name, help, label, value string) prometheus.Counter {
		opts := prometheus.CounterOpts{Name: "b2bua_transport_" + name, Help: help}
		if label != "" {
			opts.ConstLabels = prometheus.Labels{label: value}
		}
		return prometheus.NewCounter(opts)
	}
	m := &streamMetrics{
		received: counter("received_messages_total", "Messages read from connections.", "", ""),
		sent:     counter("sent_messages_total", "Messages written to connections, answers to pings among them.", "", ""),
		paced:    counter("paced_messages_total", "Messages on connections that had to wait for their source's budget.", "", ""),
		dials:    make(map[string]prometheus.Counter),
	}
	for i, d := range directions {
		m.opened[i] = counter("connections_total", "Connections that came up, by who opened them.", "direction", d)
	}
	for r := rejection(1); r < rejections; r++ {
		m.refused[r] = counter("refused_connections_total", "Connections not taken or not dialled, by the bound they broke.", "reason", r.String())
	}
	for e := range endings {
		m.closed[e] = counter("closed_connections_total", "Connections closed, by reason.", "reason", e.String())
	}
	for _, outcome := range []string{"ok", "refused", "timeout", "failed"} {
		m.dials[outcome] = counter("dials_total", "Connections dialled, by outcome.", "outcome", outcome)
	}
	return m
}

func (m *streamMetrics) collectors(counts func() (accepted, dialled int)) []prometheus.Collector {
	all := []prometheus.Collector{m.received, m.sent, m.paced}
	for i, d := range directions {
		all = append(all, m.opened[i], prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "b2bua_transport_open_connections", Help: "Connections that are open or being dialled, by who opened them.",
			ConstLabels: prometheus.Labels{"direction": d},
		}, func() float64 {
			accepted, dialled := counts()
			return float64([2]int{accepted, dialled}[i])
		}))
	}
	for _, c := range m.refused[1:] {
		all = append(all, c)
	}
	for _, c := range m.closed {
		all = append(all, c)
	}
	for _, c := range m.dials {
		all = append(all, c)
	}
	return all
}
