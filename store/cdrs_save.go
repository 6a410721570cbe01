package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"b2bua/cdr"
)

func cdrTable() bulk {
	return newBulk("cdrs", `call_id started_at:timestamptz node_id caller called inbound_trunk outbound_trunk
		ringing_at:timestamptz answered_at:timestamptz ended_at:timestamptz duration_ms:bigint billable_ms:bigint pdd_ms:bigint
		sip_status:bigint q850_cause:bigint hung_up_by end_reason policy_revision:bigint received:jsonb media:jsonb related_calls:jsonb`, 2)
}

func attemptTable() bulk {
	return newBulk("cdr_attempts", `call_id call_started_at:timestamptz attempt_no:bigint reason trunk gateway sent_sip_call_id
		sent_request_uri sent_destination sent_caller sent_called started_at:timestamptz ringing_at:timestamptz
		answered_at:timestamptz ended_at:timestamptz billable_ms:bigint sip_status:bigint end_reason`, 3)
}

// errTwice rolls back a batch that has an attempt_no twice in one record, and
// errKnown one with a record that is there already.
var (
	errTwice = fmt.Errorf("%w: an attempt_no twice", cdr.ErrBadRecord)
	errKnown = errors.New("a record is there already")
)

// A cdrRow is a record as rows.
type cdrRow struct {
	key      cdrKey
	row      []any
	attempts [][]any
}

// SaveCDRs implements [cdr.Sink]: all records and their attempts in one
// transaction; those that are there already stay as they are.
//
// A batch is nearly always new, so it is saved as such. Only after a crash, or
// next to another process, it is not: then the rows go one by one, because only
// a record that is new brings its attempts.
func (s *Store) SaveCDRs(ctx context.Context, records []cdr.Record) error {
	if len(records) == 0 {
		return nil
	}
	return s.timed(opSaveCDRs, func() error {
		rows, err := s.cdrRows(records)
		if err != nil {
			return err
		}
		err = s.write(ctx, func(x tx) error { return s.saveFresh(ctx, x, rows) })
		if !errors.Is(err, errKnown) {
			return err
		}
		return s.write(ctx, func(x tx) error {
			for i := range rows {
				if err := s.saveFresh(ctx, x, rows[i:i+1]); err != nil && !errors.Is(err, errKnown) {
					return err
				}
			}
			return nil
		})
	})
}

// saveFresh saves records of which none is there, or returns errKnown.
func (s *Store) saveFresh(ctx context.Context, x tx, records []cdrRow) error {
	rows := make([][]any, len(records))
	attempts := make([][]any, 0, len(records))
	for i, r := range records {
		rows[i] = r.row
		attempts = append(attempts, r.attempts...)
	}
	fresh, err := s.insertBulk(ctx, x, cdrTable(), rows)
	if err != nil {
		return err
	}
	if fresh < int64(len(rows)) {
		return errKnown
	}
	fresh, err = s.insertBulk(ctx, x, attemptTable(), attempts)
	if err == nil && fresh < int64(len(attempts)) {
		err = errTwice
	}
	return err
}

// cdrRows returns the rows of records, in the order of their keys: two
// processes that save the same records in different orders would wait for each
// other.
func (s *Store) cdrRows(records []cdr.Record) ([]cdrRow, error) {
	rows := make([]cdrRow, len(records))
	var room []byte
	for i := range records {
		row, err := s.cdrArgs(&records[i], &room)
		if err != nil {
			return nil, err
		}
		rows[i] = cdrRow{keyOf(&records[i]), row, s.attemptArgs(&records[i])}
	}
	slices.SortStableFunc(rows, func(a, b cdrRow) int {
		return cmp.Or(strings.Compare(a.key.callID, b.key.callID), cmp.Compare(a.key.started, b.key.started))
	})
	return rows, nil
}

// cdrArgs returns a record's row. It writes JSON into room first, which it
// leaves to the next record.
func (s *Store) cdrArgs(r *cdr.Record, room *[]byte) ([]any, error) {
	if r.EndedAt == nil {
		return nil, fmt.Errorf("%w: call %s has not ended", cdr.ErrBadRecord, r.CallID)
	}
	related := "[]"
	if len(r.RelatedCalls) > 0 {
		var err error
		if related, err = jsonText(r.RelatedCalls); err != nil {
			return nil, fmt.Errorf("%w: call %s: %w", cdr.ErrBadRecord, r.CallID, err)
		}
	}
	*room = r.Received.AppendJSON((*room)[:0])
	received := string(withoutNUL(*room))
	d := &s.dialect
	return []any{
		text(r.CallID), d.time(r.StartedAt), text(r.NodeID), text(r.Caller), text(r.Called), textOf(r.InboundTrunk), textOf(r.OutboundTrunk),
		d.timeOf(r.RingingAt), d.timeOf(r.AnsweredAt), d.timeOf(r.EndedAt), r.DurationMS, r.BillableMS, intOf(r.PDDMS),
		intOf(r.SIPStatus), intOf(r.Q850Cause), textOf(r.HungUpBy), textOf(r.EndReason), r.PolicyRevision, received, mediaArg(r.Media, room), related,
	}, nil
}

// mediaArg returns the media column: a string, or nil for NULL.
func mediaArg(m *cdr.Media, room *[]byte) any {
	if m == nil {
		return nil
	}
	*room = m.AppendJSON((*room)[:0])
	return string(withoutNUL(*room))
}

// attemptArgs returns the rows of a record's attempts.
func (s *Store) attemptArgs(r *cdr.Record) [][]any {
	d := &s.dialect
	rows := make([][]any, len(r.Attempts))
	for i := range r.Attempts {
		a := &r.Attempts[i]
		rows[i] = []any{
			text(r.CallID), d.time(r.StartedAt), int64(a.AttemptNo), text(string(a.Reason)), text(a.Trunk), text(a.Gateway),
			text(a.Sent.SIPCallID), text(a.Sent.RequestURI), text(a.Sent.Destination), text(a.Sent.Caller), text(a.Sent.Called),
			d.time(a.StartedAt), d.timeOf(a.RingingAt), d.timeOf(a.AnsweredAt), d.timeOf(a.EndedAt), a.BillableMS,
			intOf(a.SIPStatus), textOf(a.EndReason),
		}
	}
	return rows
}
