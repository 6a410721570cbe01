package store

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the collectors of this package.
type Metrics struct {
	seconds *prometheus.HistogramVec // by operation
	errors  *prometheus.CounterVec   // by operation
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
	}
	if reg != nil {
		reg.MustRegister(m.seconds, m.errors)
	}
	return m
}
