package policy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"b2bua/policy"
)

// agree asks Plan and Explain the same and returns the plan: one function, so
// one answer, whatever is asked.
func agree(t interface {
	Helper()
	Fatalf(string, ...any)
}, s *policy.Snapshot, q policy.Query,
) (policy.Plan, *policy.Refusal) {
	t.Helper()
	plan, err := s.Plan(q)
	e := s.Explain(q)
	var refusal *policy.Refusal
	if err != nil {
		if !errors.As(err, &refusal) {
			t.Fatalf("%v is no refusal", err)
		}
		if e.Plan != nil || e.Refusal == nil || *e.Refusal != (policy.RefusalFacts{SIPStatus: refusal.Status, Code: refusal.Code, Reason: refusal.Reason}) {
			t.Fatalf("Plan refuses with %v, Explain says %+v", err, e)
		}
		return plan, refusal
	}
	if e.Refusal != nil || e.Plan == nil || !reflect.DeepEqual(*e.Plan, plan) {
		t.Fatalf("Plan %+v, Explain %+v %+v", plan, e.Plan, e.Refusal)
	}
	if len(plan.Targets) == 0 {
		t.Fatalf("a plan without targets: %+v", plan)
	}
	return plan, nil
}

// uriList returns a plan's gateways in order.
func uriList(p policy.Plan) string {
	var uris []string
	for _, target := range p.Targets {
		uris = append(uris, strings.TrimPrefix(target.Gateway, "sip:"))
	}
	return strings.Join(uris, " ")
}

func weigh(r policy.Route, weights ...int) policy.Route {
	for i, w := range weights {
		r.Targets[i].Weight = w
	}
	return r
}

func with(r policy.Route, change func(*policy.Route)) policy.Route {
	change(&r)
	return r
}

// The order of routes, step by step: each case is decided by the next key.
func TestRouteOrder(t *testing.T) {
	caller := func(p string) func(*policy.Route) { return func(r *policy.Route) { r.Match.CallerPrefix = p } }
	inbound := func(n string) func(*policy.Route) { return func(r *policy.Route) { r.Match.InboundTrunk = n } }
	priority := func(p int) func(*policy.Route) { return func(r *policy.Route) { r.Priority = p } }
	disabled := func(r *policy.Route) { r.Enabled = false }
	s := compile(t, policy.Set{
		Trunks: []policy.Trunk{from(trunk("in"), "10.0.0.0/8"), from(trunk("other"), "11.0.0.0/8"), trunk("out", "sip:out")},
		Routes: []policy.Route{
			route("all", "", "out"),
			route("1", "1", "out"),
			route("33", "33", "out"),
			with(route("33-low", "33", "out"), priority(101)),
			with(route("33-other", "33", "out"), inbound("other")),
			with(route("33-caller", "33", "out"), caller("49")),
			with(route("33-caller-in", "33", "out"), func(r *policy.Route) { caller("49")(r); inbound("in")(r); priority(999)(r) }),
			with(route("33-longer-caller", "33", "out"), func(r *policy.Route) { caller("4930")(r); priority(999)(r) }),
			with(route("331", "331", "out"), priority(999)),
			with(route("3312", "3312", "out"), disabled),
			with(route("44-high", "44", "out"), priority(10)),
			with(route("44-disabled", "44", "out"), func(r *policy.Route) { priority(1)(r); disabled(r) }),
			with(route("44-in", "44", "out"), func(r *policy.Route) { inbound("in")(r); disabled(r) }),
			route("plus", "+33", "out"),
			route("alice", "ali", "out"),
		},
	})
	for _, tc := range []struct{ src, caller, called, want, why string }{
		{"10.0.0.1:1", "1000", "7", "all", "the empty prefix matches everything"},
		{"10.0.0.1:1", "1000", "", "all", "even nothing"},
		{"10.0.0.1:1", "1000", "333", "33", "longest called prefix"},
		{"10.0.0.1:1", "1000", "3311", "331", "longest called prefix, whatever the priority"},
		{"10.0.0.1:1", "1000", "33123", "331", "a disabled route does not match"},
		{"10.0.0.1:1", "4930", "331", "331", "called prefix before caller prefix"},
		{"10.0.0.1:1", "4911", "33", "33-caller-in", "a named inbound trunk before priority"},
		{"11.0.0.1:1", "4911", "33", "33-caller", "longest caller prefix before a named inbound trunk"},
		{"11.0.0.1:1", "1000", "33", "33-other", "a named inbound trunk"},
		{"10.0.0.1:1", "4930123", "33", "33-longer-caller", "longest caller prefix, whatever the priority"},
		{"10.0.0.1:1", "1000", "44", "44-high", "lower priority of those enabled"},
		{"10.0.0.1:1", "1000", "+331", "plus", "a + is a character"},
		{"10.0.0.1:1", "1000", "+441", "all", "44 is not +44"},
		{"10.0.0.1:1", "1000", "+33-1", "plus", "separators do not count"},
		{"10.0.0.1:1", "1000", "alice", "alice", "names have prefixes too"},
		{"10.0.0.1:1", "1000", "Alice", "all", "names are case-sensitive"},
		{"10.0.0.1:1", "1000", "1000;npdi", "1", "parameters are no part of the number"},
	} {
		plan, refusal := agree(t, s, policy.Query{Source: source(tc.src), Caller: tc.caller, Called: tc.called})
		if refusal != nil || plan.Route != tc.want {
			t.Errorf("%s → %s: route %q, want %q: %s (%v)", tc.caller, tc.called, plan.Route, tc.want, tc.why, refusal)
		}
	}
}

