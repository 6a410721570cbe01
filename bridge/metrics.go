package bridge

import (
	"maps"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"b2bua/cdr"
)

// Metrics are the collectors of the bridge.
type Metrics struct {
	live     atomic.Pointer[atomic.Int64]
	calls    *prometheus.CounterVec                               // end_reason
	ends     atomic.Pointer[map[cdr.EndReason]prometheus.Counter] // of calls, as far as there are any; never written to
	attempts prometheus.Counter
	answered prometheus.Counter
	limited  *prometheus.CounterVec // limit
	waiting  prometheus.Counter
	duration prometheus.Histogram
	pdd      prometheus.Histogram
}

// NewMetrics makes the collectors and registers them; a nil registerer keeps
// them unregistered.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &Metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "b2bua_calls_total", Help: "Ended calls, by end_reason.",
		}, []string{"end_reason"}),
		attempts: counter("b2bua_attempts_total", "Outbound INVITEs tried."),
		answered: counter("b2bua_calls_answered_total", "Calls answered."),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "b2bua_limited_total", Help: "Calls and attempts refused by a trunk's limits.",
		}, []string{"limit"}),
		waiting: counter("b2bua_cdr_waiting_total", "Times an ended record found the journal's queue full and waited."),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "b2bua_call_duration_seconds", Help: "From answer to end, of answered calls.",
			Buckets: []float64{1, 5, 15, 30, 60, 180, 600, 1800, 3600},
		}),
		pdd: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "b2bua_post_dial_delay_seconds", Help: "From INVITE to the first 18x to the caller.",
			Buckets: []float64{.005, .02, .1, .5, 1, 2, 5, 10, 30},
		}),
	}
	m.ends.Store(&map[cdr.EndReason]prometheus.Counter{})
	if reg != nil {
		active := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "b2bua_calls_active", Help: "Live calls.",
		}, func() float64 {
			if n := m.live.Load(); n != nil {
				return float64(n.Load())
			}
			return 0
		})
		reg.MustRegister(active, m.calls, m.attempts, m.answered, m.limited, m.waiting, m.duration, m.pdd)
	}
	return m
}

func (m *Metrics) watch(live *atomic.Int64) { m.live.Store(live) }

// end is the counter of calls that ended so; it is there from the first of them
// on.
func (m *Metrics) end(why cdr.EndReason) prometheus.Counter {
	known := m.ends.Load()
	if n := (*known)[why]; n != nil {
		return n
	}
	more := maps.Clone(*known)
	more[why] = m.calls.WithLabelValues(string(why))
	m.ends.CompareAndSwap(known, &more) // else somebody will come this way once more
	return more[why]
}

func (m *Metrics) ended(r *cdr.Record) {
	m.end(*r.EndReason).Inc()
	if r.AnsweredAt != nil {
		m.duration.Observe(float64(r.BillableMS) / 1000)
	}
	if r.PDDMS != nil {
		m.pdd.Observe(float64(*r.PDDMS) / 1000)
	}
}
