package store_test

import (
	"database/sql"
	"errors"
	"testing"

	"b2bua/cdr"
	"b2bua/internal/pgtest"
	"b2bua/store"
)

// A pool full of connections that died a moment ago fails nobody.
func TestBeginPassesOverDeadConnections(t *testing.T) {
	t.Parallel()
	s := open(t, pgtest.URL(t))
	db, _ := s.Pools()
	takeAll := func() []*sql.Conn {
		conns := make([]*sql.Conn, db.Stats().MaxOpenConnections)
		for i := range conns {
			c, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			conns[i] = c
		}
		return conns
	}
	giveBack := func(conns []*sql.Conn) {
		for _, c := range conns {
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for round := range 3 {
		giveBack(takeAll()) // the driver looks whether a connection lives only when that was not used for a second
		conns := takeAll()
		// The first ends the others and goes back to the pool, which gives out
		// what came last.
		if _, err := conns[0].ExecContext(t.Context(), `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
			t.Fatal(err)
		}
		giveBack(conns)
		if err := s.SaveCDRs(t.Context(), []cdr.Record{record(round + 1)}); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
	}
	if page, err := s.ListCDRs(t.Context(), cdr.Query{}); err != nil || len(page.Items) != 3 {
		t.Errorf("%d records, %v", len(page.Items), err)
	}
}

// A transaction that cannot begin says so at once, and that it may later.
func TestBeginGivesUp(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t)
	s, err := store.Open(t.Context(), c.Database(t), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	save(t, s, record(1))
	c.Stop(t)
	if err := s.SaveCDRs(t.Context(), []cdr.Record{record(2)}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
	c.Restart(t)
	save(t, s, record(2))
}
