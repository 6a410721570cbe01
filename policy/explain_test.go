package policy_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"b2bua/policy"
)

// told renders candidates as lines: kind name [of] outcome: reason (compared).
func told(e policy.Explanation) (lines []string) {
	for _, c := range e.Candidates {
		line := fmt.Sprintf("%s %s", c.Kind, c.Name)
		if c.Of != "" {
			line += " of " + c.Of
		}
		line += fmt.Sprintf(" %s: %s", c.Outcome, c.Reason)
		for _, p := range c.Compared {
			line += fmt.Sprintf(" (%s %q %q)", p.Field, p.Want, p.Got)
		}
		lines = append(lines, line)
	}
	return lines
}

// Every candidate has its say: each reason there is appears here once.
func TestExplainTellsEveryCandidate(t *testing.T) {
	priority := func(r policy.Route, p int) policy.Route { r.Priority = p; return r }
	match := func(r policy.Route, caller, inbound string) policy.Route {
		r.Match.CallerPrefix, r.Match.InboundTrunk = caller, inbound
		return r
	}
	disabled := func(r policy.Route) policy.Route { r.Enabled = false; return r }
	gone := trunk("gone", "sip:gone")
	gone.Gateways[0].Enabled = false
	half := trunk("half", "sip:h1", "sip:h2")
	half.Gateways[0].Enabled = false
	s := compile(t, policy.Set{
		Revision: 3,
		Trunks: []policy.Trunk{
			from(trunk("in", "sip:in"), "10.0.0.0/16"), from(trunk("wide"), "10.0.0.0/8"),
			trunk("near", "sip:10.0.0.1"), off(trunk("shut", "sip:shut")), gone, half, trunk("out", "sip:out"),
		},
		Routes: []policy.Route{
			match(route("win", "33", "in", "shut", "gone", "half", "out"), "1", ""),
			priority(match(route("higher", "33", "out"), "1", ""), 200),
			match(route("no-caller", "33", "out"), "", ""),
			route("short", "3", "out"),
			disabled(route("off", "331", "out")),
			match(route("others", "33", "out"), "1", "wide"),
			match(route("wrong-caller", "33", "out"), "2", ""),
			route("elsewhere", "44", "out"),
			route("plus", "+33", "out"),
		},
	})
	got := s.Explain(policy.Query{Source: source("10.0.0.1:5060"), Caller: "1000", Called: "3312"})
	want := []string{
		`source in chosen: the longest declared source that holds the address (source "10.0.0.0/16" "10.0.0.1")`,
		`source wide lost: a longer declared source came first (source "10.0.0.0/8" "10.0.0.1")`,
		`source near lost: a declared source outranks the addresses of gateways (gateway_port "5060" "5060")`,
		`route off skipped: disabled (called_prefix "331" "3312")`,
		`route win chosen: the best match (called_prefix "33" "3312") (caller_prefix "1" "1000")`,
		`route higher lost: its priority is a higher number than the winner's (called_prefix "33" "3312") (caller_prefix "1" "1000") (priority "200" "100")`,
		`route no-caller lost: its caller prefix is shorter than the winner's (called_prefix "33" "3312") (caller_prefix "" "1")`,
		`route short lost: its called prefix is shorter than the winner's (called_prefix "3" "3312") (called_prefix "3" "33")`,
		`route others skipped: it is for another inbound trunk (inbound_trunk "wide" "in")`,
		`route wrong-caller skipped: the caller number does not begin with the prefix (caller_prefix "2" "1000")`,
		`route elsewhere skipped: the called number does not begin with the prefix (called_prefix "44" "3312")`,
		`route plus skipped: the prefix has a leading + and the called number has none (called_prefix "+33" "3312")`,
		`target in of win skipped: the call came from this trunk; a route sends it back only when its match names this inbound trunk (inbound_trunk "" "in")`,
		`target shut of win skipped: the trunk is disabled`,
		`target gone of win skipped: the trunk has no enabled gateway`,
		`target half of win chosen: place 1 of 2, as listed`,
		`target out of win chosen: place 2 of 2, as listed`,
		`gateway sip:h1 of half skipped: disabled (priority "1" "") (weight "1" "")`,
		`gateway sip:h2 of half chosen: target 1 of the plan: lower priority first, equals drawn by weight (priority "2" "") (weight "1" "")`,
		`gateway sip:out of out chosen: target 2 of the plan: lower priority first, equals drawn by weight (priority "1" "") (weight "1" "")`,
	}
	if d := cmp.Diff(want, told(got)); d != "" {
		t.Error(d)
	}
	if got.Revision != 3 || got.Truncated != 0 || got.Plan == nil || got.Refusal != nil {
		t.Errorf("%+v", got)
	}
}

