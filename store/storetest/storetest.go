// Package storetest is the contract of package store as tests, to be run on
// every database that it supports.
package storetest

import (
	"testing"
	"time"

	"b2bua/store"
)

// Run runs the contract. NewURL returns the URL of a new, empty database; the
// suite opens it, sometimes several times at once as several processes would.
func Run(t *testing.T, newURL func(t testing.TB) string) {
	for _, group := range []struct {
		name  string
		tests map[string]func(*testing.T, env)
	}{
		{"policy", policyTests()},
		{"policy edges", policyEdgeTests()},
		{"cdrs", cdrTests()},
		{"cdr edges", cdrEdgeTests()},
		{"cdr queries", cdrQueryTests()},
		{"schema", schemaTests()},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			for name, test := range group.tests {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(t, env{url: newURL(t)})
				})
			}
		})
	}
}

// env is one test's database.
type env struct{ url string }

// open opens the database as one process does.
func (e env) open(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), e.url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() }) //nolint:errcheck // tests that care close it themselves
	return s
}

// epoch is a moment that databases keep as it is.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)
