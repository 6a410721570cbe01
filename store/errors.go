package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"
	"time"

	"b2bua/cdr"
	"b2bua/policy"
)

// ErrUnavailable is wrapped by errors that are about the database's state and
// not about what was asked of it: it cannot be reached, is full, is locked for
// too long or shuts down. The same call may succeed later.
var ErrUnavailable = errors.New("store: database is unavailable")

// storeError is an error of the database: what was being done, what it means,
// and a text without secrets.
type storeError struct {
	text  string
	means error // ErrUnavailable, cdr.ErrBadRecord, policy.ErrConflict or nil
	cause error
}

func (e *storeError) Error() string { return e.text }

func (e *storeError) Unwrap() []error {
	if e.means == nil {
		return []error{e.cause}
	}
	return []error{e.means, e.cause}
}

// opSaveCDRs is the operation whose records may be at fault.
const opSaveCDRs = "save_cdrs"

// timed runs f as an operation: its time is measured, its error is told by
// done.
func (s *Store) timed(op string, f func() error) error {
	begin := time.Now()
	err := f()
	s.metrics.seconds.WithLabelValues(op).Observe(time.Since(begin).Seconds())
	return s.done(op, err)
}

// done gives an error its meaning and counts it. What comes from the caller's
// own functions passes as it is.
func (s *Store) done(op string, err error) error {
	var own *storeError
	var callers *callerError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &callers):
		return callers.err
	case errors.As(err, &own):
		return err
	}
	s.metrics.errors.WithLabelValues(op).Inc()
	e := &storeError{text: s.redact("store: " + op + ": " + err.Error()), cause: err}
	switch s.classify(err) {
	case classBadRecord:
		e.means = cdr.ErrBadRecord
	case classDuplicate:
		if e.means = policy.ErrConflict; op == opSaveCDRs {
			e.means = cdr.ErrBadRecord // an attempt_no twice
		}
	case classUnavailable:
		e.means = ErrUnavailable
	case classOther:
	}
	return e
}

func (s *Store) classify(err error) class {
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, context.DeadlineExceeded) {
		return classUnavailable
	}
	return s.dialect.classify(err)
}

// redact removes the URL's secrets from a text.
func (s *Store) redact(text string) string {
	for _, secret := range s.secrets {
		text = strings.ReplaceAll(text, secret, "xxxxx")
	}
	return text
}

// callerError carries an error of the caller's own function through a
// transaction.
type callerError struct{ err error }

func (e *callerError) Error() string { return e.err.Error() }
func (e *callerError) Unwrap() error { return e.err }
