package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// A bulk is a table into which many rows go at a time. A row whose key is
// there already is passed over. Postgres takes a list for each column, so that
// any number of rows is one statement that it plans once. SQLite takes rows of
// parameters; parsing such a statement costs it as much as inserting, so the
// statements are of few sizes and stay prepared.
type bulk struct {
	table
	types []string // of the columns, as Postgres names them
	key   string   // the columns of the primary key, as SQL
}

// newBulk reads columns, each as name:type, or as name when it is text. The
// first n are the key.
func newBulk(name, columns string, n int) bulk {
	b := bulk{table: newTable(name, columns)}
	for i, column := range b.columns {
		name, kind, _ := strings.Cut(column, ":")
		if kind == "" {
			kind = "text"
		}
		b.columns[i], b.types = name, append(b.types, kind)
	}
	b.key = strings.Join(b.columns[:n], ", ")
	return b
}

// bulkSizes are the numbers of rows for which SQLite has a statement.
func bulkSizes() [3]int { return [3]int{100, 10, 1} }

// rowsSQL returns the INSERT of n rows of parameters.
func (b bulk) rowsSQL(d *dialect, n int) string {
	return b.insertSQL(d, n) + " ON CONFLICT (" + b.key + ") DO NOTHING"
}

// listsSQL returns the INSERT of rows whose columns are lists.
func (b bulk) listsSQL() string {
	lists := make([]string, len(b.types))
	for i, kind := range b.types {
		lists[i] = fmt.Sprintf("$%d::%s[]", i+1, kind)
	}
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT * FROM unnest(%s) ON CONFLICT (%s) DO NOTHING",
		b.name, strings.Join(b.columns, ", "), strings.Join(lists, ", "), b.key)
}

// bulks are the statements that SQLite has prepared, by their text.
type bulks struct {
	mu       sync.Mutex
	prepared map[string]*sql.Stmt
}

// prepareBulks prepares the statements of tables, once. It must not run inside
// a transaction, which has SQLite's only writer.
func (s *Store) prepareBulks(ctx context.Context, tables ...bulk) error {
	if s.dialect.lists {
		return nil // the driver keeps them
	}
	s.bulks.mu.Lock()
	defer s.bulks.mu.Unlock()
	if s.bulks.prepared != nil {
		return nil
	}
	prepared := make(map[string]*sql.Stmt)
	for _, b := range tables {
		for _, n := range bulkSizes() {
			text := b.rowsSQL(&s.dialect, n)
			stmt, err := s.writer.PrepareContext(ctx, text) //nolint:sqlclosecheck // closeBulks
			if err != nil {
				return errors.Join(err, closeAll(prepared))
			}
			prepared[text] = stmt
		}
	}
	s.bulks.prepared = prepared
	return nil
}

func (s *Store) closeBulks() error {
	s.bulks.mu.Lock()
	defer s.bulks.mu.Unlock()
	return closeAll(s.bulks.prepared)
}

func closeAll(prepared map[string]*sql.Stmt) error {
	var errs []error
	for _, stmt := range prepared {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(errs...)
}

// insertBulk inserts rows of arguments and returns how many were new.
func (s *Store) insertBulk(ctx context.Context, x tx, b bulk, rows [][]any) (fresh int64, err error) {
	if len(rows) == 0 {
		return 0, nil
	}
	if s.dialect.lists {
		return changed(x.ExecContext(ctx, b.listsSQL(), columns(rows)...))
	}
	for _, size := range bulkSizes() {
		text := b.rowsSQL(&s.dialect, size)
		for len(rows) >= size {
			stmt := x.StmtContext(ctx, s.bulks.prepared[text]) //nolint:sqlclosecheck // the transaction closes it
			n, err := changed(stmt.ExecContext(ctx, flat(rows[:size])...))
			if err != nil {
				return 0, err
			}
			rows, fresh = rows[size:], fresh+n
		}
	}
	return fresh, nil
}

func changed(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// columns turns rows into one list for each column.
func columns(rows [][]any) []any {
	lists := make([]any, len(rows[0]))
	for c := range lists {
		list := make([]any, len(rows))
		for r := range rows {
			list[r] = rows[r][c]
		}
		lists[c] = list
	}
	return lists
}
