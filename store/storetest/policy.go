package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"b2bua/policy"
	"b2bua/store"
)

func policyTests() map[string]func(*testing.T, env) {
	return map[string]func(*testing.T, env){
		"empty":              testEmptyPolicy,
		"round trip":         testPolicyRoundTrip,
		"every field":        testEveryField,
		"ids":                testIDs,
		"removal":            testRemoval,
		"names swapped":      testNamesSwapped,
		"trunk replaced":     testTrunkReplaced,
		"rollback":           testRollback,
		"concurrent editors": testConcurrentEditors,
		"one state":          testLoadSeesOneState,
	}
}

func testEmptyPolicy(t *testing.T, e env) {
	got := load(t, e.open(t))
	want := policy.Set{Accounts: []policy.Account{}, Trunks: []policy.Trunk{}, Routes: []policy.Route{}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What EditPolicy returns is what every process loads from then on.
func testPolicyRoundTrip(t *testing.T, e env) {
	s, other := e.open(t), e.open(t)
	got := edit(t, s, func(set *policy.Set) { *set = sampleSet() })
	want := sampleSet()
	want.Revision = 1
	copyIDs(&want, got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("returned:\n%s", diff)
	}
	if diff := cmp.Diff(got, load(t, other)); diff != "" {
		t.Errorf("loaded by another process:\n%s", diff)
	}
	again := edit(t, other, func(set *policy.Set) {
		if diff := cmp.Diff(got, *set); diff != "" {
			t.Errorf("given to edit:\n%s", diff)
		}
	})
	got.Revision = 2
	if diff := cmp.Diff(got, again); diff != "" {
		t.Errorf("after a change of nothing:\n%s", diff)
	}
}

// Every field of every object is saved when it alone changes.
func testEveryField(t *testing.T, e env) {
	s := e.open(t)
	edit(t, s, func(set *policy.Set) { *set = sampleSet() })
	for i, change := range everyField() {
		before := load(t, s)
		want := load(t, s)
		change(&want.Accounts[0], &want.Trunks[0], &want.Routes[0])
		if cmp.Equal(before, want) {
			t.Fatalf("change %d changes nothing", i)
		}
		got := edit(t, s, func(set *policy.Set) { change(&set.Accounts[0], &set.Trunks[0], &set.Routes[0]) })
		want.Revision++
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("change %d, returned:\n%s", i, diff)
		}
		if diff := cmp.Diff(want, load(t, s)); diff != "" {
			t.Errorf("change %d, loaded:\n%s", i, diff)
		}
	}
}

// A fieldChange changes one field of one object.
type fieldChange func(*policy.Account, *policy.Trunk, *policy.Route)

// everyField has a change of every field, on an account, a trunk, a route.
func everyField() []fieldChange {
	ofAccount := func(f func(*policy.Account)) fieldChange {
		return func(a *policy.Account, _ *policy.Trunk, _ *policy.Route) { f(a) }
	}
	ofTrunk := func(f func(*policy.Trunk)) fieldChange {
		return func(_ *policy.Account, t *policy.Trunk, _ *policy.Route) { f(t) }
	}
	ofRoute := func(f func(*policy.Route)) fieldChange {
		return func(_ *policy.Account, _ *policy.Trunk, r *policy.Route) { f(r) }
	}
	return []fieldChange{
		ofAccount(func(a *policy.Account) { a.Enabled = false }),
		ofAccount(func(a *policy.Account) { a.CreatedAt = epoch.Add(time.Hour) }),
		ofAccount(func(a *policy.Account) { a.UpdatedAt = epoch.Add(time.Microsecond) }),
		ofTrunk(func(t *policy.Trunk) { t.Account = "acme" }),
		ofTrunk(func(t *policy.Trunk) { t.Account = "" }),
		ofTrunk(func(t *policy.Trunk) { t.Enabled = false }),
		ofTrunk(func(t *policy.Trunk) { t.Network = "inside" }),
		ofTrunk(func(t *policy.Trunk) {
			t.Sources = []string{"2001:db8::/32", "10.0.0.0/8"}
		}),
		ofTrunk(func(t *policy.Trunk) { t.Sources = []string{} }),
		ofTrunk(func(t *policy.Trunk) { t.Gateways[0].URI = "sip:other" }),
		ofTrunk(func(t *policy.Trunk) { t.Gateways[1].Priority = 7 }),
		ofTrunk(func(t *policy.Trunk) { t.Gateways[1].Weight = 65535 }),
		ofTrunk(func(t *policy.Trunk) { t.Gateways[0].Enabled = false }),
		ofTrunk(func(t *policy.Trunk) { slices.Reverse(t.Gateways) }),
		ofTrunk(func(t *policy.Trunk) { t.Gateways = t.Gateways[:1] }),
		ofTrunk(func(t *policy.Trunk) { t.Gateways = []policy.Gateway{} }),
		ofTrunk(func(t *policy.Trunk) { t.Media = "bypass" }),
		ofTrunk(func(t *policy.Trunk) { t.HuntOn = []string{"timeout", "503"} }),
		ofTrunk(func(t *policy.Trunk) {
			t.RingTimeout = policy.Duration(90 * time.Second)
		}),
		ofTrunk(func(t *policy.Trunk) { t.EarlyDialogs = "single" }),
		ofTrunk(func(t *policy.Trunk) { t.InDialogSource = "any" }),
		ofTrunk(func(t *policy.Trunk) { t.MTU = "off" }),
		ofTrunk(func(t *policy.Trunk) { t.HeaderPolicy.Trusted = false }),
		ofTrunk(func(t *policy.Trunk) {
			t.HeaderPolicy.Pass = []string{"X-B", "X-A"}
		}),
		ofTrunk(func(t *policy.Trunk) { t.HeaderPolicy.Remove = []string{} }),
		ofTrunk(func(t *policy.Trunk) {
			t.Limits = policy.Limits{MaxCalls: 1_000_000, MaxCPS: 3}
		}),
		ofTrunk(func(t *policy.Trunk) { t.CreatedAt = epoch.Add(-time.Hour) }),
		ofTrunk(func(t *policy.Trunk) { t.UpdatedAt = epoch.Add(time.Hour) }),
		ofRoute(func(r *policy.Route) { r.Enabled = false }),
		ofRoute(func(r *policy.Route) { r.Priority = 65535 }),
		ofRoute(func(r *policy.Route) { r.Match.CalledPrefix = "+33" }),
		ofRoute(func(r *policy.Route) { r.Match.CallerPrefix = "1" }),
		ofRoute(func(r *policy.Route) { r.Match.InboundTrunk = "carrier" }),
		ofRoute(func(r *policy.Route) { r.Match.InboundTrunk = "" }),
		ofRoute(func(r *policy.Route) { r.Targets[0].Weight = 9 }),
		ofRoute(func(r *policy.Route) { r.Targets[0].Trunk = "pbx" }),
		ofRoute(func(r *policy.Route) { slices.Reverse(r.Targets) }),
		ofRoute(func(r *policy.Route) { r.Targets = []policy.RouteTarget{} }),
		ofRoute(func(r *policy.Route) { r.UpdatedAt = epoch.Add(time.Hour) }),
	}
}

// An object without an id gets one and keeps it whatever else changes.
func testIDs(t *testing.T, e env) {
	s := e.open(t)
	first := edit(t, s, func(set *policy.Set) { *set = sampleSet() })
	ids := map[string]bool{}
	for _, id := range []string{first.Accounts[0].AccountID, first.Trunks[0].TrunkID, first.Trunks[1].TrunkID, first.Routes[0].RouteID} {
		if len(id) != 36 || ids[id] {
			t.Errorf("id %q", id)
		}
		ids[id] = true
	}
	second := edit(t, s, func(set *policy.Set) {
		set.Trunks[0].Name, set.Trunks[0].Sources = "renamed", nil
		set.Routes[0].Targets = []policy.RouteTarget{{Trunk: "renamed", Weight: 1}}
		set.Routes[0].Match.InboundTrunk = "renamed"
		set.Routes = append(set.Routes, policy.NewRoute("new"))
	})
	i := slices.IndexFunc(second.Trunks, func(t policy.Trunk) bool { return t.Name == "renamed" })
	if i < 0 || second.Trunks[i].TrunkID != first.Trunks[0].TrunkID {
		t.Error("a renamed trunk lost its id")
	}
	if diff := cmp.Diff(second, load(t, s)); diff != "" {
		t.Error(diff)
	}
}

func testRemoval(t *testing.T, e env) {
	s := e.open(t)
	edit(t, s, func(set *policy.Set) { *set = sampleSet() })
	edit(t, s, func(set *policy.Set) {
		set.Routes = nil
		set.Trunks = set.Trunks[:1]
		set.Trunks[0].Account = ""
		set.Accounts = nil
	})
	got := load(t, s)
	if len(got.Routes) != 0 || len(got.Trunks) != 1 || len(got.Accounts) != 0 {
		t.Errorf("%+v", got)
	}
	if len(got.Trunks[0].Gateways) != 2 {
		t.Error("the gateways of the trunk that stays are gone")
	}
}

// Objects may exchange their names in one change, and a name that becomes free
// may be taken in the same change.
func testNamesSwapped(t *testing.T, e env) {
	s := e.open(t)
	edit(t, s, func(set *policy.Set) {
		for _, name := range []string{"a", "b", "c"} {
			set.Accounts = append(set.Accounts, policy.NewAccount(name))
			set.Trunks = append(set.Trunks, policy.NewTrunk(name))
			set.Routes = append(set.Routes, policy.NewRoute(name))
		}
	})
	before := load(t, s)
	after := edit(t, s, func(set *policy.Set) {
		rotate := []string{"b", "c"}
		for i, name := range rotate {
			set.Accounts[i].Name, set.Trunks[i].Name, set.Routes[i].Name = name, name, name
		}
		set.Accounts[2], set.Trunks[2], set.Routes[2] = policy.NewAccount("a"), policy.NewTrunk("a"), policy.NewRoute("a")
	})
	if after.Accounts[1].AccountID != before.Accounts[0].AccountID || after.Trunks[2].TrunkID != before.Trunks[1].TrunkID ||
		after.Routes[1].RouteID != before.Routes[0].RouteID {
		t.Errorf("before %+v\nafter %+v", before, after)
	}
	if diff := cmp.Diff(after, load(t, s)); diff != "" {
		t.Error(diff)
	}
}

// A trunk that another one of the same name replaces: what names it follows.
func testTrunkReplaced(t *testing.T, e env) {
	s := e.open(t)
	edit(t, s, func(set *policy.Set) { *set = sampleSet() })
	got := edit(t, s, func(set *policy.Set) {
		for i := range set.Trunks {
			set.Trunks[i].TrunkID = ""
		}
		for i := range set.Accounts {
			set.Accounts[i].AccountID = ""
		}
	})
	if diff := cmp.Diff(got, load(t, s)); diff != "" {
		t.Error(diff)
	}
	if len(got.Routes[0].Targets) != 2 || got.Routes[0].Match.InboundTrunk == "" || got.Trunks[0].Account == "" {
		t.Errorf("references were lost: %+v", got)
	}
}

// An error, a panic or a cancelled context leaves everything as it was.
func testRollback(t *testing.T, e env) {
	s := e.open(t)
	before := edit(t, s, func(set *policy.Set) { *set = sampleSet() })
	mine := errors.New("mine")
	change := func(set *policy.Set) {
		set.Accounts[0].Enabled = false
		set.Routes = nil
	}
	if _, err := s.EditPolicy(t.Context(), func(set *policy.Set) error {
		change(set)
		return fmt.Errorf("not now: %w", mine)
	}); !errors.Is(err, mine) {
		t.Errorf("the error became %v", err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		s.EditPolicy(t.Context(), func(set *policy.Set) error { //nolint:errcheck // it panics
			change(set)
			panic("a bug")
		})
	}()
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := s.EditPolicy(ctx, func(set *policy.Set) error {
		change(set)
		cancel()
		return nil
	}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled edit: %v", err)
	}
	if _, err := s.EditPolicy(ctx, func(*policy.Set) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("edit with a cancelled context: %v", err)
	}
	if diff := cmp.Diff(before, load(t, s)); diff != "" {
		t.Error(diff)
	}
	if got := edit(t, s, func(*policy.Set) {}); got.Revision != before.Revision+1 {
		t.Errorf("revision %d after %d", got.Revision, before.Revision)
	}
}

// Editors of several processes take turns: no change is lost, every revision
// is given once.
func testConcurrentEditors(t *testing.T, e env) {
	const processes, editors, edits = 2, 3, 5
	var mu sync.Mutex
	revisions := map[int64]bool{}
	var all sync.WaitGroup
	for p := range processes {
		s := e.open(t)
		for n := range editors {
			all.Go(func() {
				for i := range edits {
					set, err := s.EditPolicy(t.Context(), func(set *policy.Set) error {
						set.Accounts = append(set.Accounts, policy.NewAccount(fmt.Sprintf("a-%d-%d-%d", p, n, i)))
						return nil
					})
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					if revisions[set.Revision] {
						t.Errorf("revision %d was given twice", set.Revision)
					}
					revisions[set.Revision] = true
					mu.Unlock()
				}
			})
		}
	}
	all.Wait()
	got := load(t, e.open(t))
	if want := processes * editors * edits; len(got.Accounts) != want || got.Revision != int64(want) {
		t.Errorf("%d accounts at revision %d, want %d", len(got.Accounts), got.Revision, want)
	}
}

// A reader sees the set of one revision, never half of a change.
func testLoadSeesOneState(t *testing.T, e env) {
	writer, reader := e.open(t), e.open(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 20 {
			_, err := writer.EditPolicy(t.Context(), func(set *policy.Set) error {
				name := fmt.Sprintf("n-%d", i)
				set.Accounts = append(set.Accounts, policy.NewAccount(name))
				set.Routes = append(set.Routes, policy.NewRoute(name))
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		got, err := reader.LoadPolicy(t.Context())
		if err != nil || int64(len(got.Accounts)) != got.Revision || len(got.Routes) != len(got.Accounts) {
			t.Errorf("revision %d with %d accounts and %d routes, %v", got.Revision, len(got.Accounts), len(got.Routes), err)
		}
	}
}

func load(t testing.TB, s *store.Store) policy.Set {
	t.Helper()
	set, err := s.LoadPolicy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func edit(t testing.TB, s *store.Store, change func(*policy.Set)) policy.Set {
	t.Helper()
	set, err := s.EditPolicy(t.Context(), func(set *policy.Set) error {
		change(set)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return set
}
