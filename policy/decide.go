package policy

import (
	"fmt"
	"slices"
)

// The one decision, for live calls and for explain: decide → inbound →
// selectRoute → pick → expand → unfold. With a trace it decides the same and
// goes on looking, to tell what else there was; without one it stops at the
// first that wins, and allocates the plan's targets and nothing else.

// none is the index of no route.
const none int32 = -1

// A decision is the work of one query.
type decision struct {
	inbound *compiledTrunk
	caller  string
	called  string
	random  random
	trace   *trace // nil for live calls
}

func (s *Snapshot) decide(q *Query, t *trace) (Plan, *Refusal) {
	d := decision{caller: number(q.Caller), called: number(q.Called), random: random(q.Random), trace: t}
	if d.inbound = s.inbound(q, t); d.inbound == nil {
		return Plan{}, &Refusal{Status: 403, Code: RefusedSource, Reason: sourceReason(q)}
	}
	winner := s.selectRoute(&d)
	if winner == none {
		return Plan{}, &Refusal{Status: 404, Code: RefusedRoute, Reason: fmt.Sprintf("no route matches called %q", cut(d.called))}
	}
	route := &s.routes[winner]
	targets, refusal := d.expand(route)
	if refusal != nil {
		return Plan{}, refusal
	}
	return Plan{
		Revision:     s.set.Revision,
		InboundTrunk: d.inbound.Name,
		Route:        route.Name,
		Caller:       d.caller,
		Called:       d.called,
		Targets:      targets,
	}, nil
}

func sourceReason(q *Query) string {
	if q.InboundTrunk != "" {
		return fmt.Sprintf("trunk %q does not exist or is disabled", cut(q.InboundTrunk))
	}
	return fmt.Sprintf("no trunk calls from %v in network %q", q.Source.Addr, cut(networkOf(&q.Source)))
}

// inbound returns the trunk that the query names, or the one that calls from
// its source. The snapshot may have changed since the call was identified.
func (s *Snapshot) inbound(q *Query, t *trace) *compiledTrunk {
	if q.InboundTrunk == "" {
		return s.identify(&q.Source, t)
	}
	trunk := s.trunks[q.InboundTrunk]
	if t != nil {
		t.namedSource(q.InboundTrunk, trunk)
	}
	if trunk == nil || trunk.off != "" {
		return nil
	}
	return trunk
}

// selectRoute returns the route that wins, none when there is none.
func (s *Snapshot) selectRoute(d *decision) int32 {
	var calledHits, callerHits [maxPrefix + 1]int32
	winner := none
	called := s.rules.called.match(d.called, calledHits[:0])
	for _, c := range slices.Backward(called) { // longest first
		leaf := &s.rules.leaves[c]
		callers := leaf.callers.match(d.caller, callerHits[:0])
		for _, caller := range slices.Backward(callers) {
			rules := &leaf.leaves[caller]
			for _, equal := range [2][]int32{rules.named[d.inbound.Name], rules.any} {
				winner = s.pick(equal, winner, d)
				if winner != none && d.trace == nil {
					return winner
				}
			}
		}
	}
	if d.trace != nil {
		d.trace.otherRoutes(s, d)
	}
	return winner
}

// pick returns the winner among routes that match equally well, which lie by
// priority; before is the winner of better matches, if there is one.
func (s *Snapshot) pick(equal []int32, before int32, d *decision) int32 {
	winner := before
	if before == none {
		winner = s.draw(equal, d)
		if winner != none && d.trace != nil {
			d.trace.route(s, winner, winner, d)
		}
	}
	if d.trace != nil {
		for _, i := range equal {
			d.trace.route(s, i, winner, d)
		}
	}
	return winner
}

// draw returns one of the enabled routes of the lowest priority, by the sum
// of their targets' weights; none when all are disabled.
func (s *Snapshot) draw(equal []int32, d *decision) int32 {
	first, total, rivals := none, uint64(0), 0
	for _, i := range equal {
		r := &s.routes[i]
		if first != none && r.Priority != s.routes[first].Priority {
			break
		}
		if !r.Enabled {
			continue
		}
		if first == none {
			first = i
		}
		total += r.weight
		rivals++
	}
	if rivals < 2 {
		return first
	}
	x := d.random.below(total)
	for _, i := range equal {
		r := &s.routes[i]
		if !r.Enabled {
			continue
		}
		if x < r.weight {
			return i
		}
		x -= r.weight
	}
	return first
}

// expand returns the targets of the winning route, or the refusal when none
// is in service.
func (d *decision) expand(r *compiledRoute) ([]Target, *Refusal) {
	var buf [maxTargets]weighted
	usable, loops, size := buf[:0], 0, 0
	for i, t := range r.trunks {
		n := t.inService()
		loop := t == d.inbound && r.Match.InboundTrunk != t.Name
		if d.trace != nil {
			d.trace.target(r, i, n, loop)
		}
		switch {
		case t.off == "" && n > 0 && loop:
			loops++
		case t.off == "" && n > 0:
			usable = append(usable, weighted{int32(i), uint32(r.Targets[i].Weight)})
			size += n
		}
	}
	if len(usable) == 0 && loops > 0 {
		reason := fmt.Sprintf("route %q leads only back to trunk %q, where the call came from", r.Name, d.inbound.Name)
		return nil, &Refusal{Status: 482, Code: RefusedLoop, Reason: reason}
	}
	if len(usable) == 0 {
		return nil, &Refusal{Status: 503, Code: RefusedTarget, Reason: fmt.Sprintf("route %q has no target in service", r.Name)}
	}
	if r.byDraw {
		d.random.order(usable)
	}
	targets := make([]Target, 0, size)
	for place, u := range usable {
		if d.trace != nil {
			d.trace.place(r, int(u.index), place+1, len(usable))
		}
		targets = d.unfold(r.trunks[u.index], targets)
	}
	return targets, nil
}

// inService counts the gateways that may be called.
func (t *compiledTrunk) inService() int {
	n := 0
	for i := range t.Gateways {
		if t.Gateways[i].Enabled {
			n++
		}
	}
	return n
}

// unfold appends a target for each enabled gateway of the trunk.
func (d *decision) unfold(t *compiledTrunk, targets []Target) []Target {
	var buf [maxGateways]weighted
	for from := 0; from < len(t.gateways); {
		priority := t.Gateways[t.gateways[from].index].Priority
		equal, to := buf[:0], from
		for ; to < len(t.gateways); to++ {
			g := &t.Gateways[t.gateways[to].index]
			if g.Priority != priority {
				break
			}
			if g.Enabled {
				equal = append(equal, weighted{t.gateways[to].index, uint32(g.Weight)})
			}
		}
		d.random.order(equal)
		for _, e := range equal {
			targets = append(targets, d.target(t, &t.Gateways[e.index]))
		}
		if d.trace != nil {
			d.trace.gateways(t, t.gateways[from:to], targets)
		}
		from = to
	}
	return targets
}

func (d *decision) target(t *compiledTrunk, g *Gateway) Target {
	return Target{
		Trunk:          t.Name,
		Gateway:        g.URI,
		Network:        t.Network,
		Caller:         d.caller,
		Called:         d.called,
		RingTimeout:    t.RingTimeout,
		HuntOn:         t.hunt,
		EarlyDialogs:   t.EarlyDialogs,
		Media:          t.Media,
		InDialogSource: t.InDialogSource,
		MTU:            t.mtu,
		HeaderPolicy:   t.HeaderPolicy,
		Limits:         t.Limits,
	}
}
