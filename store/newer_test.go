package store_test

import (
	"errors"
	"strings"
	"testing"

	"b2bua/cdr"
	"b2bua/internal/pgtest"
	"b2bua/store"
)

// A database that a newer program has migrated is refused by name and left as
// it is, whatever is asked of it.
func TestSchemaNewer(t *testing.T) {
	t.Parallel()
	for name, newURL := range map[string]func(testing.TB) string{"sqlite": sqliteURL, "postgres": pgtest.URL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := newURL(t)
			db, _ := open(t, url).Pools()
			if _, err := db.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (4711, TRUE)"); err != nil {
				t.Fatal(err)
			}
			for what, opts := range map[string]store.Options{"Open": {}, "Open offline": {Offline: true}} {
				_, err := store.Open(t.Context(), url, opts)
				newer(t, what, err)
			}
			s, err := store.Open(t.Context(), url, store.Options{NoMigrate: true})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			newer(t, "Up", s.Migrate(t.Context(), store.Up))
			newer(t, "Down", s.Migrate(t.Context(), store.Down))
			_, err = s.MigrationStatus(t.Context())
			newer(t, "MigrationStatus", err)
			save(t, s, record(1)) // a process that was there before goes on
		})
	}
}

func newer(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrSchemaNewer) || errors.Is(err, store.ErrUnavailable) || errors.Is(err, cdr.ErrBadRecord) ||
		!strings.Contains(err.Error(), "at step 4711") {
		t.Errorf("%s: %v", what, err)
	}
}
