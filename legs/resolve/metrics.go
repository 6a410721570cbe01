package resolve

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the collectors of this package. One may serve several Resolvers.
type Metrics struct {
	requests *prometheus.CounterVec
	lookups  *prometheus.CounterVec
	seconds  prometheus.Histogram
	waiting  prometheus.Gauge
	cached   prometheus.Gauge
	panics   prometheus.Counter
}

// NewMetrics registers the collectors with reg; nil leaves them unregistered.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "b2bua_resolve_requests_total",
			Help: "Requests by what answers them: literal, cache, lookup; or full, refused.",
		}, []string{"outcome"}),
		lookups: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "b2bua_resolve_lookups_total",
			Help: "DNS look-ups by result: ok, not_found, timeout, failed.",
		}, []string{"result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "b2bua_resolve_lookup_seconds",
			Help:    "Duration of a DNS look-up.",
			Buckets: []float64{.001, .005, .02, .1, .5, 1, 2, 5, 10},
		}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "b2bua_resolve_waiting_requests",
			Help: "Requests that wait for a DNS look-up.",
		}),
		cached: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "b2bua_resolve_cached_names",
			Help: "Names in the cache, expired ones included.",
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "b2bua_resolve_panics_total",
			Help: "Panics in a look-up or in what was done with its answer.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.lookups, m.seconds, m.waiting, m.cached, m.panics)
	}
	return m
}
