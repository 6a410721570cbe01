package migrations_test

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"b2bua/migrations"
)

// Both databases have the same steps, and each can be undone.
func TestStepsArePaired(t *testing.T) {
	t.Parallel()
	names := func(f fs.FS) []string {
		list, err := fs.Glob(f, "*.sql")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range list {
			b, err := fs.ReadFile(f, name)
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range []string{"-- +goose Up\n", "-- +goose Down\n"} {
				if strings.Count(string(b), part) != 1 {
					t.Errorf("%s: not exactly one %q", name, part)
				}
			}
		}
		return list
	}
	sqlite, postgres := names(migrations.SQLite()), names(migrations.Postgres())
	if len(sqlite) == 0 || !slices.Equal(sqlite, postgres) {
		t.Errorf("sqlite has %v, postgres has %v", sqlite, postgres)
	}
}