func TestExplainNamedTrunkAndDraws(t *testing.T) {
	s := compile(t, policy.Set{
		Trunks: []policy.Trunk{from(trunk("in"), "10.0.0.0/8"), trunk("a", "sip:a"), trunk("b", "sip:b"), off(trunk("shut"))},
		Routes: []policy.Route{
			weigh(route("one", "", "a", "b"), 3, 1), weigh(route("two", "", "b"), 4),
			{Name: "mine", Enabled: true, Priority: 9, Match: policy.Match{CalledPrefix: "7", InboundTrunk: "in"}, Targets: []policy.RouteTarget{{Trunk: "a", Weight: 1}}},
			route("all7", "7", "b"),
		},
	})
	lines := strings.Join(told(s.Explain(policy.Query{InboundTrunk: "in", Called: "7"})), "\n")
	for _, want := range []string{
		`source in chosen: the query names it`,
		`route all7 lost: the winner names the inbound trunk (called_prefix "7" "7") (inbound_trunk "" "in")`,
	} {
		if !strings.Contains(lines, want) {
			t.Errorf("no %s in\n%s", want, lines)
		}
	}
	for seed, want := range map[uint64]string{ // one seed for each side of the draw
		drawn(t, s, "one"): `route two lost: it equals the winner, and the draw by weight went to that (called_prefix "" "1") (weight "4" "4")`,
		drawn(t, s, "two"): `route one lost: it equals the winner, and the draw by weight went to that (called_prefix "" "1") (weight "4" "4")`,
	} {
		e := s.Explain(policy.Query{InboundTrunk: "in", Called: "1", Random: seed})
		lines := strings.Join(told(e), "\n")
		if !strings.Contains(lines, want) || !strings.Contains(lines, "drawn by weight (weight") {
			t.Errorf("no %s in\n%s", want, lines)
		}
	}
	for name, want := range map[string]string{
		"shut": "source shut skipped: the trunk is disabled",
		"none": "source none skipped: no trunk has this name",
	} {
		e := s.Explain(policy.Query{InboundTrunk: name})
		if got := strings.Join(told(e), "\n"); got != want || e.Plan != nil || e.Refusal.SIPStatus != 403 {
			t.Errorf("%s: %s (%+v)", name, got, e)
		}
	}
}

// drawn returns a seed with which the route wins for called 1.
func drawn(t *testing.T, s *policy.Snapshot, route string) uint64 {
	t.Helper()
	for seed := range uint64(1000) {
		if p, err := s.Plan(policy.Query{InboundTrunk: "in", Called: "1", Random: seed}); err == nil && p.Route == route {
			return seed
		}
	}
	t.Fatalf("%s never wins", route)
	return 0
}

func TestExplainSources(t *testing.T) {
	s := compile(t, policy.Set{Trunks: []policy.Trunk{
		off(from(trunk("shut"), "10.0.0.0/8")),
		trunk("a", "sip:192.0.2.1:5061"), trunk("b", "sip:192.0.2.1:5062"), trunk("c", "sip:192.0.2.2"),
	}})
	for src, want := range map[string]string{
		"10.0.0.1:1":      `source shut skipped: the trunk is disabled, which shuts its sources out (source "10.0.0.0/8" "10.0.0.1")`,
		"192.0.2.1:9":     `source a skipped: several trunks have a gateway at this address; declare their sources (gateway_port "5061" "9")`,
		"192.0.2.1:5062":  `source a lost: another trunk's gateway has the source port (gateway_port "5061" "5062")`,
		"192.0.2.1:5061":  `source a chosen: its gateway has the address and the source port (gateway_port "5061" "5061")`,
		"192.0.2.2:5061":  `source c chosen: its gateway has the address, and it declares no source (gateway_port "5060" "5061")`,
		"203.0.113.1:999": ``,
	} {
		got := told(s.Explain(policy.Query{Source: source(src)}))
		if strings.Join(append(got, ""), "\n") == "\n" && want == "" {
			continue
		}
		if len(got) == 0 && want != "" || len(got) > 0 && got[0] != want {
			t.Errorf("%s: %q, want %q first", src, got, want)
		}
	}
}

// A + that is all that separates a call from a route is named.
func TestExplainNamesThePlus(t *testing.T) {
	s := compile(t, policy.Set{
		Trunks: []policy.Trunk{from(trunk("in"), "10.0.0.0/8"), trunk("out", "sip:out")},
		Routes: []policy.Route{route("france", "33", "out")},
	})
	e := s.Explain(policy.Query{InboundTrunk: "in", Called: "+33123"})
	if got, want := told(e)[1], `route france skipped: the called number has a leading + and the prefix has none (called_prefix "33" "+33123")`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A long table is cut short, but never its winner: not when many equal it, not
// when many disabled ones match better.
func TestExplainIsBounded(t *testing.T) {
	for name, tc := range map[string]struct {
		prefix string
		winner int
	}{"equals": {"999", 299}, "better": {"99912", -1}} {
		set := bigSet(1000)
		for i := range 300 {
			r := route(fmt.Sprintf("a%d", i), tc.prefix, "out1")
			r.Enabled = i == tc.winner
			set.Routes = append(set.Routes, r)
		}
		e := compile(t, set).Explain(policy.Query{InboundTrunk: "in1", Called: "99912"})
		routes, winners := 0, 0
		for _, c := range e.Candidates {
			if c.Kind == policy.KindRoute {
				routes++
				if c.Outcome == policy.OutcomeChosen && c.Name == e.Plan.Route {
					winners++
				}
			}
		}
		if winners != 1 || routes > 201 || routes+e.Truncated != 1300 {
			t.Errorf("%s: %d routes, %d winners, %d truncated", name, routes, winners, e.Truncated)
		}
		if data, err := json.Marshal(e); err != nil || strings.Contains(string(data), `"compared":null`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
