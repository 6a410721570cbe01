package storetest

import (
	"errors"
	"sync"
	"testing"

	"b2bua/cdr"
	"b2bua/policy"
	"b2bua/store"
)

func schemaTests() map[string]func(*testing.T, env) {
	return map[string]func(*testing.T, env){
		"up down up":      testUpDownUp,
		"concurrent open": testConcurrentOpen,
		"reopened":        testReopened,
		"not migrated":    testNotMigrated,
		"closed":          testClosed,
	}
}

// Every step can be undone and done again, and the status tells.
func testUpDownUp(t *testing.T, e env) {
	s := e.open(t)
	applied := func() (n, all int) {
		steps, err := s.MigrationStatus(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, step := range steps {
			if step.Version != int64(i+1) || step.Name == "" {
				t.Errorf("step %d is %+v", i+1, step)
			}
			if step.AppliedAt != nil {
				n++
			}
		}
		return n, len(steps)
	}
	n, all := applied()
	if n != all || all == 0 {
		t.Fatalf("%d of %d steps after Open", n, all)
	}
	edit(t, s, func(set *policy.Set) { *set = sampleSet() })
	save(t, s, answered(1))
	for n := all - 1; n >= 0; n-- {
		if err := s.Migrate(t.Context(), store.Down); err != nil {
			t.Fatal(err)
		}
		if got, _ := applied(); got != n {
			t.Errorf("%d steps left, want %d", got, n)
		}
	}
	if err := s.Migrate(t.Context(), store.Down); err == nil {
		t.Error("there was another step to undo")
	}
	for range 2 { // the second time there is nothing to do
		if err := s.Migrate(t.Context(), store.Up); err != nil {
			t.Fatal(err)
		}
	}
	if got := load(t, s); got.Revision != 0 || len(got.Trunks) != 0 {
		t.Errorf("after down and up: %+v", got)
	}
	edit(t, s, func(set *policy.Set) { *set = sampleSet() })
	save(t, s, answered(1))
}

// Processes that start at the same time on an empty database all come up.
func testConcurrentOpen(t *testing.T, e env) {
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			s, err := store.Open(t.Context(), e.url, store.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := s.LoadPolicy(t.Context()); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func testReopened(t *testing.T, e env) {
	s := e.open(t)
	set := edit(t, s, func(set *policy.Set) { *set = sampleSet() })
	save(t, s, answered(1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = e.open(t)
	if got := load(t, s); got.Revision != set.Revision || len(got.Trunks) != len(set.Trunks) {
		t.Errorf("policy %+v", got)
	}
	get(t, s, callID(1))
}

// NoMigrate leaves an empty database empty; calls fail and say why.
func testNotMigrated(t *testing.T, e env) {
	s, err := store.Open(t.Context(), e.url, store.Options{NoMigrate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // nothing was written
	if _, err := s.LoadPolicy(t.Context()); err == nil {
		t.Error("there is a policy")
	}
	if err := s.SaveCDRs(t.Context(), []cdr.Record{answered(1)}); err == nil || errors.Is(err, cdr.ErrBadRecord) {
		t.Errorf("SaveCDRs: %v; the record is not at fault", err)
	}
	if err := s.Migrate(t.Context(), store.Up); err != nil {
		t.Fatal(err)
	}
	save(t, s, answered(1))
}

// After Close every call fails, and none blames a record.
func testClosed(t *testing.T, e env) {
	s := e.open(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); err == nil {
		t.Error("Ping succeeds")
	}
	if _, err := s.LoadPolicy(t.Context()); err == nil {
		t.Error("LoadPolicy succeeds")
	}
	if err := s.SaveCDRs(t.Context(), []cdr.Record{answered(1)}); err == nil || errors.Is(err, cdr.ErrBadRecord) {
		t.Errorf("SaveCDRs: %v", err)
	}
}