func TestPlanCarriesTheTrunk(t *testing.T) {
	set := richSet()
	set.Routes[0].Enabled = true
	set.Routes[0].Match.InboundTrunk = ""
	set.Trunks = append(set.Trunks, from(trunk("in"), "10.0.0.0/8"))
	plan, refusal := agree(t, compile(t, set), policy.Query{Source: source("10.1.1.1:5060"), Caller: "0044-20", Called: "+33(1)2"})
	if refusal != nil {
		t.Fatal(refusal)
	}
	want := policy.Plan{
		Revision: 42, InboundTrunk: "in", Route: "france", Caller: "004420", Called: "+3312",
		Targets: []policy.Target{{
			Trunk: "carrier", Gateway: "sip:192.0.2.1:5070", Network: "outside", Caller: "004420", Called: "+3312",
			RingTimeout: policy.Duration(90 * time.Second), HuntOn: policy.HuntOn{"403", "timeout"},
			EarlyDialogs: "single", Media: "bypass", InDialogSource: "any", MTU: 0,
			HeaderPolicy: policy.HeaderPolicy{Trusted: true, Pass: []string{"X-Id"}, Remove: []string{"Subject"}},
			Limits:       policy.Limits{MaxCalls: 100, MaxCPS: 10},
		}},
	}
	if d := cmp.Diff(want, plan); d != "" {
		t.Error(d)
	}
	data, err := json.Marshal(plan) // a plan is part of a call's state
	var back policy.Plan
	if err == nil {
		err = json.Unmarshal(data, &back)
	}
	if d := cmp.Diff(plan, back); err != nil || d != "" {
		t.Error(err, d)
	}
}

func TestRefusals(t *testing.T) {
	s := compile(t, policy.Set{
		Trunks: []policy.Trunk{
			from(trunk("in", "sip:10.0.0.1"), "10.0.0.0/8"), off(from(trunk("shut", "sip:b"), "11.0.0.0/8")), trunk("empty"),
			{
				Name: "dark", Enabled: true, Network: "default", Media: "relay", EarlyDialogs: "single", InDialogSource: "any", MTU: "off",
				RingTimeout: policy.DefaultRingTimeout, Gateways: []policy.Gateway{{URI: "sip:c", Weight: 1}},
			},
			trunk("out", "sip:out"),
		},
		Routes: []policy.Route{
			route("loop", "1", "in"), route("no-gateway", "2", "empty", "shut", "dark"), route("both", "3", "in", "shut"),
			route("past", "4", "in", "shut", "out"),
			with(route("hairpin", "5", "in", "out"), func(r *policy.Route) { r.Match.InboundTrunk = "in" }),
		},
	})
	for _, tc := range []struct {
		src, inbound, called string
		status               int
		code, says           string
	}{
		{"12.0.0.1:5060", "", "1", 403, policy.RefusedSource, "12.0.0.1:5060"},
		{"11.0.0.1:5060", "", "1", 403, policy.RefusedSource, "no trunk calls from"},
		{"10.0.0.1:5060", "gone", "1", 403, policy.RefusedSource, `"gone"`},
		{"10.0.0.1:5060", "shut", "1", 403, policy.RefusedSource, "disabled"},
		{"10.0.0.1:5060", "", "9", 404, policy.RefusedRoute, `"9"`},
		{"10.0.0.1:5060", "", "1", 482, policy.RefusedLoop, "back to trunk \"in\""},
		{"10.0.0.1:5060", "", "2", 503, policy.RefusedTarget, `route "no-gateway"`},
		{"10.0.0.1:5060", "", "3", 482, policy.RefusedLoop, `route "both"`},
	} {
		_, refusal := agree(t, s, policy.Query{Source: source(tc.src), InboundTrunk: tc.inbound, Called: tc.called})
		if refusal == nil || refusal.Status != tc.status || refusal.Code != tc.code || !strings.Contains(refusal.Error(), tc.says) {
			t.Errorf("%s %s → %s: %v, want %d %s … %s", tc.src, tc.inbound, tc.called, refusal, tc.status, tc.code, tc.says)
		}
	}
	for called, want := range map[string]string{"4": "out", "5": "10.0.0.1 out"} {
		plan, refusal := agree(t, s, policy.Query{InboundTrunk: "in", Called: called})
		if refusal != nil || uriList(plan) != want {
			t.Errorf("%s: %q (%v), want %q", called, uriList(plan), refusal, want)
		}
	}
}

