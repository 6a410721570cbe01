package storetest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"b2bua/policy"
)

func policyEdgeTests() map[string]func(*testing.T, env) {
	return map[string]func(*testing.T, env){
		"refused":      testPolicyRefused,
		"text":         testPolicyText,
		"limits":       testPolicyLimits,
		"time zones":   testPolicyTimes,
		"many objects": testManyObjects,
		"model":        testPolicyModel,
	}
}

// What the schema forbids is refused whole, and says what is wrong.
func testPolicyRefused(t *testing.T, e env) {
	s := e.open(t)
	before := edit(t, s, func(set *policy.Set) { *set = sampleSet() })
	tests := []struct {
		name   string
		change func(*policy.Set)
		want   error
		text   string
	}{
		{"name twice", func(set *policy.Set) { set.Trunks[1].Name = "carrier"; set.Routes = nil }, policy.ErrConflict, "trunks"},
		{"account name twice", func(set *policy.Set) { set.Accounts = append(set.Accounts, policy.NewAccount("acme")) }, policy.ErrConflict, "accounts"},
		{"id twice", func(set *policy.Set) { set.Trunks[1].TrunkID = set.Trunks[0].TrunkID }, policy.ErrConflict, "pbx"},
		{"unknown account", func(set *policy.Set) { set.Trunks[0].Account = "nobody" }, nil, `"nobody"`},
		{"unknown target", func(set *policy.Set) { set.Routes[0].Targets[1].Trunk = "nowhere" }, nil, "targets[1].trunk"},
		{"unknown inbound trunk", func(set *policy.Set) { set.Routes[0].Match.InboundTrunk = "nowhere" }, nil, "match.inbound_trunk"},
		{"trunk in use removed", func(set *policy.Set) { set.Trunks = set.Trunks[1:] }, nil, `"carrier"`},
		{"empty name", func(set *policy.Set) { set.Trunks[1].Name = ""; set.Routes = nil }, nil, "trunks_name_not_empty"},
		{"media", func(set *policy.Set) { set.Trunks[0].Media = "fax" }, nil, "trunks_media_known"},
		{"weight", func(set *policy.Set) { set.Routes[0].Targets[0].Weight = 0 }, nil, "route_targets_weight_positive"},
		{"gateway weight", func(set *policy.Set) { set.Trunks[0].Gateways[0].Weight = -1 }, nil, "gateways_weight_positive"},
		{"limits", func(set *policy.Set) { set.Trunks[0].Limits.MaxCPS = -1 }, nil, "trunks_limits_not_negative"},
		{"ring timeout", func(set *policy.Set) { set.Trunks[0].RingTimeout = 0 }, nil, "trunks_ring_timeout_positive"},
	}
	for _, tt := range tests {
		_, err := s.EditPolicy(t.Context(), func(set *policy.Set) error {
			tt.change(set)
			return nil
		})
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: error %v, want %v with %q", tt.name, err, tt.want, tt.text)
		}
		var faults *policy.FaultError
		if strings.HasPrefix(tt.name, "unknown") && !errors.As(err, &faults) {
			t.Errorf("%s: %T is no fault", tt.name, err)
		}
	}
	if diff := cmp.Diff(before, load(t, s)); diff != "" {
		t.Error(diff)
	}
}

