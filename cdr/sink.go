package cdr

import (
	"context"
	"errors"
)

// ErrBadRecord marks a failure that is the record's own fault: saving the
// same record again can never succeed. A [Sink] wraps it; a [Flusher] then
// finds the record by bisection and moves it to the dead-letter file. Every
// other error means that the sink is down and the whole batch is kept.
var ErrBadRecord = errors.New("cdr: record refused by the sink")

// A Sink takes ended records for good. SaveCDRs is all or nothing and
// idempotent by (call_id, started_at): a record it has seen before is
// silently kept as it was first saved. Records are valid only during the call.
type Sink interface {
	SaveCDRs(ctx context.Context, records []Record) error
}