// shares counts which gateway comes first over many seeds.
func shares(t *testing.T, s *policy.Snapshot, called string, by func(policy.Plan) string) map[string]int {
	t.Helper()
	n := map[string]int{}
	for seed := range uint64(10000) {
		plan, err := s.Plan(policy.Query{InboundTrunk: "in", Called: called, Random: seed})
		if err != nil {
			t.Fatal(err)
		}
		n[by(plan)]++
	}
	return n
}

// within checks shares of 10,000 to ±2 points; the standard deviation is 0.5.
func within(t *testing.T, got map[string]int, want map[string]int) {
	t.Helper()
	for key, n := range got {
		if d := n - want[key]; d < -200 || d > 200 {
			t.Errorf("%q: %d of 10000, want about %d (all: %v)", key, n, want[key], got)
		}
	}
}

func TestOrderOfTargetsAndGateways(t *testing.T) {
	mixed := trunk("mixed", "sip:m1", "sip:m2", "sip:m3", "sip:m4")
	for i, p := range []int{2, 1, 1, 1} {
		mixed.Gateways[i].Priority = p
	}
	mixed.Gateways[1].Weight = 3
	mixed.Gateways[3].Enabled = false
	s := compile(t, policy.Set{
		Trunks: []policy.Trunk{from(trunk("in"), "10.0.0.0/8"), trunk("a", "sip:a1", "sip:a2"), trunk("b", "sip:b"), trunk("c", "sip:c"), mixed},
		Routes: []policy.Route{
			route("listed", "1", "b", "a", "c"),
			weigh(route("weighted", "2", "a", "b", "c"), 70, 20, 10),
			route("gateways", "3", "mixed", "b"),
			weigh(route("equal-a", "4", "a"), 3),
			route("equal-b", "4", "b"),
			with(route("equal-off", "4", "c"), func(r *policy.Route) { r.Enabled = false }),
			with(route("equal-low", "4", "c"), func(r *policy.Route) { r.Priority = 200 }),
		},
	})
	all := func(p policy.Plan) string { return uriList(p) }
	first := func(p policy.Plan) string { return strings.Fields(uriList(p))[0] }
	within(t, shares(t, s, "1", all), map[string]int{"b a1 a2 c": 10000})
	within(t, shares(t, s, "2", first), map[string]int{"a1": 7000, "b": 2000, "c": 1000})
	// After a is drawn, b has 20 of the 30 that are left.
	within(t, shares(t, s, "2", all), map[string]int{
		"a1 a2 b c": 7000 * 20 / 30, "a1 a2 c b": 7000 * 10 / 30,
		"b a1 a2 c": 2000 * 70 / 80, "b c a1 a2": 2000 * 10 / 80,
		"c a1 a2 b": 1000 * 70 / 90, "c b a1 a2": 1000 * 20 / 90,
	})
	within(t, shares(t, s, "3", all), map[string]int{"m2 m3 m1 b": 7500, "m3 m2 m1 b": 2500})
	within(t, shares(t, s, "4", func(p policy.Plan) string { return p.Route }), map[string]int{"equal-a": 7500, "equal-b": 2500})
}

func TestPlanIsAFunctionOfItsQuery(t *testing.T) {
	s := compile(t, bigSet(100))
	rapid.Check(t, func(t *rapid.T) {
		q := policy.Query{InboundTrunk: "in1", Called: rapid.StringMatching(`\+?[0-9]{0,12}`).Draw(t, "called"), Random: rapid.Uint64().Draw(t, "random")}
		a, _ := agree(t, s, q)
		b, _ := agree(t, s, q)
		if d := cmp.Diff(a, b); d != "" {
			t.Fatal(d)
		}
	})
}

// modelRoutes returns the names of the routes that may win, by the order that
// Plan's comment gives, over a list.
func modelRoutes(routes []policy.Route, inbound, caller, called string) []string {
	var best []policy.Route
	better := func(a, b policy.Route) int {
		named := func(r policy.Route) int {
			if r.Match.InboundTrunk != "" {
				return 1
			}
			return 0
		}
		for _, d := range []int{
			len(a.Match.CalledPrefix) - len(b.Match.CalledPrefix),
			len(a.Match.CallerPrefix) - len(b.Match.CallerPrefix),
			named(a) - named(b),
			b.Priority - a.Priority,
		} {
			if d != 0 {
				return d
			}
		}
		return 0
	}
	for _, r := range routes {
		m := r.Match
		if !r.Enabled || !strings.HasPrefix(called, m.CalledPrefix) || !strings.HasPrefix(caller, m.CallerPrefix) ||
			m.InboundTrunk != "" && m.InboundTrunk != inbound {
			continue
		}
		switch {
		case len(best) == 0 || better(r, best[0]) > 0:
			best = []policy.Route{r}
		case better(r, best[0]) == 0:
			best = append(best, r)
		}
	}
	var names []string
	for _, r := range best {
		names = append(names, r.Name)
	}
	return names
}

