package store

import (
	"path/filepath"
	"slices"
	"testing"
)

// openLite opens a new SQLite database.
func openLite(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "b2bua.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// explain returns one column of what SQLite says that it will do.
func explain(t *testing.T, s *Store, column, query string, args ...any) (found []string) {
	t.Helper()
	rows, err := s.reader.QueryContext(t.Context(), "EXPLAIN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.Index(names, column)
	values, into := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		found = append(found, values[at].(string))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// Saving CDRs makes no table for the time of the statement: making one costs
// more than a row.
func TestSaveMakesNoTable(t *testing.T) {
	t.Parallel()
	s := openLite(t)
	columns := cdrTable().columns
	steps := explain(t, s, "opcode", cdrTable().rowSQL(&s.dialect), make([]any, len(columns))...)
	if !slices.Contains(steps, "IdxInsert") || slices.Contains(steps, "OpenEphemeral") {
		t.Errorf("steps: %v", steps)
	}
}
