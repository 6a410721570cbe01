package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"b2bua/cdr"
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

// Saving CDRs makes no table for the time of the statement, which costs more
// than a row, and calls no function: one in an index has SQLite copy every page
// that a statement of several rows changes.
func TestSavePlan(t *testing.T) {
	t.Parallel()
	s := openLite(t)
	args := make([]any, 2*len(cdrTable().columns))
	steps := explain(t, s, "opcode", cdrTable().rowsSQL(&s.dialect, 2), args...)
	for _, not := range []string{"OpenEphemeral", "Function", "PureFunc"} {
		if !slices.Contains(steps, "IdxInsert") || slices.Contains(steps, not) {
			t.Errorf("%s is not wanted in %v", not, steps)
		}
	}
}

// Every query of CDRs is served by the index that is there for it.
func TestQueryPlans(t *testing.T) {
	t.Parallel()
	s := openLite(t)
	now := time.Now()
	for index, queries := range map[string][]cdr.Query{
		"cdrs_by_start":          {{}, {From: now, To: now}, {Answered: new(true)}, {Cursor: cursor{now, "a"}.String()}},
		"cdrs_by_caller":         {{Caller: "1"}, {Caller: "1", From: now, To: now}, {Caller: "1", Cursor: cursor{now, "a"}.String()}},
		"cdrs_by_called":         {{Called: "1"}, {Called: "1", From: now, To: now}, {Called: strings.Repeat("1", 100)}},
		"cdrs_by_inbound_trunk":  {{InboundTrunk: "a"}, {InboundTrunk: "a", From: now, Answered: new(false)}},
		"cdrs_by_outbound_trunk": {{OutboundTrunk: "a"}, {OutboundTrunk: "a", To: now}},
	} {
		for _, q := range queries {
			where, err := s.condition(q)
			if err != nil {
				t.Fatal(err)
			}
			plan := explain(t, s, "detail", "QUERY PLAN "+pageSQL(where, 51), where.args...)
			if len(plan) == 0 || !strings.Contains(plan[0], " USING INDEX "+index) || strings.Contains(plan[0], "SCAN") && index != "cdrs_by_start" {
				t.Errorf("%+v: %q", q, plan)
			}
		}
	}
	where := &condition{}
	where.add("call_id = $?", "a")
	if plan := explain(t, s, "detail", "QUERY PLAN "+pageSQL(where, 2), where.args...); !strings.Contains(plan[0], "USING INDEX sqlite_autoindex_cdrs_1 (call_id=?)") {
		t.Errorf("by call_id: %q", plan)
	}
}

// A rule that is broken in any of a batch's statements undoes all of them,
// names the record as the reason and leaves the connection in order.
func TestSaveUndone(t *testing.T) {
	t.Parallel()
	s := openLite(t)
	records := make([]cdr.Record, 2*bulkRows+3)
	for i := range records {
		now := time.UnixMicro(int64(i)).UTC()
		records[i] = cdr.Record{CallID: fmt.Sprintf("call-%03d", i), StartedAt: now, EndedAt: &now}
	}
	if err := s.SaveCDRs(t.Context(), records[5:10]); err != nil {
		t.Fatal(err)
	}
	saved := func() (n int) {
		if err := s.writer.QueryRowContext(t.Context(), "SELECT count(*) FROM cdrs").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, bad := range []int{0, bulkRows + 1, 2*bulkRows - 1, 2*bulkRows + 2} {
		records[bad].DurationMS = -1
		if err := s.SaveCDRs(t.Context(), records); !errors.Is(err, cdr.ErrBadRecord) || saved() != 5 {
			t.Errorf("record %d is bad: %d saved, %v", bad, saved(), err)
		}
		records[bad].DurationMS = 0
	}
	for range 2 {
		if err := s.SaveCDRs(t.Context(), append(records, records[3])); err != nil || saved() != len(records) {
			t.Errorf("%d saved, %v", saved(), err)
		}
	}
}