// TestPlanAgreesWithModel draws routes whose prefixes meet, and holds the
// winner and the set of its targets against the model.
func TestPlanAgreesWithModel(t *testing.T) {
	prefix := rapid.StringOfN(rapid.SampledFrom([]rune("+01a")), 0, 4, -1)
	trunks := []policy.Trunk{from(trunk("in", "sip:in"), "10.0.0.0/8"), trunk("b", "sip:b1", "sip:b2"), trunk("c", "sip:c"), off(trunk("d", "sip:d"))}
	names := []string{"in", "b", "c", "d"}
	gateways := map[string][]string{"in": {"sip:in"}, "b": {"sip:b1", "sip:b2"}, "c": {"sip:c"}}
	rapid.Check(t, func(t *rapid.T) {
		set := policy.Set{Trunks: trunks}
		for i := range rapid.IntRange(0, 25).Draw(t, "routes") {
			r := policy.NewRoute(fmt.Sprintf("r%d", i))
			r.Enabled = rapid.IntRange(0, 4).Draw(t, "enabled") > 0
			r.Priority = rapid.IntRange(1, 2).Draw(t, "priority")
			r.Match.CalledPrefix = prefix.Draw(t, "called_prefix")
			r.Match.CallerPrefix = rapid.OneOf(rapid.Just(""), prefix).Draw(t, "caller_prefix")
			r.Match.InboundTrunk = rapid.SampledFrom([]string{"", "", "in", "b"}).Draw(t, "inbound")
			for _, j := range rapid.Permutation([]int{0, 1, 2, 3}).Draw(t, "targets")[:rapid.IntRange(1, 4).Draw(t, "n")] {
				r.Targets = append(r.Targets, policy.RouteTarget{Trunk: names[j], Weight: rapid.SampledFrom([]int{1, 1, 5}).Draw(t, "weight")})
			}
			set.Routes = append(set.Routes, r)
		}
		s, faults := policy.Compile(set)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		q := policy.Query{Called: prefix.Draw(t, "called") + "1", Caller: prefix.Draw(t, "caller"), Random: rapid.Uint64().Draw(t, "random")}
		q.InboundTrunk = rapid.SampledFrom([]string{"in", "b"}).Draw(t, "from")
		plan, refusal := agree(t, s, q)
		winners := modelRoutes(set.Routes, q.InboundTrunk, q.Caller, q.Called)
		if len(winners) == 0 {
			if refusal == nil || refusal.Code != policy.RefusedRoute {
				t.Fatalf("got %+v (%v), want no route", plan, refusal)
			}
			return
		}
		if refusal != nil {
			for _, name := range winners {
				if len(modelTargets(set.Routes, name, q.InboundTrunk, gateways)) == 0 {
					return
				}
			}
			t.Fatalf("refused: %v, want one of %v", refusal, winners)
		}
		if !slices.Contains(winners, plan.Route) {
			t.Fatalf("route %s, want one of %v", plan.Route, winners)
		}
		checkTargets(t, plan, set.Routes, modelTargets(set.Routes, plan.Route, q.InboundTrunk, gateways))
	})
}

// modelTargets returns the gateways of a route's usable targets, as listed.
func modelTargets(routes []policy.Route, name, inbound string, gateways map[string][]string) (uris []string) {
	i := slices.IndexFunc(routes, func(r policy.Route) bool { return r.Name == name })
	for _, target := range routes[i].Targets {
		if target.Trunk != inbound || routes[i].Match.InboundTrunk == inbound {
			uris = append(uris, gateways[target.Trunk]...)
		}
	}
	return uris
}

func checkTargets(t *rapid.T, plan policy.Plan, routes []policy.Route, want []string) {
	var got []string
	for _, target := range plan.Targets {
		got = append(got, target.Gateway)
	}
	r := routes[slices.IndexFunc(routes, func(r policy.Route) bool { return r.Name == plan.Route })]
	if slices.ContainsFunc(r.Targets, func(t policy.RouteTarget) bool { return t.Weight != 1 }) {
		slices.Sort(got) // by draw: only what is in it can be told
		slices.Sort(want)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("route %s: targets %v, want %v", plan.Route, got, want)
	}
}
