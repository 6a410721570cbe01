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

// rowSQL returns the INSERT of one row of parameters.
func (b bulk) rowSQL(d *dialect) string {
	return b.insertSQL(d, 1) + " ON CONFLICT (" + b.key + ") DO NOTHING"
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
// that it plans once. SQLite is in this process and takes row by row.
func (s *Store) insertBulk(ctx context.Context, x tx, b bulk, rows [][]any) error {
	if s.dialect.lists {
		_, err := x.ExecContext(ctx, b.listsSQL(), columns(rows)...)
		return err
	}
	return x.conn.Raw(func(c any) error { return insertEach(ctx, c, b.rowSQL(&s.dialect), rows) })
}

// insertEach gives rows to one statement of a driver's connection. Through
// package sql half of the time would go into looking at arguments, which are
// of the driver's own types already. A statement of one row also spares SQLite
// the journal that it keeps to undo half of one.
func insertEach(ctx context.Context, c any, query string, rows [][]any) (err error) {
	conn, ok := c.(driver.ConnPrepareContext)
	if !ok {
		return fmt.Errorf("%T cannot prepare", c)
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
	args := make([]driver.NamedValue, len(rows[0]))
	for i := range args {
		args[i].Ordinal = i + 1
	}
	each := context.WithoutCancel(ctx) // or the driver starts a goroutine for every row
	for _, row := range rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		for i := range row {
			args[i].Value = row[i]
		}
		if _, err := stmt.ExecContext(each, args); err != nil {
			return err
		}
	}
	return nil
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
