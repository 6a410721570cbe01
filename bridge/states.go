package bridge

import (
	"strings"

	"b2bua/policy"
)

// A Machine is one machine as the documentation shows it.
type Machine struct {
	Name   string
	States []string
	Edges  []Edge
}

// An Edge is one transition of a Machine, with what is done on the way.
type Edge struct{ From, Input, To, Actions string }

// Machines returns the call machine, and that of further offers. Their edges are found by asking the machine
// itself, so they cannot disagree with it.
func Machines() []Machine {
	m := Machine{Name: "call"}
	for p := range numPhases {
		m.States = append(m.States, p.String())
	}
	for p := range numPhases {
		for _, q := range questions() {
			probe := machineIn(p)
			if q.end && p != Routing {
				probe.Targets = probe.Targets[:1]
			}
			acts := probe.step(q.event, nil)
			if len(acts) == 0 || q.end && sameWithout(p, q) {
				continue
			}
			m.Edges = append(m.Edges, Edge{From: p.String(), Input: q.label(p), To: probe.Phase.String(), Actions: opNames(acts)})
		}
	}
	return []Machine{m, exchangeMachine()}
}

// exchangeMachine asks the call machine about the further offers of an answered
// call. The offerer and the other side are told apart by their inputs.
func exchangeMachine() Machine {
	m := Machine{Name: "further offer"}
	for e := range numExchanges {
		m.States = append(m.States, e.String())
		for in := Reoffered; in < numInputs; in++ {
			for _, p := range []Party{Caller, Called} {
				if in != Reoffered && (in == Withdrawn) != (p == Caller) {
					continue // not from this side
				}
				probe := machineIn(Talking)
				probe.Exchange, probe.Offerer = e, Caller
				acts := probe.step(event{in: in, party: p, status: 488}, nil)
				if len(acts) == 0 || in == Reoffered && p == Called { // either side alike
					continue
				}
				m.Edges = append(m.Edges, Edge{From: e.String(), Input: in.String(), To: probe.Exchange.String(), Actions: opNames(acts)})
			}
		}
	}
	return m
}

// A question is an input, asked with another target left or without.
type question struct {
	event
	end bool
}

func questions() (list []question) {
	for in := range numInputs {
		ev := event{in: in, attempt: 1, status: 503}
		if in == Planned {
			ev.targets = machineIn(Dialing).Targets
		}
		list = append(list, question{event: ev}, question{event: ev, end: true})
	}
	return list
}

// machineIn is a call in a phase, with a target left that the first may be
// hunted to.
func machineIn(p Phase) *machine {
	m := &machine{Phase: p}
	if p != Routing {
		hunt := policy.HuntOn(policy.DefaultHuntOn())
		m.Attempt, m.Rung, m.Targets = 1, p == Ringing, []policy.Target{{HuntOn: hunt}, {HuntOn: hunt}}
	}
	return m
}

// sameWithout reports that it makes no difference whether a target is left.
func sameWithout(p Phase, q question) bool {
	with, without := machineIn(p), machineIn(p)
	a := opNames(with.step(q.event, nil))
	if p != Routing {
		without.Targets = without.Targets[:1]
	}
	return a == opNames(without.step(q.event, nil)) && with.Phase == without.Phase
}

// label names the input, and the guard when there is one.
func (q question) label(p Phase) string {
	name := q.in.String()
	switch {
	case sameWithout(p, q):
		return name
	case q.end:
		return name + ", last or not hunted on"
	default:
		return name + ", hunted on"
	}
}

func opNames(acts []action) string {
	list := make([]string, len(acts))
	for i, a := range acts {
		list[i] = a.op.String()
	}
	return strings.Join(list, ", ")
}
