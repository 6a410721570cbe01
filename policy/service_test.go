package policy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"b2bua/policy"
	"b2bua/policy/policytest"
)

// bench is a service over a store in memory, with a clock that tests move.
type bench struct {
	*policy.Service
	store  *policytest.Store
	engine *policy.Engine
	file   string
	now    time.Time
	reg    *prometheus.Registry
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{
		store: &policytest.Store{}, engine: policy.NewEngine(nil), file: filepath.Join(t.TempDir(), "policy.json"),
		now: time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.FixedZone("CET", 3600)), reg: prometheus.NewRegistry(),
	}
	b.Service = policy.NewService(b.store, b.engine, b.file, nil,
		policy.WithClock(func() time.Time { return b.now }), policy.WithMetrics(policy.NewMetrics(b.reg)))
	if err := b.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// must returns v and fails the test on an error.
func must[T any](t *testing.T, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// smallest creates the smallest policy that routes a call.
func (b *bench) smallest(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	_, err := b.Trunks().Create(ctx, from(trunk("pbx", "sip:127.0.0.1:5061"), "127.0.0.1/32"))
	must(t, 0, err)
	_, err = b.Trunks().Create(ctx, trunk("carrier", "sip:127.0.0.2:5062"))
	must(t, 0, err)
	_, err = b.Routes().Create(ctx, route("everything", "", "carrier"))
	must(t, 0, err)
}

func TestCreateIsInForceAtOnce(t *testing.T) {
	b := newBench(t)
	b.smallest(t)
	s := b.engine.Load()
	plan, err := s.Plan(policy.Query{Source: source("127.0.0.1:5061"), Called: "33123456789"})
	if err != nil || uriList(plan) != "127.0.0.2:5062" || plan.Revision != 3 {
		t.Errorf("%+v (%v)", plan, err)
	}
	pbx := must2(t)(b.Trunks().Get(t.Context(), "pbx"))
	at := time.Date(2026, 1, 2, 2, 4, 5, 678901000, time.UTC)
	if pbx.CreatedAt != at || pbx.UpdatedAt != at || len(pbx.TrunkID) != 36 || pbx.TrunkID[14] != '7' {
		t.Errorf("not UTC microseconds or no UUIDv7: %+v", pbx)
	}
	byID := must2(t)(b.Trunks().Get(t.Context(), pbx.TrunkID))
	if byID.Name != "pbx" {
		t.Errorf("by id: %+v", byID)
	}
	saved, err := policy.LoadFile(b.file)
	if err != nil || saved.Revision != 3 || len(saved.Trunks) != 2 {
		t.Errorf("file: %+v (%v)", saved, err)
	}
	if e := b.Explain(policy.Query{Source: source("127.0.0.1:5061")}); e.Plan == nil {
		t.Errorf("explain: %+v", e.Refusal)
	}
}

// must2 takes a call's two results: must2(t)(f()).
func must2(t *testing.T) func(v policy.Trunk, err error) policy.Trunk {
	return func(v policy.Trunk, err error) policy.Trunk { t.Helper(); return must(t, v, err) }
}

func TestRefusedChangesChangeNothing(t *testing.T) {
	b := newBench(t)
	b.smallest(t)
	ctx := t.Context()
	before := b.engine.Load()
	bad := trunk("bad", "sips:x")
	bad.Media = "both"
	var faults *policy.FaultError
	_, err := b.Trunks().Create(ctx, bad)
	if !errors.As(err, &faults) || len(faults.Faults) != 2 {
		t.Errorf("create: %v", err)
	}
	_, err = b.Trunks().Create(ctx, trunk("pbx"))
	if !errors.Is(err, policy.ErrConflict) || !strings.Contains(err.Error(), `trunk "pbx" exists`) {
		t.Errorf("create twice: %v", err)
	}
	_, err = b.Trunks().Patch(ctx, "pbx", func(t *policy.Trunk) error { t.Name = "carrier"; return nil })
	if !errors.Is(err, policy.ErrConflict) {
		t.Errorf("rename to a name that is taken: %v", err)
	}
	own := errors.New("no")
	_, err = b.Trunks().Patch(ctx, "pbx", func(t *policy.Trunk) error { t.Sources[0] = "0.0.0.0/0"; return own })
	if !errors.Is(err, own) {
		t.Errorf("edit fails: %v", err)
	}
	_, err = b.Trunks().Patch(ctx, "pbx", func(t *policy.Trunk) error { return json.Unmarshal([]byte(`{"colour":"red"}`), t) })
	if !errors.As(err, &faults) || faults.Faults[0].Field != "colour" {
		t.Errorf("unknown field: %v", err)
	}
	if err := b.Trunks().Delete(ctx, "carrier"); !errors.Is(err, policy.ErrConflict) || !strings.Contains(err.Error(), `is used by route "everything"`) {
		t.Errorf("delete what is used: %v", err)
	}
	for name, err := range map[string]error{
		"get":    second(b.Routes().Get(ctx, "none")),
		"get id": second(b.Routes().Get(ctx, "01890a5d-ac96-774b-bcce-b302099a8057")),
		"patch":  second(b.Routes().Patch(ctx, "none", func(*policy.Route) error { return nil })),
		"delete": b.Routes().Delete(ctx, "none"),
	} {
		if !errors.Is(err, policy.ErrNotFound) || !strings.Contains(err.Error(), "route") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b.engine.Load() != before {
		t.Error("the snapshot was swapped")
	}
	if stored := must(t, must3(b.store.LoadPolicy(ctx)), nil); stored.Revision != 3 {
		t.Errorf("stored revision %d", stored.Revision)
	}
}

func second[T any](_ T, err error) error { return err }

func must3(set policy.Set, err error) policy.Set {
	if err != nil {
		panic(err)
	}
	return set
}

func TestPatchKeepsIdentityAndCarriesNames(t *testing.T) {
	b := newBench(t)
	b.smallest(t)
	ctx := t.Context()
	account := must(t, func() policy.Account { a, _ := b.Accounts().Create(ctx, policy.NewAccount("acme")); return a }(), nil)
	old := must2(t)(b.Trunks().Get(ctx, "carrier"))
	b.now = b.now.Add(time.Hour)
	renamed := must2(t)(b.Trunks().Patch(ctx, old.TrunkID, func(t *policy.Trunk) error {
		t.TrunkID, t.CreatedAt = "forged", time.Time{}
		t.Name, t.Account = "vendor", "acme"
		return nil
	}))
	want := old
	want.Name, want.Account, want.UpdatedAt = "vendor", "acme", old.UpdatedAt.Add(time.Hour)
	if d := cmp.Diff(want, renamed); d != "" {
		t.Error(d)
	}
	r, err := b.Routes().Get(ctx, "everything")
	if err != nil || r.Targets[0].Trunk != "vendor" || r.UpdatedAt != want.UpdatedAt {
		t.Errorf("the route does not follow: %+v (%v)", r, err)
	}
	if err := b.Accounts().Delete(ctx, account.AccountID); !errors.Is(err, policy.ErrConflict) || !strings.Contains(err.Error(), `trunk "vendor"`) {
		t.Errorf("delete the account: %v", err)
	}
	if _, err = b.Accounts().Patch(ctx, "acme", func(a *policy.Account) error { a.Name = "umbrella"; return nil }); err != nil {
		t.Fatal(err)
	}
	if v := must2(t)(b.Trunks().Get(ctx, "vendor")); v.Account != "umbrella" {
		t.Errorf("the trunk does not follow: %+v", v)
	}
	for _, del := range []error{b.Routes().Delete(ctx, "everything"), b.Trunks().Delete(ctx, "vendor"), b.Accounts().Delete(ctx, "umbrella")} {
		if del != nil {
			t.Error(del)
		}
	}
	if set, err := b.Set(ctx); err != nil || len(set.Trunks) != 1 || len(set.Routes)+len(set.Accounts) != 0 || set.Revision != 9 {
		t.Errorf("%+v (%v)", set, err)
	}
}

// A patch or document that changes nothing counts no revision.
func TestUnchanged(t *testing.T) {
	b := newBench(t)
	b.smallest(t)
	ctx := t.Context()
	b.now = b.now.Add(time.Hour)
	before := b.engine.Load()
	old := must2(t)(b.Trunks().Get(ctx, "pbx"))
	same := must2(t)(b.Trunks().Patch(ctx, "pbx", func(t *policy.Trunk) error { t.Enabled = true; return nil }))
	if d := cmp.Diff(old, same); d != "" {
		t.Error(d)
	}
	set, _ := b.Set(ctx)
	diff, after, err := b.Replace(ctx, set, false)
	if err != nil || !diff.Empty() {
		t.Errorf("%+v (%v)", diff, err)
	}
	if d := cmp.Diff(set, after); d != "" {
		t.Error(d)
	}
	if b.engine.Load() != before {
		t.Error("the snapshot was swapped")
	}
}

func TestReplace(t *testing.T) {
	b := newBench(t)
	b.smallest(t)
	ctx := t.Context()
	old, _ := b.Set(ctx)
	b.now = b.now.Add(time.Hour)
	doc := old
	doc.Trunks = append([]policy.Trunk(nil), old.Trunks...) // carrier, pbx
	doc.Trunks[0].Name = "vendor"                           // by id: renamed
	doc.Trunks[1].TrunkID = ""                              // by name: still pbx
	doc.Trunks[1].MTU = "1400"
	doc.Trunks = append(doc.Trunks, trunk("new"))
	doc.Routes = []policy.Route{route("other", "1", "vendor")}
	doc.Accounts = []policy.Account{policy.NewAccount("acme")}
	doc.Revision = 77 // ignored
	want := policy.Diff{
		Added:   []policy.Change{{Kind: "account", Name: "acme", Fields: []string{}}, {Kind: "trunk", Name: "new", Fields: []string{}}, {Kind: "route", Name: "other", Fields: []string{}}},
		Changed: []policy.Change{{Kind: "trunk", Name: "pbx", Fields: []string{"mtu"}}, {Kind: "trunk", Name: "vendor", Fields: []string{"name"}}},
		Removed: []policy.Change{{Kind: "route", Name: "everything", Fields: []string{}}},
	}
	before := b.engine.Load()
	diff, _, err := b.Replace(ctx, doc, true)
	if d := cmp.Diff(want, diff); err != nil || d != "" {
		t.Errorf("dry run: %v\n%s", err, d)
	}
	if b.engine.Load() != before || must3(b.store.LoadPolicy(ctx)).Revision != 3 {
		t.Error("the dry run was no dry run")
	}
	diff, after, err := b.Replace(ctx, doc, false)
	if d := cmp.Diff(want, diff); err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}
	if after.Revision != 4 || b.engine.Load().Revision() != 4 {
		t.Errorf("revision %d", after.Revision)
	}
	byName := map[string]policy.Trunk{}
	for _, tr := range after.Trunks {
		byName[tr.Name] = tr
	}
	if v, was := byName["vendor"], old.Trunks[0]; v.TrunkID != was.TrunkID || v.CreatedAt != was.CreatedAt || v.UpdatedAt.Equal(was.UpdatedAt) {
		t.Errorf("vendor: %+v", v)
	}
	if p, was := byName["pbx"], old.Trunks[1]; p.TrunkID != was.TrunkID || p.CreatedAt != was.CreatedAt {
		t.Errorf("pbx: %+v", p)
	}
	if n := byName["new"]; n.TrunkID == "" || !n.CreatedAt.Equal(after.Accounts[0].CreatedAt) {
		t.Errorf("new: %+v", n)
	}
	if d := cmp.Diff(after, must3(b.store.LoadPolicy(ctx)), byNameOrder()); d != "" {
		t.Errorf("the store holds something else:\n%s", d)
	}
}

// byNameOrder compares sets whatever the order of their objects.
func byNameOrder() cmp.Option {
	return cmp.Transformer("byName", func(trunks []policy.Trunk) map[string]string {
		m := map[string]string{}
		for _, tr := range trunks {
			data, _ := json.Marshal(tr)
			m[tr.Name] = string(data)
		}
		return m
	})
}

// Names may move between objects; ids of another installation count for
// nothing when the name is known.
func TestReplaceSwapsNamesAndKnowsForeignIDs(t *testing.T) {
	b := newBench(t)
	b.smallest(t)
	ctx := t.Context()
	old, _ := b.Set(ctx)
	doc := old
	doc.Trunks = append([]policy.Trunk(nil), old.Trunks...)
	doc.Trunks[0].Name, doc.Trunks[1].Name = "pbx", "carrier"
	_, after, err := b.Replace(ctx, doc, false)
	if err != nil || after.Trunks[0].TrunkID != old.Trunks[1].TrunkID || after.Trunks[1].TrunkID != old.Trunks[0].TrunkID {
		t.Errorf("%+v (%v)", after.Trunks, err)
	}
	doc = after
	doc.Trunks = append([]policy.Trunk(nil), after.Trunks...)
	doc.Trunks[0].TrunkID = "01890a5d-ac96-774b-bcce-b302099a8057"
	diff, again, err := b.Replace(ctx, doc, false)
	if err != nil || !diff.Empty() || again.Trunks[0].TrunkID != after.Trunks[0].TrunkID {
		t.Errorf("%+v %+v (%v)", diff, again.Trunks[0], err)
	}
	doc.Trunks = append(doc.Trunks, policy.NewTrunk("restored")) // a backup keeps its ids
	doc.Trunks[2].TrunkID = "01890a5d-ac96-774b-bcce-b302099a8058"
	if _, again, err = b.Replace(ctx, doc, false); err != nil || again.Trunks[2].TrunkID != doc.Trunks[2].TrunkID {
		t.Errorf("%+v (%v)", again.Trunks, err)
	}
}

func TestReplaceRefuses(t *testing.T) {
	b := newBench(t)
	b.smallest(t)
	set, _ := b.Set(t.Context())
	set.Trunks = append(set.Trunks, trunk("pbx", "sips:x"))
	set.Trunks[2].TrunkID = "mine"
	for _, dry := range []bool{true, false} {
		_, _, err := b.Replace(t.Context(), set, dry)
		if got := strings.Join(faultsOf(t, err), "\n"); !strings.Contains(got, "is taken") || !strings.Contains(got, "sips") {
			t.Errorf("dry %v: %s", dry, got)
		}
	}
	if b.engine.Load().Revision() != 3 {
		t.Error("something happened")
	}
}

func TestPages(t *testing.T) {
	b := newBench(t)
	set := policy.Set{}
	for i := range 25 {
		set.Accounts = append(set.Accounts, policy.NewAccount(fmt.Sprintf("a%02d", i)))
	}
	ctx := t.Context()
	if _, _, err := b.Replace(ctx, set, false); err != nil {
		t.Fatal(err)
	}
	var names []string
	cursor := ""
	for page := 0; ; page++ {
		items, next, err := b.Accounts().List(ctx, cursor, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range items {
			names = append(names, a.Name)
		}
		if page == 0 { // between pages, objects before, at and after the cursor come and go
			must(t, 0, b.Accounts().Delete(ctx, "a09"))
			must(t, 0, b.Accounts().Delete(ctx, "a24"))
			must(t, 0, second(b.Accounts().Create(ctx, policy.NewAccount("a00b"))))
			must(t, 0, second(b.Accounts().Create(ctx, policy.NewAccount("a19b"))))
		}
		if cursor = next; next == "" {
			break
		}
	}
	want := "a00 a01 a02 a03 a04 a05 a06 a07 a08 a09 a10 a11 a12 a13 a14 a15 a16 a17 a18 a19 a19b a20 a21 a22 a23"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if items, next, err := b.Accounts().List(ctx, "", 0); err != nil || len(items) != 25 || next != "" {
		t.Errorf("default limit: %d %q %v", len(items), next, err)
	}
	if items, next, err := b.Routes().List(ctx, "", 5); err != nil || items == nil || len(items) != 0 || next != "" {
		t.Errorf("nothing: %v %q %v", items, next, err)
	}
	if _, _, err := b.Accounts().List(ctx, "!", 5); len(faultsOf(t, err)) != 1 {
		t.Errorf("bad cursor: %v", err)
	}
}

func TestRefreshAndRestore(t *testing.T) {
	b := newBench(t)
	b.smallest(t)
	ctx := t.Context()

	// Another node on the same store.
	other := policy.NewService(b.store, policy.NewEngine(nil), "", nil)
	must(t, 0, second(other.Trunks().Create(ctx, trunk("third"))))
	if b.engine.Load().Revision() != 3 {
		t.Fatal("not the state that this test needs")
	}
	must(t, 0, b.Refresh(ctx))
	if b.engine.Load().Revision() != 4 {
		t.Errorf("revision %d after refresh", b.engine.Load().Revision())
	}

	// The database goes away: what is in force stays and can be read.
	down := errors.New("down")
	b.store.Fail(down)
	if err := b.Refresh(ctx); !errors.Is(err, down) {
		t.Errorf("refresh: %v", err)
	}
	if err := second(b.Trunks().Create(ctx, trunk("fourth"))); !errors.Is(err, down) {
		t.Errorf("create: %v", err)
	}
	if _, _, err := b.Replace(ctx, policy.Set{}, true); !errors.Is(err, down) {
		t.Errorf("dry run: %v", err)
	}
	if _, err := b.Trunks().Get(ctx, "third"); err != nil {
		t.Errorf("get: %v", err)
	}

	// A restart without the database.
	engine := policy.NewEngine(nil)
	restarted := policy.NewService(b.store, engine, b.file, nil)
	must(t, 0, restarted.Restore())
	if _, err := engine.Load().Plan(policy.Query{Source: source("127.0.0.1:5060"), Called: "1"}); err != nil || engine.Load().Revision() != 4 {
		t.Errorf("after restart: %v, revision %d", err, engine.Load().Revision())
	}
	nowhere := policy.NewService(b.store, policy.NewEngine(nil), b.file+"x", nil)
	if err := nowhere.Restore(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// A stored or saved set that does not compile under this node's bounds is
// refused, and what is in force stays.
func TestRefreshAndRestoreRefuseFaults(t *testing.T) {
	b := newBench(t)
	b.smallest(t)
	engine := policy.NewEngine(nil)
	narrow := policy.NewService(b.store, engine, b.file, nil, policy.WithBounds(policy.Bounds{Trunks: 1}))
	for name, err := range map[string]error{"refresh": narrow.Refresh(t.Context()), "restore": narrow.Restore()} {
		if got := strings.Join(faultsOf(t, err), "\n"); !strings.Contains(got, "must hold at most 1") || !strings.Contains(err.Error(), "policy") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if engine.Load().Revision() != 0 {
		t.Error("something is in force")
	}
}

// A disk that cannot be written to keeps no policy from being used.
func TestFileFailureIsCountedOnly(t *testing.T) {
	reg := prometheus.NewRegistry()
	engine := policy.NewEngine(nil)
	s := policy.NewService(&policytest.Store{}, engine, "/dev/null/policy", nil, policy.WithMetrics(policy.NewMetrics(reg)))
	must(t, 0, second(s.Accounts().Create(t.Context(), policy.NewAccount("a"))))
	if engine.Load().Revision() != 1 {
		t.Error("not in force")
	}
	if got := gathered(t, reg)["b2bua_policy_file_errors_total"]; got != 1 {
		t.Errorf("%v errors are counted", got)
	}
}

// gathered returns every sample by name, and name=label value.
func gathered(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	samples := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += "=" + l.GetValue()
			}
			samples[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return samples
}

func TestMetrics(t *testing.T) {
	b := newBench(t)
	b.smallest(t)
	ctx := t.Context()
	_ = b.Trunks().Delete(ctx, "none")
	_ = second(b.Trunks().Create(ctx, trunk("x", "sips:x")))
	_ = second(b.Trunks().Patch(ctx, "pbx", func(*policy.Trunk) error { return nil }))
	b.store.Fail(errors.New("down"))
	_ = b.Trunks().Delete(ctx, "pbx")
	got := gathered(t, b.reg)
	if got["b2bua_policy_compile_seconds"] <= 0 {
		t.Error("compiling took no time")
	}
	delete(got, "b2bua_policy_compile_seconds")
	want := map[string]float64{
		"b2bua_policy_changes_total=done": 3, "b2bua_policy_changes_total=failed": 1,
		"b2bua_policy_changes_total=refused": 2, "b2bua_policy_changes_total=unchanged": 1,
		"b2bua_policy_file_errors_total": 0, "b2bua_policy_revision": 3,
		"b2bua_policy_objects=account": 0, "b2bua_policy_objects=route": 1, "b2bua_policy_objects=trunk": 2,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// Writers and readers at once: every write is in force when it returns, and
// revisions never go back.
func TestConcurrentUse(t *testing.T) {
	b := newBench(t)
	const writers, each = 4, 20
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		last := int64(0)
		for {
			s := b.engine.Load()
			if s.Revision() < last {
				t.Errorf("revision went from %d to %d", last, s.Revision())
				return
			}
			last = s.Revision()
			s.Explain(policy.Query{Source: source("10.0.0.1:5060")})
			select {
			case <-done:
				return
			default:
			}
		}
	})
	var ws sync.WaitGroup
	for w := range writers {
		ws.Go(func() {
			for i := range each {
				name := fmt.Sprintf("t%d-%d", w, i)
				if _, err := b.Trunks().Create(t.Context(), trunk(name)); err != nil {
					t.Error(err)
				}
				if _, err := b.Trunks().Get(t.Context(), name); err != nil {
					t.Errorf("written and not there: %v", err)
				}
			}
		})
	}
	ws.Wait()
	close(done)
	wg.Wait()
	if r := b.engine.Load().Revision(); r != writers*each {
		t.Errorf("revision %d, want %d", r, writers*each)
	}
}

func TestCancelledContext(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range map[string]error{
		"set":     second(b.Set(ctx)),
		"get":     second(b.Accounts().Get(ctx, "x")),
		"create":  second(b.Accounts().Create(ctx, policy.NewAccount("x"))),
		"refresh": b.Refresh(ctx),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
