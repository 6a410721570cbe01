package store_test

import (
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"b2bua/internal/pgtest"
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
