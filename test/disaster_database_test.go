package test

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"b2bua/internal/pgtest"
	"b2bua/policy"
	"b2bua/store"
)

// outage is how long a database is away, each time. TEST_OUTAGE=1m makes
// it the minute that an operator should be able to count on.
func outage(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("TEST_OUTAGE")
	if text == "" {
		return 20 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		t.Fatalf("TEST_OUTAGE=%q is not a duration such as 1m", text)
	}
	return d
}

// callsPerSecond is the load under which databases go away.
const callsPerSecond = 50

// through runs a load while f does its harm, and holds the ledger against the
// table when all is well again.
func through(t *testing.T, s *server, url string, harm func(pass func(time.Duration))) {
	t.Helper()
	l := newLedger(t, s)
	s.route(nil, s.ip(3)+":5060", s.ip(4)+":5060")
	stop := make(chan struct{})
	var load sync.WaitGroup
	load.Go(func() { l.load(callsPerSecond, stop) })
	pass := func(d time.Duration) { <-time.After(d) }
	pass(2 * time.Second)
	harm(pass)
	pass(2 * time.Second)
	close(stop)
	load.Wait()
	l.compare(settled(t, s, url))
	if n := s.metric("b2bua_cdr_dead_letters_total"); n != 0 {
		t.Errorf("%v dead letters", n)
	}
}

// Postgres stops, hangs and refuses, while calls come and go: none fails, and
// each has its record in the end, once.
func TestPostgresOutages(t *testing.T) {
	t.Parallel()
	away := outage(t)
	c := pgtest.Start(t)
	url := c.Database(t)
	s := prepare(t, url, "")
	s.start()
	t.Cleanup(s.stop)
	through(t, s, url, func(pass func(time.Duration)) {
		for _, h := range []struct {
			name       string
			begin, end func(testing.TB)
		}{{"stopped", c.Stop, c.Restart}, {"hung", c.Freeze, c.Thaw}, {"refusing", c.Refuse, c.Admit}} {
			h.begin(t)
			pass(away)
			backlog := s.metric("b2bua_cdr_backlog_bytes")
			h.end(t)
			t.Logf("Postgres %s for %s: %.0f octets waited", h.name, away, backlog)
			if backlog == 0 {
				t.Errorf("Postgres %s: nothing waited for it", h.name)
			}
			pass(2 * time.Second)
		}
	})
}

// Somebody else holds SQLite's write lock for much longer than the server waits
// for it.
func TestSQLiteLocked(t *testing.T) {
	t.Parallel()
	away := outage(t)
	s := serve(t, "")
	url := "sqlite://" + s.dir + "/b2bua.db"
	through(t, s, url, func(pass func(time.Duration)) {
		other, err := store.Open(t.Context(), url, store.Options{NoMigrate: true})
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		_, err = other.EditPolicy(context.Background(), func(*policy.Set) error {
			pass(away)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}
