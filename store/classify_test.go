package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// A record is blamed only for what is its own; everything else is kept.
func TestClassifyPostgres(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]class{
		"22003": classBadRecord, "22021": classBadRecord, "22P05": classBadRecord, "23502": classBadRecord, "23514": classBadRecord,
		"54000": classBadRecord, "23505": classDuplicate,
		"08006": classUnavailable, "53100": classUnavailable, "53300": classUnavailable, "57P01": classUnavailable, "57014": classUnavailable,
		"28P01": classUnavailable, "25006": classUnavailable,
		"40001": classOther, "40P01": classOther, "42P01": classOther, "42703": classOther, "3D000": classOther,
	} {
		err := fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: code, ConstraintName: "c"})
		if got := classifyPostgres(err); got != want {
			t.Errorf("%s: class %d, want %d", code, got, want)
		}
	}
	if got := classifyPostgres(&pgconn.PgError{Code: "23514"}); got != classOther {
		t.Error("a missing partition is not the record's fault")
	}
	s := &Store{dialect: dialect{classify: classifyPostgres}}
	for _, err := range []error{driver.ErrBadConn, context.DeadlineExceeded} {
		if s.classify(err) != classUnavailable {
			t.Errorf("%v is not unavailable", err)
		}
	}
	if got := s.classify(errors.New("sql: database is closed")); got != classOther {
		t.Errorf("class %d", got)
	}
}
