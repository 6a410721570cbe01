package policy_test

import (
	"context"
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

// ok fails the test on an error.
func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// second is the error of a call with two results.
func second[T any](_ T, err error) error { return err }

// trunk returns a trunk that exists.
func (b *bench) trunk(t *testing.T, idOrName string) policy.Trunk {
	t.Helper()
	got, err := b.Trunks().Get(t.Context(), idOrName)
	ok(t, err)
	return got
}

// stored returns what the store holds.
func (b *bench) stored(t *testing.T) policy.Set {
	t.Helper()
	set, err := b.store.LoadPolicy(t.Context())
	ok(t, err)
	return set
}

// smallest creates the smallest policy that routes a call.
func (b *bench) smallest(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	ok(t, second(b.Trunks().Create(ctx, from(trunk("pbx", "sip:127.0.0.1:5061"), "127.0.0.1/32"))))
	ok(t, second(b.Trunks().Create(ctx, trunk("carrier", "sip:127.0.0.2:5062"))))
	ok(t, second(b.Routes().Create(ctx, route("everything", "", "carrier"))))
}

func TestRefreshAndRestore(t *testing.T) {
	b := newBench(t)
	b.smallest(t)
	ctx := t.Context()

	// Another node on the same store.
	other := policy.NewService(b.store, policy.NewEngine(nil), "", nil)
	ok(t, second(other.Trunks().Create(ctx, trunk("third"))))
	if b.engine.Load().Revision() != 3 {
		t.Fatal("not the state that this test needs")
	}
	ok(t, b.Refresh(ctx))
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
	ok(t, restarted.Restore())
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
	ok(t, second(s.Accounts().Create(t.Context(), policy.NewAccount("a"))))
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
		"b2bua_policy_file_errors_total": 0, "b2bua_policy_revision": 3, "b2bua_policy_stored_revision": 3,
		"b2bua_policy_confirmed_timestamp_seconds": float64(b.now.Unix()),
		"b2bua_policy_loads_total=done":            1, "b2bua_policy_loads_total=failed": 0, "b2bua_policy_loads_total=refused": 0,
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
