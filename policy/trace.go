package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxTracedRoutes bounds the routes of one explanation. Those that match come
// first, so what is cut off are routes that never had a chance.
const maxTracedRoutes = 200

// A trace takes down what a decision looked at. A decision without one passes
// nil and never calls it.
type trace struct {
	candidates []Candidate
	truncated  int            // routes beyond maxTracedRoutes
	listed     map[int32]bool // routes told of
	targets    [maxTargets]int
}

func (t *trace) add(c Candidate) {
	if c.Compared == nil {
		c.Compared = []Comparison{}
	}
	t.candidates = append(t.candidates, c)
}

// namedSource tells of the inbound trunk that the query names.
func (t *trace) namedSource(name string, trunk *compiledTrunk) {
	c := Candidate{Kind: KindSource, Name: name, Outcome: OutcomeChosen, Reason: "the query names it"}
	if trunk == nil {
		c.Outcome, c.Reason = OutcomeSkipped, "no trunk has this name"
	} else if trunk.off != "" {
		c.Outcome, c.Reason = OutcomeSkipped, trunk.off
	}
	t.add(c)
}

// route tells of a route that matches. Winner is none when all that match
// equally well or better are disabled.
func (t *trace) route(s *Snapshot, i, winner int32, d *decision) {
	if t.listed[i] || i != winner && len(t.listed) >= maxTracedRoutes {
		return
	}
	t.listed[i] = true
	r := &s.routes[i]
	c := Candidate{Kind: KindRoute, Name: r.Name, Compared: matched(&r.Match, d)}
	switch {
	case !r.Enabled:
		c.Outcome, c.Reason = OutcomeSkipped, "disabled"
	case i == winner:
		c.Outcome, c.Reason = OutcomeChosen, "the best match"
	default:
		var how Comparison
		c.Outcome = OutcomeLost
		c.Reason, how = lostTo(r, &s.routes[winner])
		c.Compared = append(c.Compared, how)
	}
	t.add(c)
}

// matched returns what a route asks for beside what the call has.
func matched(m *Match, d *decision) []Comparison {
	compared := []Comparison{{"called_prefix", m.CalledPrefix, d.called}}
	if m.CallerPrefix != "" {
		compared = append(compared, Comparison{"caller_prefix", m.CallerPrefix, d.caller})
	}
	if m.InboundTrunk != "" {
		compared = append(compared, Comparison{"inbound_trunk", m.InboundTrunk, d.inbound.Name})
	}
	return compared
}

// lostTo says what put the winner before r, which matches too.
func lostTo(r, winner *compiledRoute) (string, Comparison) {
	m, w := &r.Match, &winner.Match
	switch {
	case len(m.CalledPrefix) < len(w.CalledPrefix):
		return "its called prefix is shorter than the winner's", Comparison{"called_prefix", m.CalledPrefix, w.CalledPrefix}
	case len(m.CallerPrefix) < len(w.CallerPrefix):
		return "its caller prefix is shorter than the winner's", Comparison{"caller_prefix", m.CallerPrefix, w.CallerPrefix}
	case m.InboundTrunk != w.InboundTrunk:
		return "the winner names the inbound trunk", Comparison{"inbound_trunk", m.InboundTrunk, w.InboundTrunk}
	case r.Priority != winner.Priority:
		return "its priority is a higher number than the winner's", Comparison{"priority", strconv.Itoa(r.Priority), strconv.Itoa(winner.Priority)}
	}
	return "it equals the winner, and the draw by weight went to that",
		Comparison{"weight", strconv.FormatUint(r.weight, 10), strconv.FormatUint(winner.weight, 10)}
}

// otherRoutes tells of the routes that do not match: first those that share
// the called prefix, then the rest by name, as far as there is room.
func (t *trace) otherRoutes(s *Snapshot, d *decision) {
	for pass := range 2 {
		for i := range s.routes {
			fits := strings.HasPrefix(d.called, s.routes[i].Match.CalledPrefix)
			if fits == (pass == 0) && len(t.listed) < maxTracedRoutes && !t.listed[int32(i)] {
				t.listed[int32(i)] = true
				t.add(mismatch(&s.routes[i], d))
			}
		}
	}
	t.truncated = len(s.routes) - len(t.listed)
}

