package shard

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what a [Set] does. One Metrics serves one Set.
type Metrics struct {
	refused   [queues]prometheus.Counter
	waited    [queues]prometheus.Counter
	panics    prometheus.Counter
	handovers prometheus.Counter

	source atomic.Pointer[source] // nil until a Set uses it
}

// A source is where the values that are only read when asked for come from.
type source struct {
	depth func(Queue) int
	taken func(Queue) uint64
}

// NewMetrics makes the collectors and registers them; a nil registerer makes
// them without.
//
//	b2bua_shard_queued_events{queue}         events waiting, over all shards
//	b2bua_shard_handled_events_total{queue}  events taken out of a queue
//	b2bua_shard_refused_events_total{queue}  events refused because the queue was full
//	b2bua_shard_waited_events_total{queue}   events whose producer had to wait for room
//	b2bua_shard_panics_total                 panics caught in a handler
//	b2bua_shard_handovers_total              shards that were handed to a runner
//
// queue is in_dialog or new.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "b2bua_shard_panics_total", Help: "Panics caught in a shard's handler.",
		}),
		handovers: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "b2bua_shard_handovers_total", Help: "Shards that were handed to a runner: for admitted events, and after 1024 events in one go.",
		}),
	}
	all := []prometheus.Collector{m.panics, m.handovers}
	for q := range queues {
		labels := prometheus.Labels{"queue": q.String()}
		m.refused[q] = prometheus.NewCounter(prometheus.CounterOpts{
			Name: "b2bua_shard_refused_events_total", Help: "Events refused because the queue was full.", ConstLabels: labels,
		})
		m.waited[q] = prometheus.NewCounter(prometheus.CounterOpts{
			Name: "b2bua_shard_waited_events_total", Help: "Events whose producer had to wait for room in the queue.", ConstLabels: labels,
		})
		all = append(all, m.refused[q], m.waited[q],
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "b2bua_shard_queued_events", Help: "Events waiting, over all shards.", ConstLabels: labels,
			}, m.depth(q)),
			prometheus.NewCounterFunc(prometheus.CounterOpts{
				Name: "b2bua_shard_handled_events_total", Help: "Events taken out of a queue.", ConstLabels: labels,
			}, m.handled(q)))
	}
	if reg != nil {
		reg.MustRegister(all...)
	}
	return m
}

func (m *Metrics) watch(depth func(Queue) int, taken func(Queue) uint64) {
	m.source.Store(&source{depth: depth, taken: taken})
}

func (m *Metrics) depth(q Queue) func() float64 {
	return func() float64 {
		if s := m.source.Load(); s != nil {
			return float64(s.depth(q))
		}
		return 0
	}
}

func (m *Metrics) handled(q Queue) func() float64 {
	return func() float64 {
		if s := m.source.Load(); s != nil {
			return float64(s.taken(q))
		}
		return 0
	}
}
