package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"b2bua/cdr"
)

func cdrTable() bulk {
	return newBulk("cdrs", `call_id started_at:timestamptz node_id caller called inbound_trunk outbound_trunk
		ringing_at:timestamptz answered_at:timestamptz ended_at:timestamptz duration_ms:bigint billable_ms:bigint pdd_ms:bigint
		sip_status:bigint q850_cause:bigint hung_up_by end_reason policy_revision:bigint received:jsonb media:jsonb related_calls:jsonb
		attempts:jsonb`, 2)
}

// SaveCDRs implements [cdr.Sink]: all records in one transaction; those that
// are there already stay as they are.
func (s *Store) SaveCDRs(ctx context.Context, records []cdr.Record) error {
	if len(records) == 0 {
		return nil
	}
	return s.timed(opSaveCDRs, func() error {
		rows, err := s.cdrRows(records)
		if err != nil {
			return err
		}
		return s.write(ctx, func(x tx) error { return s.insertBulk(ctx, x, cdrTable(), rows) })
	})
}

// cdrRows returns the rows of records, in the order of their keys: two
// processes that save the same records in different orders would wait for each
// other.
func (s *Store) cdrRows(records []cdr.Record) ([][]any, error) {
	order := make([]int, len(records))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		r, o := &records[a], &records[b]
		return cmp.Or(strings.Compare(r.CallID, o.CallID), cmp.Compare(r.StartedAt.UnixMicro(), o.StartedAt.UnixMicro()))
	})
	rows := make([][]any, len(records))
	var room []byte
	for i, n := range order {
		row, err := s.cdrArgs(&records[n], &room)
		if err != nil {
			return nil, fmt.Errorf("%w: call %s: %w", cdr.ErrBadRecord, records[n].CallID, err)
		}
		rows[i] = row
	}
	return rows, nil
}

// cdrArgs returns a record's row. It writes JSON into room first, which it
// leaves to the next record.
func (s *Store) cdrArgs(r *cdr.Record, room *[]byte) ([]any, error) {
	if r.EndedAt == nil {
		return nil, errors.New("it has not ended")
	}
	related := "[]"
	if len(r.RelatedCalls) > 0 {
		var err error
		if related, err = jsonText(r.RelatedCalls); err != nil {
			return nil, err
		}
	}
	attempts, err := attemptsArg(r.Attempts, room)
	if err != nil {
		return nil, err
	}
	*room = r.Received.AppendJSON((*room)[:0])
	received := string(withoutNUL(*room))
	d := &s.dialect
	return []any{
		text(r.CallID), d.time(r.StartedAt), text(r.NodeID), text(r.Caller), text(r.Called), textOf(r.InboundTrunk), textOf(r.OutboundTrunk),
		d.timeOf(r.RingingAt), d.timeOf(r.AnsweredAt), d.timeOf(r.EndedAt), r.DurationMS, r.BillableMS, intOf(r.PDDMS),
		intOf(r.SIPStatus), intOf(r.Q850Cause), textOf(r.HungUpBy), textOf(r.EndReason), r.PolicyRevision, received, mediaArg(r.Media, room), related,
		attempts,
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

// attemptsArg returns the attempts column, in the order of attempt_no.
func attemptsArg(list []cdr.Attempt, room *[]byte) (string, error) {
	byNumber := func(a, b cdr.Attempt) int { return cmp.Compare(a.AttemptNo, b.AttemptNo) }
	if !slices.IsSortedFunc(list, byNumber) {
		list = slices.SortedFunc(slices.Values(list), byNumber)
	}
	for i := range list {
		a := &list[i]
		switch {
		case a.AttemptNo <= 0:
			return "", fmt.Errorf("attempt_no %d is not positive", a.AttemptNo)
		case i > 0 && a.AttemptNo == list[i-1].AttemptNo:
			return "", fmt.Errorf("attempt_no %d is there twice", a.AttemptNo)
		case a.BillableMS < 0:
			return "", fmt.Errorf("billable_ms %d of attempt %d is negative", a.BillableMS, a.AttemptNo)
		}
		for _, t := range []*time.Time{&a.StartedAt, a.RingingAt, a.AnsweredAt, a.EndedAt} {
			if t != nil && (t.UTC().Year() < 0 || t.UTC().Year() > 9999) {
				return "", fmt.Errorf("a time of attempt %d is %v; its year must be 0 to 9999", a.AttemptNo, t)
			}
		}
	}
	*room = cdr.AppendAttempts((*room)[:0], list)
	return string(withoutNUL(*room)), nil
}