// mismatch says why a route does not match.
func mismatch(r *compiledRoute, d *decision) Candidate {
	c := Candidate{Kind: KindRoute, Name: r.Name, Outcome: OutcomeSkipped}
	m := &r.Match
	switch {
	case !strings.HasPrefix(d.called, m.CalledPrefix):
		c.Reason = unlike("called", m.CalledPrefix, d.called)
		c.Compared = []Comparison{{"called_prefix", m.CalledPrefix, d.called}}
	case !strings.HasPrefix(d.caller, m.CallerPrefix):
		c.Reason = unlike("caller", m.CallerPrefix, d.caller)
		c.Compared = []Comparison{{"caller_prefix", m.CallerPrefix, d.caller}}
	default:
		c.Reason = "it is for another inbound trunk"
		c.Compared = []Comparison{{"inbound_trunk", m.InboundTrunk, d.inbound.Name}}
	}
	return c
}

// unlike says that a number does not begin with a prefix, and whether only a
// + is between them.
func unlike(which, prefix, number string) string {
	bare, plus := strings.CutPrefix(number, "+")
	barePrefix, plusPrefix := strings.CutPrefix(prefix, "+")
	if plus != plusPrefix && strings.HasPrefix(bare, barePrefix) {
		if plus {
			return "the " + which + " number has a leading + and the prefix has none"
		}
		return "the prefix has a leading + and the " + which + " number has none"
	}
	return "the " + which + " number does not begin with the prefix"
}

// target tells of a target of the winning route with n gateways in service.
func (t *trace) target(r *compiledRoute, i, n int, loop bool) {
	trunk := r.trunks[i]
	c := Candidate{Kind: KindTarget, Name: trunk.Name, Of: r.Name, Outcome: OutcomeSkipped}
	switch {
	case trunk.off != "":
		c.Reason = trunk.off
	case n == 0:
		c.Reason = "the trunk has no enabled gateway"
	case loop:
		c.Reason = "the call came from this trunk; a route sends it back only when its match names this inbound trunk"
		c.Compared = []Comparison{{"inbound_trunk", r.Match.InboundTrunk, trunk.Name}}
	default:
		c.Outcome = OutcomeChosen
		if r.byDraw {
			c.Compared = []Comparison{{"weight", strconv.Itoa(r.Targets[i].Weight), strconv.FormatUint(r.weight, 10)}}
		}
	}
	t.targets[i] = len(t.candidates)
	t.add(c)
}

// place tells where a target came in the order of targets.
func (t *trace) place(r *compiledRoute, i, place, of int) {
	how := "as listed"
	if r.byDraw {
		how = "drawn by weight"
	}
	t.candidates[t.targets[i]].Reason = fmt.Sprintf("place %d of %d, %s", place, of, how)
}

// gateways tells of a trunk's gateways of one priority, after they have been
// put into the plan.
func (t *trace) gateways(trunk *compiledTrunk, equal []compiledGateway, plan []Target) {
	for _, e := range equal {
		g := &trunk.Gateways[e.index]
		c := Candidate{
			Kind: KindGateway, Name: g.URI, Of: trunk.Name, Outcome: OutcomeSkipped, Reason: "disabled",
			Compared: []Comparison{{"priority", strconv.Itoa(g.Priority), ""}, {"weight", strconv.Itoa(g.Weight), ""}},
		}
		at := slices.IndexFunc(plan, func(p Target) bool { return p.Trunk == trunk.Name && p.Gateway == g.URI })
		if g.Enabled && at >= 0 {
			c.Outcome, c.Reason = OutcomeChosen, fmt.Sprintf("target %d of the plan: lower priority first, equals drawn by weight", at+1)
		}
		t.add(c)
	}
}
