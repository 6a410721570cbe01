package legs

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the collectors of the signalling stack.
type Metrics struct {
	requests        *prometheus.CounterVec // direction, method
	responses       *prometheus.CounterVec // direction, method, class
	retransmissions *prometheus.CounterVec // direction
	malformed       *prometheus.CounterVec // class
	strays          *prometheus.CounterVec // kind
	refused         *prometheus.CounterVec // reason
	big             *prometheus.CounterVec // outcome
	legs            *prometheus.CounterVec // direction
	ended           prometheus.Counter
	panics          prometheus.Counter
	counts          counts
}

// NewMetrics makes the collectors and registers them; a nil registerer keeps
// them unregistered.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &Metrics{
		requests:        vec("b2bua_sip_requests_total", "SIP requests by direction and method.", "direction", "method"),
		responses:       vec("b2bua_sip_responses_total", "SIP responses by direction, CSeq method and class.", "direction", "method", "class"),
		retransmissions: vec("b2bua_sip_retransmissions_total", "Repeated requests received and repeated 2xx sent.", "direction"),
		malformed:       vec("b2bua_sip_malformed_total", "Messages that did not parse, by class of the status they earned.", "class"),
		strays:          vec("b2bua_sip_strays_total", "Messages that belong to nothing, or came from where they may not.", "kind"),
		refused:         vec("b2bua_sip_refused_total", "Initial requests refused before any routing, by reason.", "reason"),
		big:             vec("b2bua_sip_big_requests_total", "Requests too long for UDP, by what became of the attempt over TCP.", "outcome"),
		legs:            vec("b2bua_legs_total", "Legs begun, by direction.", "direction"),
		ended: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "b2bua_legs_ended_total", Help: "Legs that have ended.",
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "b2bua_call_panics_total", Help: "Calls ended because our own code failed.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.responses, m.retransmissions, m.malformed, m.strays, m.refused, m.big, m.legs, m.ended, m.panics)
	}
	return m
}
