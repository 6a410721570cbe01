package store_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"b2bua/cdr"
	"b2bua/internal/pgtest"
	"b2bua/store"
	"b2bua/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSQLite(t *testing.T) {
	t.Parallel()
	storetest.Run(t, sqliteURL)
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	storetest.Run(t, pgtest.URL)
}

func sqliteURL(t testing.TB) string {
	return "sqlite://" + filepath.Join(t.TempDir(), "b2bua.db")
}

// record returns a call of the nth day of March.
func record(n int) cdr.Record {
	at := time.Date(2026, 3, n, 10, 0, 0, 0, time.UTC)
	return cdr.Record{CallID: fmt.Sprintf("call-%04d", n), StartedAt: at, EndedAt: &at}
}

func save(t testing.TB, s *store.Store, records ...cdr.Record) {
	t.Helper()
	if err := s.SaveCDRs(t.Context(), records); err != nil {
		t.Fatal(err)
	}
}
