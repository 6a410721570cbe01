package store

import (
	"database/sql"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
)

// A dialect is what differs between the databases. Statements are the same:
// both know $1, ON CONFLICT, RETURNING and row comparison.
type dialect struct {
	name       string
	goose      goose.Dialect
	migrations fs.FS
	unnamed    bool                // parameters in order are ? rather than $1, $2
	lists      bool                // a parameter may be a list
	indexed    int                 // how many characters of a number its index holds; 0 is all
	remote     bool                // connections die with a server
	notify     string              // tells other processes of a revision, when the transaction commits; empty: nobody can be told
	snapshot   *sql.TxOptions      // of a transaction that sees one state
	time       func(time.Time) any // a time as an argument
	classify   func(error) class   // of an error from the driver
	locker     goose.ProviderOption
}

// class is what an error of the database means to the caller.
type class uint8

const (
	classOther       class = iota
	classBadRecord         // the same statement can never succeed with these values
	classDuplicate         // a unique name is taken
	classUnavailable       // the database cannot be reached, is full, or shuts down
)

// timeOf is dialect.time for what may not have happened.
func (d *dialect) timeOf(t *time.Time) any {
	if t == nil {
		return nil
	}
	return d.time(*t)
}

// micros cuts a time as both databases keep it: UTC, whole microseconds.
func micros(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// parameters writes n parameters, separated by commas; the first is argument
// number first of the statement, which is one more than the parameter before.
func (d *dialect) parameters(b *strings.Builder, first, n int) {
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		if d.unnamed {
			b.WriteByte('?')
			continue
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(first + i))
	}
}
