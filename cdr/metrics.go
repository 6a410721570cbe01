package cdr

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the collectors of this package.
type Metrics struct {
	entries    [markHeartbeat + 1]prometheus.Counter // by mark; of no mark is nil
	writes     prometheus.Counter
	refused    prometheus.Counter
	failed     prometheus.Counter
	lost       prometheus.Counter
	diskErrors *prometheus.CounterVec // by operation
	syncs      prometheus.Histogram
	segments   prometheus.Gauge
	size       prometheus.Gauge
	live       prometheus.Gauge
	owed       prometheus.Gauge
	orphans    prometheus.Counter
	damage     prometheus.Counter

	saved       prometheus.Counter
	dead        prometheus.Counter
	saveErrors  prometheus.Counter
	saveSeconds prometheus.Histogram
	backlog     prometheus.Gauge
}

// NewMetrics makes the collectors and registers them; a nil reg registers
// nothing.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	entries := counterVec("b2bua_journal_entries_total", "Entries written to the CDR journal.", "mark")
	m := &Metrics{
		writes:     counter("b2bua_journal_writes_total", "Times that the journal wrote what had come; entries that come fast share one."),
		refused:    counter("b2bua_journal_refused_total", "Entries refused because the queue was full."),
		failed:     counter("b2bua_journal_failed_total", "Entries that could not be written when they were due."),
		lost:       counter("b2bua_journal_lost_total", "Ended calls given up because the disk did not take them for too long."),
		diskErrors: counterVec("b2bua_journal_disk_errors_total", "Failed operations on journal files.", "operation"),
		syncs:      histogram("b2bua_journal_sync_seconds", "Time of one fsync of the journal."),
		segments:   gauge("b2bua_journal_segments", "Segment files."),
		size:       gauge("b2bua_journal_bytes", "Octets in segment files."),
		live:       gauge("b2bua_journal_live_calls", "Calls without an end in the journal."),
		owed:       gauge("b2bua_journal_owed_entries", "Entries kept in memory until the disk takes them."),
		orphans:    counter("b2bua_journal_orphans_total", "Calls ended at start because the last process died."),
		damage:     counter("b2bua_journal_damage_total", "Places in segments where no sound entry could be read."),

		saved:       counter("b2bua_cdr_saved_total", "Records saved to the store."),
		dead:        counter("b2bua_cdr_dead_letters_total", "Records the store refused, moved to the dead-letter file."),
		saveErrors:  counter("b2bua_cdr_save_errors_total", "Batches the store did not take."),
		saveSeconds: histogram("b2bua_cdr_save_seconds", "Time of one batch into the store."),
		backlog:     gauge("b2bua_cdr_backlog_bytes", "Octets of the journal not yet read towards the store."),
	}
	for _, mark := range []Mark{Started, Answered, Ended, markHeartbeat} {
		m.entries[mark] = entries.WithLabelValues(mark.String())
	}
	if reg != nil {
		reg.MustRegister(entries, m.writes, m.refused, m.failed, m.lost, m.diskErrors, m.syncs, m.segments, m.size,
			m.live, m.owed, m.orphans, m.damage, m.saved, m.dead, m.saveErrors, m.saveSeconds, m.backlog)
	}
	return m
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func counterVec(name, help, label string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

func histogram(name, help string) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 13), // 0.1 ms to 6 s
	})
}