// Names sort octet by octet, as in Go, whatever the database's language; NUL
// and invalid UTF-8 are replaced in the same way everywhere.
func testPolicyText(t *testing.T, e env) {
	s := e.open(t)
	names := []string{"b", "B", "a", "ä", "Z", "_", "10", "9", "é", "e", "日本", "😀", "a-b", "ab", "a'b\"c", "%", "\\", "a\x00b", "c\xffd"}
	got := edit(t, s, func(set *policy.Set) {
		for _, name := range names {
			set.Accounts = append(set.Accounts, policy.NewAccount(name))
		}
		trunk := policy.NewTrunk("t")
		trunk.Sources = []string{"a\x00\\u0000", "\xff", `"`, "\u2028"}
		trunk.HeaderPolicy.Pass = []string{"<&>", "\\"}
		trunk.Gateways = []policy.Gateway{{URI: "sip:\x00\xfe", Weight: 1}}
		set.Trunks = append(set.Trunks, trunk)
	})
	if diff := cmp.Diff(got, load(t, s)); diff != "" {
		t.Error(diff)
	}
	if !slices.IsSortedFunc(got.Accounts, func(a, b policy.Account) int { return strings.Compare(a.Name, b.Name) }) {
		t.Errorf("not in the order of octets: %+v", got.Accounts)
	}
	if sources := got.Trunks[0].Sources; !slices.Equal(sources, []string{"a\ufffd\\u0000", "\ufffd", `"`, "\u2028"}) {
		t.Errorf("sources %q", sources)
	}
	if uri := got.Trunks[0].Gateways[0].URI; uri != "sip:\ufffd\ufffd" {
		t.Errorf("uri %q", uri)
	}
}

func testPolicyLimits(t *testing.T, e env) {
	s := e.open(t)
	got := edit(t, s, func(set *policy.Set) {
		*set = sampleSet()
		trunk := &set.Trunks[0]
		trunk.Limits = policy.Limits{MaxCalls: math.MaxInt64, MaxCPS: math.MaxInt64}
		trunk.RingTimeout = policy.Duration(math.MaxInt64)
		trunk.Gateways[0].Priority, trunk.Gateways[0].Weight = math.MaxInt64, math.MaxInt64
		trunk.Gateways[0].URI = "sip:" + strings.Repeat("x", 100_000)
		set.Routes[0].Match.CalledPrefix = strings.Repeat("1", 100_000)
	})
	if diff := cmp.Diff(got, load(t, s)); diff != "" {
		t.Error(diff)
	}
	if got.Trunks[0].Limits.MaxCalls != math.MaxInt64 || got.Trunks[0].RingTimeout.Std().Microseconds() != math.MaxInt64/1000 {
		t.Errorf("%+v", got.Trunks[0])
	}
}

// Times come back in UTC and whole microseconds, the same moment whatever zone
// they went in with.
func testPolicyTimes(t *testing.T, e env) {
	s := e.open(t)
	nanos := epoch.Add(789 * time.Nanosecond)
	got := edit(t, s, func(set *policy.Set) {
		a := policy.NewAccount("a")
		a.CreatedAt, a.UpdatedAt = nanos.In(time.FixedZone("x", -5*3600)), nanos.Local()
		set.Accounts = []policy.Account{a}
	})
	for _, at := range []time.Time{got.Accounts[0].CreatedAt, load(t, s).Accounts[0].CreatedAt, load(t, s).Accounts[0].UpdatedAt} {
		if !at.Equal(epoch) || at.Location() != time.UTC {
			t.Errorf("%v, want %v", at, epoch)
		}
	}
}

// More rows than one statement takes.
func testManyObjects(t *testing.T, e env) {
	s := e.open(t)
	const n = 1234
	got := edit(t, s, func(set *policy.Set) {
		set.Trunks = []policy.Trunk{policy.NewTrunk("t")}
		for i := range n {
			r := policy.NewRoute(fmt.Sprintf("r%04d", i))
			r.Match.CalledPrefix = fmt.Sprint(i)
			r.Targets = []policy.RouteTarget{{Trunk: "t", Weight: i%5 + 1}, {Trunk: "t", Weight: 1}}
			set.Routes = append(set.Routes, r)
		}
	})
	if len(got.Routes) != n {
		t.Errorf("%d routes", len(got.Routes))
	}
	if diff := cmp.Diff(got, load(t, s)); diff != "" {
		t.Error(diff)
	}
}

