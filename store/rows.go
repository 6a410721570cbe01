package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// querier is a pool or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// tx is a transaction that knows its connection and database.
type tx struct {
	*sql.Tx
	conn    *sql.Conn
	dialect *dialect
}

// each calls row for every row of a query's answer.
func each(ctx context.Context, q querier, query string, args []any, row func(scan func(...any) error) error) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// A table is its name and the columns that this program writes, the key
// first.
type table struct {
	name    string
	columns []string
}

func newTable(name, columns string) table { return table{name, strings.Fields(columns)} }

// insertRows is the most rows of one INSERT. It is a fixed number so that
// drivers keep few statements prepared.
const insertRows = 100

// insertSQL returns an INSERT of n rows. SQLite looks a $1 up by its name, which
// takes quadratic time for many; its own ? has none.
func (t table) insertSQL(d *dialect, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "INSERT INTO %s (%s) VALUES ", t.name, strings.Join(t.columns, ", "))
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('(')
		d.parameters(&b, i*len(t.columns)+1, len(t.columns))
		b.WriteByte(')')
	}
	return b.String()
}

// insert inserts rows of arguments.
func (t table) insert(ctx context.Context, x tx, rows [][]any) error {
	return chunks(rows, insertRows, func(part [][]any) error {
		_, err := x.ExecContext(ctx, t.insertSQL(x.dialect, len(part)), flat(part)...)
		return err
	})
}

// update writes one row, found by its first column.
func (t table) update(ctx context.Context, x tx, row []any) error {
	set := make([]string, 0, len(t.columns))
	for i, column := range t.columns[1:] {
		set = append(set, fmt.Sprintf("%s = $%d", column, i+2))
	}
	query := fmt.Sprintf("UPDATE %s SET %s WHERE %s = $1", t.name, strings.Join(set, ", "), t.columns[0])
	_, err := x.ExecContext(ctx, query, row...)
	return err
}

// remove deletes every row whose first column is key.
func (t table) remove(ctx context.Context, x tx, key string) error {
	_, err := x.ExecContext(ctx, fmt.Sprintf("DELETE FROM %s WHERE %s = $1", t.name, t.columns[0]), key)
	return err
}

// chunks calls f for at most size rows at a time.
func chunks[T any](rows []T, size int, f func([]T) error) error {
	for len(rows) > 0 {
		n := min(size, len(rows))
		if err := f(rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

func flat(rows [][]any) []any {
	if len(rows) == 0 {
		return nil
	}
	args := make([]any, 0, len(rows)*len(rows[0]))
	for _, row := range rows {
		args = append(args, row...)
	}
	return args
}

// timeInto scans a time of either database.
type timeInto struct{ t *time.Time }

// Scan implements [sql.Scanner].
func (s timeInto) Scan(v any) error {
	switch v := v.(type) {
	case int64:
		*s.t = time.UnixMicro(v).UTC()
	case time.Time:
		*s.t = micros(v)
	default:
		return fmt.Errorf("a time is a %T", v)
	}
	return nil
}

// timeOrNil scans a time that may be NULL.
type timeOrNil struct{ t **time.Time }

// Scan implements [sql.Scanner].
func (s timeOrNil) Scan(v any) error {
	if v == nil {
		*s.t = nil
		return nil
	}
	*s.t = new(time.Time)
	return timeInto{*s.t}.Scan(v)
}

// jsonInto scans JSON; NULL leaves v as it is.
type jsonInto struct{ v any }

// Scan implements [sql.Scanner].
func (s jsonInto) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(v), s.v)
	case []byte:
		return json.Unmarshal(v, s.v)
	default:
		return fmt.Errorf("JSON is a %T", v)
	}
}
