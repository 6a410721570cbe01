package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the collectors of this package.
type Metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	active   prometheus.Gauge
	refused  *prometheus.CounterVec
	panics   prometheus.Counter
}

// NewMetrics makes the collectors and registers them; a nil reg registers
// nothing.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "b2bua_http_requests_total",
			Help: "HTTP requests by route pattern, method and class of status.",
		}, []string{"route", "method", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "b2bua_http_request_duration_seconds",
			Help:    "Time to answer HTTP requests by route pattern.",
			Buckets: []float64{.001, .005, .025, .1, .5, 2.5, 10, 60},
		}, []string{"route"}),
		active: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "b2bua_http_requests_active",
			Help: "HTTP requests being served.",
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "b2bua_http_refused_total",
			Help: "HTTP requests refused by a limit of the server or for want of a token.",
		}, []string{"reason"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "b2bua_http_panics_total",
			Help: "HTTP requests that ended in a fault of ours, logged.",
		}),
	}
	for _, reason := range []string{"unauthorized", "too_large", "busy"} {
		m.refused.WithLabelValues(reason) // present at 0, so that a rate can be drawn
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.duration, m.active, m.refused, m.panics)
	}
	return m
}

// observe counts one answered request. Route is chi's pattern, never a path.
func (m *Metrics) observe(route, method string, status int, took time.Duration) {
	if route == "" {
		route = "none" // refused before it was routed, or no such path
	}
	m.requests.WithLabelValues(route, knownMethod(method), strconv.Itoa(status/100)+"xx").Inc()
	m.duration.WithLabelValues(route).Observe(took.Seconds())
}

// knownMethod keeps what clients invent out of the label.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}
