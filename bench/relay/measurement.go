package main

import (
	"encoding/json"
	"io"
	"time"
)

// The relays, by the names in tables and JSON.
const (
	ours          = "b2bua"
	rtpengineName = "rtpengine"
	forward       = "ip_forward"
)

// A measurement is one window of traffic through one relay.
type measurement struct {
	Part   string  `json:"part"` // cpu (latency is of the same runs) or capacity
	Relay  string  `json:"relay"`
	Calls  int     `json:"calls"`
	Round  int     `json:"round"`                 // from 1; 0 = warm-up
	Others float64 `json:"others"`                // processors that work of others took meanwhile
	Failed string  `json:"step_failed,omitempty"` // why a step of the ramp did not pass
	outcome
}

// per is a time per packet of the window, in microseconds.
func (m measurement) per(d time.Duration) float64 {
	return float64(d) / float64(time.Microsecond) / float64(m.Sent)
}

// A limitFound is how many calls a relay took in one round.
type limitFound struct {
	Part    string `json:"part"` // limit
	Relay   string `json:"relay"`
	Round   int    `json:"round"`
	Calls   int    `json:"calls"`
	AtLeast bool   `json:"at_least"` // nothing failed above: the generator or the descriptors ended there
}

// results is everything measured so far. All of it goes to log as well.
type results struct {
	measurements []measurement
	limits       []limitFound
	machine      string    // what they depend on
	log          io.Writer // JSON lines
}

func (r *results) add(m measurement) error {
	r.measurements = append(r.measurements, m)
	return json.NewEncoder(r.log).Encode(m)
}

func (r *results) addLimit(l limitFound) error {
	r.limits = append(r.limits, l)
	return json.NewEncoder(r.log).Encode(l)
}

// values is one figure of a relay's CPU runs with so many calls, by round.
func (r *results) values(relay string, calls int, figure func(measurement) float64) []float64 {
	var v []float64
	for _, m := range r.measurements {
		if m.Part == partCPU && m.Relay == relay && m.Calls == calls && m.Round > 0 {
			v = append(v, figure(m))
		}
	}
	return v
}

// capacities is what a relay took, by round.
func (r *results) capacities(relay string) (v []float64, atLeast bool) {
	for _, l := range r.limits {
		if l.Relay == relay {
			v, atLeast = append(v, float64(l.Calls)), atLeast || l.AtLeast
		}
	}
	return v, atLeast
}

// The figures of a measurement, microseconds.
func processPerPacket(m measurement) float64   { return m.per(m.Process) }
func corePerPacket(m measurement) float64      { return m.per(m.Core) }
func generatorPerPacket(m measurement) float64 { return m.per(m.Generator) }
func middleDelay(m measurement) float64        { return float64(m.P50) / float64(time.Microsecond) }
func worstDelay(m measurement) float64         { return float64(m.P99) / float64(time.Microsecond) }
