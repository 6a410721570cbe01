package policy

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics are what a [Service] counts. Make them with [NewMetrics].
type Metrics struct {
	revision   prometheus.Gauge
	stored     prometheus.Gauge
	confirmed  prometheus.Gauge
	objects    *prometheus.GaugeVec   // kind
	changes    *prometheus.CounterVec // result
	loads      *prometheus.CounterVec // result
	compile    prometheus.Gauge
	fileErrors prometheus.Counter
}

// Results of a change or a load, as counted.
const (
	resultDone      = "done"
	resultUnchanged = "unchanged" // it would change nothing
	resultRefused   = "refused"   // faults, conflicts and names that do not exist
	resultFailed    = "failed"    // the store
)

// NewMetrics registers the metrics with reg; nil registers nowhere.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	m := &Metrics{
		revision: f.NewGauge(prometheus.GaugeOpts{
			Name: "b2bua_policy_revision", Help: "Revision of the policy in force.",
		}),
		stored: f.NewGauge(prometheus.GaugeOpts{
			Name: "b2bua_policy_stored_revision", Help: "Revision of the policy in the database, when it was last read.",
		}),
		confirmed: f.NewGauge(prometheus.GaugeOpts{
			Name: "b2bua_policy_confirmed_timestamp_seconds", Help: "When the policy in force was last seen to be the stored one.",
		}),
		objects: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "b2bua_policy_objects", Help: "Objects of the policy in force, by kind.",
		}, []string{"kind"}),
		changes: f.NewCounterVec(prometheus.CounterOpts{
			Name: "b2bua_policy_changes_total", Help: "Attempts to change the policy, by result.",
		}, []string{"result"}),
		loads: f.NewCounterVec(prometheus.CounterOpts{
			Name: "b2bua_policy_loads_total", Help: "Times the stored policy was loaded to be put in force, by result.",
		}, []string{"result"}),
		compile: f.NewGauge(prometheus.GaugeOpts{
			Name: "b2bua_policy_compile_seconds", Help: "Time the last compilation took.",
		}),
		fileErrors: f.NewCounter(prometheus.CounterOpts{
			Name: "b2bua_policy_file_errors_total", Help: "Snapshots that could not be kept on disk.",
		}),
	}
	for _, result := range []string{resultDone, resultUnchanged, resultRefused, resultFailed} {
		m.changes.WithLabelValues(result)
	}
	for _, result := range []string{resultDone, resultRefused, resultFailed} {
		m.loads.WithLabelValues(result)
	}
	return m
}

func (m *Metrics) inForce(s *Snapshot) {
	m.revision.Set(float64(s.set.Revision))
	m.objects.WithLabelValues("account").Set(float64(len(s.set.Accounts)))
	m.objects.WithLabelValues("trunk").Set(float64(len(s.set.Trunks)))
	m.objects.WithLabelValues("route").Set(float64(len(s.set.Routes)))
}

// storedIs notes that the policy in force was the stored one at a moment.
func (m *Metrics) storedIs(revision int64, at time.Time) {
	m.stored.Set(float64(revision))
	m.confirmed.Set(float64(at.Unix()))
}
