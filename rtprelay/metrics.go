package rtprelay

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the relay's collectors. One Metrics serves one Relay.
type Metrics struct {
	relay atomic.Pointer[Relay] // whose gauges are shown; nil before New

	packets       *prometheus.CounterVec // kind
	octets        prometheus.Counter
	dropped       *prometheus.CounterVec // reason
	refusals      *prometheus.CounterVec // reason
	icmpErrors    prometheus.Counter
	lostEvents    prometheus.Counter
	portConflicts prometheus.Counter
	panics        prometheus.Counter
	strays        prometheus.Counter
	pairs         *prometheus.CounterVec // sockets

	// resolved once: looking labels up allocates
	rtp, rtcp      prometheus.Counter
	opened, reused prometheus.Counter
	drops          [NumDrops]prometheus.Counter

	portPairs *prometheus.Desc // network, state
	sockets   *prometheus.Desc
	spare     *prometheus.Desc
	sessions  *prometheus.Desc
	streams   *prometheus.Desc
}

// NewMetrics registers the relay's collectors with reg; a nil reg is allowed
// and registers nothing. It panics when reg has them already.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	vec := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	m := &Metrics{
		packets:       vec("b2bua_media_relayed_packets_total", "Packets sent on, by kind: rtp, rtcp.", "kind"),
		octets:        counter("b2bua_media_relayed_bytes_total", "UDP payload sent on, RTP and RTCP."),
		dropped:       vec("b2bua_media_dropped_packets_total", "Packets received that went nowhere, by reason.", "reason"),
		refusals:      vec("b2bua_media_refusals_total", "Sessions or streams refused, by what ran out: ports, descriptors, sessions, other.", "reason"),
		icmpErrors:    counter("b2bua_media_icmp_errors_total", "Times the network said that a peer is unreachable."),
		lostEvents:    counter("b2bua_media_lost_events_total", "Events that found their ring full."),
		portConflicts: counter("b2bua_media_port_conflicts_total", "Port pairs of our range found in use by another process."),
		panics:        counter("b2bua_media_panics_total", "Faults that cost a packet, an order or a batch of events."),
		strays:        counter("b2bua_media_stray_packets_total", "Packets that came to spare sockets, which no stream uses, and were thrown away."),
		pairs:         vec("b2bua_media_port_pairs_taken_total", "Port pairs that streams were given, by sockets: spare, opened.", "sockets"),

		portPairs: prometheus.NewDesc("b2bua_media_port_pairs", "Port pairs by network and state: free, used, quarantined.",
			[]string{"network", "state"}, nil),
		sockets:  prometheus.NewDesc("b2bua_media_sockets", "Media sockets of streams.", nil, nil),
		spare:    prometheus.NewDesc("b2bua_media_spare_sockets", "Media sockets kept open for streams to come.", nil, nil),
		sessions: prometheus.NewDesc("b2bua_media_sessions", "Open media sessions.", nil, nil),
		streams:  prometheus.NewDesc("b2bua_media_streams", "Open streams.", nil, nil),
	}
	m.rtp, m.rtcp = m.packets.WithLabelValues("rtp"), m.packets.WithLabelValues("rtcp")
	m.opened, m.reused = m.pairs.WithLabelValues("opened"), m.pairs.WithLabelValues("spare")
	for d := range NumDrops {
		m.drops[d] = m.dropped.WithLabelValues(d.String())
	}
	if reg != nil {
		reg.MustRegister(m.packets, m.octets, m.dropped, m.refusals, m.icmpErrors, m.lostEvents,
			m.portConflicts, m.panics, m.strays, m.pairs, (*gaugeCollector)(m))
	}
	return m
}

// tally is what a worker has counted since it last told Metrics.
type tally struct {
	rtp, rtcp, octets, icmpErrors, lostEvents, strays uint64
	drops                                             [NumDrops]uint64
}

// sent counts a packet sent on.
func (t *tally) sent(rtcp bool, size int) {
	if rtcp {
		t.rtcp++
	} else {
		t.rtp++
	}
	t.octets += uint64(size)
}

// add takes a worker's tally, once per batch, and clears it.
func (m *Metrics) add(t *tally) {
	for _, f := range []struct {
		counter prometheus.Counter
		n       *uint64
	}{
		{m.rtp, &t.rtp},
		{m.rtcp, &t.rtcp},
		{m.octets, &t.octets},
		{m.icmpErrors, &t.icmpErrors},
		{m.lostEvents, &t.lostEvents},
		{m.strays, &t.strays},
	} {
		addTo(f.counter, f.n)
	}
	for d := range t.drops {
		addTo(m.drops[d], &t.drops[d])
	}
}

// addTo moves n to the counter; nothing, the usual case, costs nothing.
func addTo(c prometheus.Counter, n *uint64) {
	if *n != 0 {
		c.Add(float64(*n))
		*n = 0
	}
}

// gaugeCollector reads the relay's gauges when they are asked for: ports leave
// quarantine by time alone.
type gaugeCollector Metrics

// Describe implements prometheus.Collector.
func (c *gaugeCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.portPairs, c.sockets, c.spare, c.sessions, c.streams} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *gaugeCollector) Collect(ch chan<- prometheus.Metric) {
	r := c.relay.Load()
	if r == nil {
		return
	}
	gauge := func(d *prometheus.Desc, value int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value), labels...)
	}
	g, now := r.Gauges(), r.now()
	gauge(c.sockets, g.Sockets)
	gauge(c.spare, g.SpareSockets)
	gauge(c.sessions, g.Sessions)
	gauge(c.streams, g.Streams)
	for name, pools := range r.pools {
		var free, used, quarantined int
		for _, p := range pools {
			if p != nil {
				f, u, q := p.count(now)
				free, used, quarantined = free+f, used+u, quarantined+q
			}
		}
		gauge(c.portPairs, free, name, "free")
		gauge(c.portPairs, used, name, "used")
		gauge(c.portPairs, quarantined, name, "quarantined")
	}
}
