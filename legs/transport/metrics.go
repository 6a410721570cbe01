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
