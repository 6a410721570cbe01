package store

import (
	"context"
	"fmt"
	"strings"

	"b2bua/cdr"
)

// Limits of a page.
const (
	defaultPage = 50
	maxPage     = 500
)

// ListCDRs returns one page, newest first by (started_at, call_id). A query
// that makes no sense is a [*cdr.QueryError].
func (s *Store) ListCDRs(ctx context.Context, q cdr.Query) (page cdr.Page, err error) {
	switch {
	case q.Limit == 0:
		q.Limit = defaultPage
	case q.Limit < 0 || q.Limit > maxPage:
		return cdr.Page{}, &cdr.QueryError{Field: "limit", Message: fmt.Sprintf("must be from 1 to %d", maxPage)}
	}
	where, err := s.condition(q)
	if err != nil {
		return cdr.Page{}, err
	}
	err = s.timed("list_cdrs", func() error {
		if err := s.prepare(ctx); err != nil {
			return err
		}
		page, err = s.page(ctx, where, q.Limit)
		return err
	})
	return page, err
}

// GetCDR returns the record of one call, or an error that wraps
// [cdr.ErrNotFound].
func (s *Store) GetCDR(ctx context.Context, callID string) (r cdr.Record, err error) {
	err = s.timed("get_cdr", func() error {
		if err := s.prepare(ctx); err != nil {
			return err
		}
		w := &condition{}
		w.add("call_id = $?", text(callID))
		page, err := s.page(ctx, w, 1)
		if err != nil {
			return err
		}
		if len(page.Items) == 0 {
			return &callerError{fmt.Errorf("call %q: %w", callID, cdr.ErrNotFound)}
		}
		r = page.Items[0]
		return nil
	})
	return r, err
}

// ExportCDRs calls f for every record that q selects, newest first, however
// many there are. It reads page by page and keeps no transaction open, so that
// a slow reader holds nothing up; q.Limit is ignored. An error of f ends it and
// is returned as it is. The record is valid only during the call.
func (s *Store) ExportCDRs(ctx context.Context, q cdr.Query, f func(*cdr.Record) error) error {
	q.Limit = maxPage
	for {
		page, err := s.ListCDRs(ctx, q)
		if err != nil {
			return err
		}
		for i := range page.Items {
			if err := f(&page.Items[i]); err != nil {
				return err
			}
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return nil
		}
	}
}

// A condition is a WHERE clause that grows.
type condition struct {
	parts []string
	args  []any
}

// add adds a part; every $? in it is one of args.
func (c *condition) add(part string, args ...any) {
	for _, arg := range args {
		c.args = append(c.args, arg)
		part = strings.Replace(part, "$?", fmt.Sprintf("$%d", len(c.args)), 1)
	}
	c.parts = append(c.parts, part)
}

func (c *condition) String() string {
	if len(c.parts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.parts, " AND ")
}

// condition translates a query.
func (s *Store) condition(q cdr.Query) (*condition, error) {
	c := &condition{}
	if !q.From.IsZero() {
		c.add("started_at >= $?", s.dialect.time(q.From))
	}
	if !q.To.IsZero() {
		c.add("started_at < $?", s.dialect.time(q.To))
	}
	for _, equal := range []struct{ column, value string }{
		{"inbound_trunk", q.InboundTrunk}, {"outbound_trunk", q.OutboundTrunk},
	} {
		if equal.value != "" {
			c.add(equal.column+" = $?", text(equal.value))
		}
	}
	for _, number := range []struct{ column, value string }{{"caller", q.Caller}, {"called", q.Called}} {
		v := text(number.value)
		if v == "" {
			continue
		}
		if n := s.dialect.indexed; n > 0 {
			c.add(fmt.Sprintf("substr(%s, 1, %d) = $?", number.column, n), firstRunes(v, n))
		}
		c.add(number.column+" = $?", v)
	}
	if q.Answered != nil && *q.Answered {
		c.add("answered_at IS NOT NULL")
	} else if q.Answered != nil {
		c.add("answered_at IS NULL")
	}
	if q.Cursor != "" {
		at, err := parseCursor(q.Cursor)
		if err != nil {
			return nil, err
		}
		c.add("(started_at, call_id) < ($?, $?)", s.dialect.time(at.started), at.callID)
	}
	return c, nil
}

func firstRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// pageSQL returns the SELECT of the newest records, at most limit.
func pageSQL(where *condition, limit int) string {
	return fmt.Sprintf("SELECT %s FROM cdrs%s ORDER BY started_at DESC, call_id DESC LIMIT %d",
		strings.Join(cdrTable().columns, ", "), where, limit)
}

// page reads records.
func (s *Store) page(ctx context.Context, where *condition, limit int) (cdr.Page, error) {
	page := cdr.Page{Items: []cdr.Record{}}
	err := each(ctx, s.reader, pageSQL(where, limit+1), where.args, func(scan func(...any) error) error {
		r, err := scanCDR(scan)
		page.Items = append(page.Items, r)
		return err
	})
	if err != nil {
		return cdr.Page{}, err
	}
	if len(page.Items) > limit { // the one too many says that there is another page
		page.Items = page.Items[:limit]
		page.NextCursor = cursorOf(&page.Items[limit-1]).String()
	}
	return page, nil
}

func scanCDR(scan func(...any) error) (r cdr.Record, err error) {
	r.RelatedCalls, r.Attempts = []cdr.RelatedCall{}, []cdr.Attempt{}
	err = scan(&r.CallID, timeInto{&r.StartedAt}, &r.NodeID, &r.Caller, &r.Called, &r.InboundTrunk, &r.OutboundTrunk,
		timeOrNil{&r.RingingAt}, timeOrNil{&r.AnsweredAt}, timeOrNil{&r.EndedAt}, &r.DurationMS, &r.BillableMS, &r.PDDMS,
		&r.SIPStatus, &r.Q850Cause, &r.HungUpBy, &r.EndReason, &r.PolicyRevision,
		jsonInto{&r.Received}, jsonInto{&r.Media}, jsonInto{&r.RelatedCalls}, jsonInto{&r.Attempts})
	return r, err
}
