package transport

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what a [Set] does. One Metrics serves one Set.
type Metrics struct {
	received, receivedBytes prometheus.Counter
	sent, sentBytes         prometheus.Counter
	keepAlives              prometheus.Counter
	oversize, congestion    prometheus.Counter
	overBudget              prometheus.Counter
	readErrors, sendErrors  prometheus.Counter
	panics                  prometheus.Counter
	icmp                    [icmpReasons]prometheus.Counter
	streams                 *streamMetrics

	set atomic.Pointer[Set] // nil until a Set uses it
}

// NewMetrics makes the collectors and registers them; a nil registerer makes
// them without.
//
//	b2bua_transport_received_datagrams_total         read, whatever became of them
//	b2bua_transport_received_bytes_total
//	b2bua_transport_sent_datagrams_total
//	b2bua_transport_sent_bytes_total
//	b2bua_transport_keepalive_datagrams_total        empty, or CR, LF and NUL only
//	b2bua_transport_dropped_datagrams_total{reason}  oversize: longer than allowed; congestion: no
//	                                                 room to send; kernel: receive buffer full;
//	                                                 budget: its source sends too much
//	b2bua_transport_read_errors_total
//	b2bua_transport_send_errors_total
//	b2bua_transport_icmp_errors_total{reason}        what the network said of datagrams sent:
//	                                                 port_unreachable, host_unreachable,
//	                                                 network_unreachable, prohibited, too_long,
//	                                                 expired, other
//	b2bua_transport_panics_total                     caught in Receive or SendError
//	b2bua_transport_receive_buffer_bytes             smallest that the kernel has granted
//
// And for connections; received_bytes and sent_bytes count theirs too:
//
//	b2bua_transport_received_messages_total
//	b2bua_transport_sent_messages_total              answers to pings among them
//	b2bua_transport_paced_messages_total             that waited for their source's budget
//	b2bua_transport_open_connections{direction}      accepted, dialled (or being so)
//	b2bua_transport_connections_total{direction}
//	b2bua_transport_refused_connections_total{reason} total, source, strangers: too many; dials:
//	                                                 too many under way; closed: while stopping
//	b2bua_transport_closed_connections_total{reason} peer, idle, partial, malformed, slow, error,
//	                                                 shutdown, undialled
//	b2bua_transport_dials_total{outcome}             ok, refused, timeout, failed
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{streams: newStreamMetrics()}
	var all []prometheus.Collector
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "b2bua_transport_" + name, Help: help})
		all = append(all, c)
		return c
	}
	m.received = counter("received_datagrams_total", "Datagrams read.")
	m.receivedBytes = counter("received_bytes_total", "Bytes read.")
	m.sent = counter("sent_datagrams_total", "Datagrams sent.")
	m.sentBytes = counter("sent_bytes_total", "Bytes sent.")
	m.keepAlives = counter("keepalive_datagrams_total", "Keep-alives received.")
	m.readErrors = counter("read_errors_total", "Errors while reading a socket.")
	m.sendErrors = counter("send_errors_total", "Messages that could not be sent.")
	m.panics = counter("panics_total", "Panics caught while receiving.")

	const dropped, help = "b2bua_transport_dropped_datagrams_total", "Datagrams dropped, by reason."
	reason := func(r string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Name: dropped, Help: help, ConstLabels: prometheus.Labels{"reason": r}}
	}
	m.oversize = prometheus.NewCounter(reason("oversize"))
	m.congestion = prometheus.NewCounter(reason("congestion"))
	m.overBudget = prometheus.NewCounter(reason("budget"))
	all = append(all, m.oversize, m.congestion, m.overBudget,
		prometheus.NewCounterFunc(reason("kernel"), m.kernelDrops),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "b2bua_transport_receive_buffer_bytes", Help: "Smallest receive buffer that the kernel has granted.",
		}, m.buffer))
	for i := range m.icmp {
		m.icmp[i] = prometheus.NewCounter(prometheus.CounterOpts{
			Name: "b2bua_transport_icmp_errors_total", Help: "ICMP errors about datagrams sent, by reason.",
			ConstLabels: prometheus.Labels{"reason": icmpReason(i).String()},
		})
		all = append(all, m.icmp[i])
	}
	all = append(all, m.streams.collectors(m.connections)...)
	if reg != nil {
		reg.MustRegister(all...)
	}
	return m
}

func (m *Metrics) watch(s *Set) { m.set.Store(s) }

func (m *Metrics) connections() (accepted, dialled int) {
	if s := m.set.Load(); s != nil {
		return s.pool.counts()
	}
	return 0, 0
}

func (m *Metrics) kernelDrops() float64 {
	s := m.set.Load()
	if s == nil {
		return 0
	}
	var n uint64
	for _, g := range s.groups {
		for _, sock := range g.sockets {
			n += sock.kernelDrops()
		}
	}
	return float64(n)
}

func (m *Metrics) buffer() float64 {
	s := m.set.Load()
	if s == nil {
		return 0
	}
	granted := 0
	for _, g := range s.groups {
		if b := grantedBuffer(g.sockets); granted == 0 || b > 0 && b < granted {
			granted = b
		}
	}
	return float64(granted)
}

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
