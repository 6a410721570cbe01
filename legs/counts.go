package legs

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// A direction is that of a message, or of a leg.
type direction uint8

const (
	received direction = iota
	sent
	directions

	inbound  = received
	outbound = sent
)

func (d direction) String() string { return [...]string{"received", "sent"}[d] }

// classes of a status: 0xx, which nobody sends, to 6xx.
const classes = 7

// counts are the counters that every message needs, found without their labels'
// texts. A counter is looked up when it counts for the first time, so that
// /metrics does not show what has never happened.
type counts struct {
	requests  [directions][len(methods)]atomic.Pointer[prometheus.Counter]
	responses [directions][len(methods)][classes]atomic.Pointer[prometheus.Counter]
	legs      [directions]atomic.Pointer[prometheus.Counter]
}

func (m *Metrics) request(d direction, method string) {
	i := methodIndex(method)
	count(&m.counts.requests[d][i], func() prometheus.Counter {
		return m.requests.WithLabelValues(d.String(), methods[i])
	})
}

func (m *Metrics) response(d direction, method string, status int) {
	i := methodIndex(method)
	count(&m.counts.responses[d][i][min(status/100, classes-1)], func() prometheus.Counter {
		return m.responses.WithLabelValues(d.String(), methods[i], class(status))
	})
}

func (m *Metrics) leg(d direction) {
	count(&m.counts.legs[d], func() prometheus.Counter {
		return m.legs.WithLabelValues([...]string{"inbound", "outbound"}[d])
	})
}

func count(at *atomic.Pointer[prometheus.Counter], find func() prometheus.Counter) {
	c := at.Load()
	if c == nil {
		found := find()
		c = &found
		at.Store(c)
	}
	(*c).Inc()
}

// methods are the values of the label "method". The first stands for every method
// that no RFC names, which keeps a peer from inventing labels.
var methods = [...]string{
	"other", "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "REGISTER", "PRACK", "UPDATE", "INFO", "REFER",
	"SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE",
}

func methodIndex(method string) int {
	for i := 1; i < len(methods); i++ {
		if methods[i] == method {
			return i
		}
	}
	return 0
}
