package store_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"b2bua/internal/pgtest"
	"b2bua/policy"
	"b2bua/store"
)

// watched counts what WatchPolicy tells.
func watched(t *testing.T, s *store.Store) (told chan struct{}) {
	t.Helper()
	told = make(chan struct{}, 100)
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { s.WatchPolicy(ctx, func() { told <- struct{}{} }) })
	t.Cleanup(func() {
		cancel()
		done.Wait()
	})
	return told
}

func expectTold(t *testing.T, told chan struct{}, what string) (after time.Duration) {
	t.Helper()
	begin := time.Now()
	select {
	case <-told:
	case <-time.After(30 * time.Second):
		t.Fatalf("nobody told of %s", what)
	}
	return time.Since(begin)
}

// Postgres tells the other processes of a change when it is committed, and of
// what may have been missed when the connection was broken. A change that is
// rolled back is nobody's business.
func TestWatchPostgres(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	writer, reader := open(t, url), open(t, url)
	told := watched(t, reader)
	expectTold(t, told, "the connection")

	change := func(set *policy.Set) error {
		set.Accounts = append(set.Accounts, policy.NewAccount(time.Now().Format(time.RFC3339Nano)))
		return nil
	}
	edit := func() {
		t.Helper()
		if _, err := writer.EditPolicy(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
	edit()
	t.Logf("told after %s", expectTold(t, told, "a change"))
	if _, err := writer.EditPolicy(t.Context(), func(*policy.Set) error { return context.Canceled }); err == nil {
		t.Fatal("no error")
	}
	edit()
	expectTold(t, told, "a second change")
	if len(told) > 0 {
		t.Error("told of a change that was rolled back")
	}

	db, _ := writer.Pools()
	var killed int
	const kill = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`
	if err := db.QueryRowContext(t.Context(), kill).Scan(&killed); err != nil || killed != 1 {
		t.Fatalf("%d connections listen, %v", killed, err)
	}
	expectTold(t, told, "the new connection")
	edit()
	expectTold(t, told, "a change on the new connection")
}

// SQLite tells nothing, and the watch ends when it is told to.
func TestWatchSQLite(t *testing.T) {
	t.Parallel()
	s := open(t, sqliteURL(t))
	told := watched(t, s)
	if _, err := s.EditPolicy(t.Context(), func(*policy.Set) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if len(told) > 0 {
		t.Error("SQLite told of something")
	}
}