// Random changes one after the other: what is loaded is always what was
// returned, and that is always what the change made of it.
func testPolicyModel(t *testing.T, e env) {
	s := e.open(t)
	rapid.Check(t, func(rt *rapid.T) {
		for range 3 {
			var drafted policy.Set
			got, err := s.EditPolicy(t.Context(), func(set *policy.Set) error {
				mutate(rt, set)
				drafted = *set
				return nil
			})
			if err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(got, load(t, s)); diff != "" {
				rt.Fatal(diff)
			}
			if summary(got) != summary(drafted) {
				rt.Fatalf("drafted\n%s\nsaved\n%s", summary(drafted), summary(got))
			}
		}
	})
}

// mutate adds, changes, renames, replaces and removes objects. The result has
// no dangling name.
func mutate(t *rapid.T, set *policy.Set) {
	name := rapid.StringMatching(`[a-d]`)
	set.Trunks = mutated(t, set.Trunks)
	for range rapid.IntRange(0, 2).Draw(t, "new trunks") {
		trunk := policy.NewTrunk(name.Draw(t, "trunk"))
		trunk.Sources = rapid.SliceOfN(rapid.StringMatching(`[0-9]{1,3}`), 0, 2).Draw(t, "sources")
		set.Trunks = append(set.Trunks, trunk)
	}
	set.Trunks = unique(set.Trunks, func(t *policy.Trunk) *string { return &t.Name })
	var names []string
	for i := range set.Trunks {
		names = append(names, set.Trunks[i].Name)
	}
	set.Routes = mutatedRoutes(t, set.Routes, names)
	for range rapid.IntRange(0, 2).Draw(t, "new routes") {
		r := policy.NewRoute(name.Draw(t, "route"))
		set.Routes = append(set.Routes, r)
	}
	set.Routes = unique(set.Routes, func(r *policy.Route) *string { return &r.Name })
	for i := range set.Routes {
		r := &set.Routes[i]
		r.Match.InboundTrunk, r.Targets = "", nil
		if len(names) == 0 {
			continue
		}
		if rapid.Bool().Draw(t, "inbound") {
			r.Match.InboundTrunk = rapid.SampledFrom(names).Draw(t, "inbound trunk")
		}
		for range rapid.IntRange(0, 3).Draw(t, "targets") {
			r.Targets = append(r.Targets, policy.RouteTarget{Trunk: rapid.SampledFrom(names).Draw(t, "target"), Weight: 1})
		}
	}
}

func mutated(t *rapid.T, trunks []policy.Trunk) []policy.Trunk {
	var kept []policy.Trunk
	for _, trunk := range trunks {
		switch rapid.IntRange(0, 4).Draw(t, "fate of trunk "+trunk.Name) {
		case 0: // removed
			continue
		case 1:
			trunk.Name = rapid.StringMatching(`[a-d]`).Draw(t, "renamed")
		case 2:
			trunk.TrunkID = "" // replaced
		case 3:
			trunk.Gateways = append(trunk.Gateways, policy.Gateway{URI: "sip:x", Weight: 1})
		}
		kept = append(kept, trunk)
	}
	return kept
}

func mutatedRoutes(t *rapid.T, routes []policy.Route, trunks []string) []policy.Route {
	var kept []policy.Route
	for _, r := range routes {
		if rapid.IntRange(0, 3).Draw(t, "fate of route "+r.Name) == 0 {
			continue
		}
		r.Priority = rapid.IntRange(0, 3).Draw(t, "priority") + len(trunks)
		kept = append(kept, r)
	}
	return kept
}

// unique keeps the first object of each name.
func unique[T any](list []T, name func(*T) *string) []T {
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(v T) bool {
		n := *name(&v)
		was := seen[n]
		seen[n] = true
		return was
	})
}

// summary renders what a set says, without ids, times and order.
func summary(set policy.Set) string {
	var lines []string
	for _, t := range set.Trunks {
		lines = append(lines, fmt.Sprint("trunk ", t.Name, t.Sources, t.Gateways))
	}
	for _, r := range set.Routes {
		lines = append(lines, fmt.Sprint("route ", r.Name, r.Priority, r.Match, r.Targets))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
