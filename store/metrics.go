package store

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the collectors of this package.
type Metrics struct {
	seconds *prometheus.HistogramVec // by operation
	errors  *prometheus.CounterVec   // by operation

	listening     prometheus.Gauge
	notifications prometheus.Counter
}

// NewMetrics makes the collectors and registers them; a nil reg registers
// nothing.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "b2bua_store_operation_seconds", Help: "Time of one operation on the database.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 9), // 0.5 ms to 33 s
		}, []string{"operation"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "b2bua_store_errors_total", Help: "Operations on the database that failed.",
		}, []string{"operation"}),
		listening: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "b2bua_store_listening_connections",
			Help: "1 while Postgres tells of policy changes at once; without it, and on SQLite, they are found by polling.",
		}),
		notifications: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "b2bua_store_notifications_total", Help: "Policy changes that Postgres told of.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.seconds, m.errors, m.listening, m.notifications)
	}
	return m
}
