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

func cdrTable() table {
	return newTable("cdrs", `call_id started_at node_id caller called inbound_trunk outbound_trunk ringing_at answered_at ended_at
		duration_ms billable_ms pdd_ms sip_status q850_cause hung_up_by end_reason policy_revision received media related_calls`)
}

func attemptTable() table {
	return newTable("cdr_attempts", `call_id call_started_at attempt_no reason trunk gateway sent_sip_call_id sent_request_uri
		sent_destination sent_caller sent_called started_at ringing_at answered_at ended_at billable_ms sip_status end_reason`)
}

// cdrKey names a record.
type cdrKey struct {
	callID  string
	started int64 // microseconds since 1970
}

func keyOf(r *cdr.Record) cdrKey { return cdrKey{text(r.CallID), r.StartedAt.UnixMicro()} }

// SaveCDRs implements [cdr.Sink]: all records and their attempts in one
// transaction; those that are there already stay as they are.
func (s *Store) SaveCDRs(ctx context.Context, records []cdr.Record) error {
	if len(records) == 0 {
		return nil
	}
	// Two processes that save the same records in different orders would wait
	// for each other.
	records = slices.Clone(records)
	slices.SortStableFunc(records, func(a, b cdr.Record) int {
		return cmp.Or(strings.Compare(a.CallID, b.CallID), a.StartedAt.Compare(b.StartedAt))
	})
	return s.timed(opSaveCDRs, func() error {
		return s.write(ctx, func(x tx) error {
			return chunks(records, insertRows, func(part []cdr.Record) error { return s.saveCDRs(ctx, x, part) })
		})
	})
}

func (s *Store) saveCDRs(ctx context.Context, x tx, records []cdr.Record) error {
	rows := make([][]any, len(records))
	for i := range records {
		var err error
		if rows[i], err = s.cdrArgs(&records[i]); err != nil {
			return err
		}
	}
	// What is returned was not there before: only its attempts are new.
	t := cdrTable()
	query := t.insertSQL(x.dialect, len(rows)) + " ON CONFLICT (call_id, started_at) DO NOTHING RETURNING call_id, started_at"
	fresh := make(map[cdrKey]bool, len(rows))
	err := each(ctx, x, query, flat(rows), func(scan func(...any) error) error {
		var at time.Time
		var id string
		err := scan(&id, timeInto{&at})
		fresh[cdrKey{id, at.UnixMicro()}] = true
		return err
	})
	if err != nil {
		return err
	}
	var attempts [][]any
	for i := range records {
		if r := &records[i]; fresh[keyOf(r)] {
			delete(fresh, keyOf(r)) // the same call twice in one batch: the first one counts
			attempts = append(attempts, s.attemptArgs(r)...)
		}
	}
	return attemptTable().insert(ctx, x, attempts)
}

// cdrArgs returns a record's row.
func (s *Store) cdrArgs(r *cdr.Record) ([]any, error) {
	if r.EndedAt == nil {
		return nil, fmt.Errorf("%w: call %s has not ended", cdr.ErrBadRecord, r.CallID)
	}
	received, err1 := jsonText(r.Received)
	related, err2 := jsonText(nonNil(r.RelatedCalls))
	media, err3 := mediaArg(r.Media)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, fmt.Errorf("%w: call %s: %w", cdr.ErrBadRecord, r.CallID, err)
	}
	d := &s.dialect
	return []any{
		text(r.CallID), d.time(r.StartedAt), text(r.NodeID), text(r.Caller), text(r.Called), textOf(r.InboundTrunk), textOf(r.OutboundTrunk),
		d.timeOf(r.RingingAt), d.timeOf(r.AnsweredAt), d.timeOf(r.EndedAt), r.DurationMS, r.BillableMS, intOf(r.PDDMS),
		intOf(r.SIPStatus), intOf(r.Q850Cause), textOf(r.HungUpBy), textOf(r.EndReason), r.PolicyRevision, received, media, related,
	}, nil
}

// mediaArg returns the media column: a string, or nil for NULL.
func mediaArg(m *cdr.Media) (arg any, err error) {
	if m == nil {
		return arg, nil
	}
	c := *m
	c.Streams = nonNil(c.Streams)
	return jsonText(c)
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
