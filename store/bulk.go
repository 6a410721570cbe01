package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
)

// A bulk is a table into which many rows go at a time. A row whose key is
// there already is passed over.
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

// bulkRows is the most rows of one INSERT of SQLite: a statement opens and
// closes every index, and finds the end of each, once.
const bulkRows = 20

// rowsSQL returns SQLite's INSERT of n rows of parameters. A row that breaks a
// rule rolls the whole transaction back, which is what happens to it anyhow: if
// the statement could be undone alone, SQLite would keep a copy of every page
// that it changes.
func (b bulk) rowsSQL(d *dialect, n int) string {
	return "INSERT OR ROLLBACK" + strings.TrimPrefix(b.insertSQL(d, n), "INSERT") + " ON CONFLICT (" + b.key + ") DO NOTHING"
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

// insertBulk inserts rows of arguments. Postgres takes a list for each column, so that any number of rows is one statement
// that it plans once. SQLite is in this process and takes some rows at a time.
func (s *Store) insertBulk(ctx context.Context, x tx, b bulk, rows [][]any) error {
	if s.dialect.lists {
		_, err := x.ExecContext(ctx, b.listsSQL(), columns(rows)...)
		return err
	}
	return x.conn.Raw(func(c any) error {
		conn, ok := c.(driver.ConnPrepareContext)
		if !ok {
			return fmt.Errorf("%T cannot prepare", c)
		}
		whole := len(rows) / bulkRows * bulkRows
		if err := insertEach(ctx, conn, b.rowsSQL(&s.dialect, bulkRows), rows[:whole], bulkRows); err != nil {
			return err
		}
		rest := rows[whole:]
		return insertEach(ctx, conn, b.rowsSQL(&s.dialect, len(rest)), rest, len(rest))
	})
}

// insertEach gives rows to one statement of a driver's connection, n at a time.
// Through package sql half of the time would go into looking at arguments, which
// are of the driver's own types already.
func insertEach(ctx context.Context, conn driver.ConnPrepareContext, query string, rows [][]any, n int) (err error) {
	if len(rows) == 0 {
		return nil
	}
	prepared, err := conn.PrepareContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, prepared.Close()) }()
	stmt, ok := prepared.(driver.StmtExecContext)
	if !ok {
		return fmt.Errorf("%T cannot execute", prepared)
	}
	args := make([]driver.NamedValue, 0, n*len(rows[0]))
	each := context.WithoutCancel(ctx) // or the driver starts a goroutine for every statement
	return chunks(rows, n, func(part [][]any) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		args = args[:0]
		for _, row := range part {
			for _, v := range row {
				args = append(args, driver.NamedValue{Ordinal: len(args) + 1, Value: v})
			}
		}
		_, err := stmt.ExecContext(each, args)
		return err
	})
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
