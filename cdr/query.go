package cdr

import (
	"errors"
	"time"
)

// ErrNotFound is returned for a call_id that names no record.
var ErrNotFound = errors.New("cdr: no such record")

// A Query selects records, newest first by (started_at, call_id). The zero
// Query selects all of them.
type Query struct {
	From, To      time.Time // started_at >= From and < To; zero means open
	Caller        string    // exact; empty means any
	Called        string    // exact; empty means any
	InboundTrunk  string    // exact; empty means any
	OutboundTrunk string    // exact; empty means any
	Answered      *bool     // nil means both
	Cursor        string    // opaque, from the page before; empty means the first page
	Limit         int       // 1..500; 0 means 50
}

// A Page is one page of records.
type Page struct {
	Items      []Record
	NextCursor string // empty on the last page
}

// A QueryError says which field of a [Query] makes no sense and what would.
type QueryError struct {
	Field   string // cursor or limit
	Message string
}

// Error implements error.
func (e *QueryError) Error() string { return "cdr: " + e.Field + " " + e.Message }
