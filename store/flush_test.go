package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"b2bua/cdr"
	"b2bua/internal/pgtest"
	"b2bua/store"
)

// From the journal to the table while the database is taken away again and
// again: every call that ended is there once, what no database takes is put
// away, and nothing else is.
func TestJournalToStore(t *testing.T) {
	t.Parallel()
	for name, newURL := range map[string]func(testing.TB) string{"sqlite": sqliteURL, "postgres": pgtest.URL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, newURL(t))
			j, err := cdr.Open(cdr.JournalConfig{Dir: t.TempDir(), SegmentSize: 7_000})
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			f := cdr.NewFlusher(j, s, cdr.FlusherConfig{Batch: 20, Every: time.Millisecond, BackoffMin: time.Millisecond, BackoffMax: 5 * time.Millisecond})
			f.Start()
			defer f.Stop()
			const n = 300
			for i := range n {
				r := record(i%28 + 1)
				r.CallID = fmt.Sprint("call-", i)
				r.Attempts = []cdr.Attempt{{AttemptNo: 1, StartedAt: r.StartedAt}}
				if i%100 == 50 {
					r.Attempts[0].AttemptNo = -1 // no database takes it
				}
				if !j.Append(cdr.Ended, &r, nil) {
					t.Fatal("refused")
				}
				if i%30 == 0 {
					disturb(t, s)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			if err := f.Flush(ctx); err != nil {
				t.Fatal(err)
			}
			seen := 0
			if err := s.ExportCDRs(ctx, cdr.Query{}, func(r *cdr.Record) error {
				if seen++; len(r.Attempts) != 1 {
					t.Errorf("%s has %d attempts", r.CallID, len(r.Attempts))
				}
				return nil
			}); err != nil || seen != n-3 {
				t.Errorf("%d records, want %d; %v", seen, n-3, err)
			}
		})
	}
}

// disturb breaks every connection of the store under its hands.
func disturb(t *testing.T, s *store.Store) {
	t.Helper()
	if s.Dialect() != "postgres" {
		return // a file cannot be taken away
	}
	db, _ := s.Pools()
	if _, err := db.ExecContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
		t.Fatal(err)
	}
}
