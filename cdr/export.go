package cdr

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// csvTime is how times stand in CSV: RFC 3339, UTC, always six digits.
const csvTime = "2006-01-02T15:04:05.000000Z07:00"

// A csvColumn is one column of the CSV export.
type csvColumn struct {
	name  string
	value func(r *Record) (string, error)
}

// CSVColumns returns the names of the columns in their order. The order never
// changes; new columns are added at the end.
func CSVColumns() []string {
	names := make([]string, len(csvTable))
	for i := range csvTable {
		names[i] = csvTable[i].name
	}
	return names
}

// WriteCSVHeader writes the header line of [WriteCSV].
func WriteCSVHeader(w io.Writer) error {
	_, err := io.WriteString(w, strings.Join(CSVColumns(), ",")+"\n")
	return err
}

// WriteCSV writes one record as one line (RFC 4180, but lines end in LF). What
// did not happen is an empty field; media, related_calls and attempts are JSON
// as in the API.
//
// A text that a spreadsheet would run as a formula gets a leading apostrophe:
// one that begins with =, @, tab or CR, or with + or - unless only digits
// follow, so that a number such as +33123456789 stays as it is.
func WriteCSV(w io.Writer, r *Record) error {
	r = finite(r)
	var line []byte
	for i, column := range csvTable {
		v, err := column.value(r)
		if err != nil {
			return fmt.Errorf("cdr: call %s: column %s: %w", r.CallID, column.name, err)
		}
		if i > 0 {
			line = append(line, ',')
		}
		line = appendCSV(line, v)
	}
	_, err := w.Write(append(line, '\n'))
	return err
}

// WriteJSONL writes one record as one line of JSON, in the API's shape.
func WriteJSONL(w io.Writer, r *Record) error {
	b, err := marshalRecord(r)
	if err != nil {
		return fmt.Errorf("cdr: call %s: %w", r.CallID, err)
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

var csvTable = []csvColumn{
	textColumn("call_id", func(r *Record) string { return r.CallID }),
	textColumn("node_id", func(r *Record) string { return r.NodeID }),
	textColumn("started_at", func(r *Record) string { return formatTime(&r.StartedAt) }),
	textColumn("ringing_at", func(r *Record) string { return formatTime(r.RingingAt) }),
	textColumn("answered_at", func(r *Record) string { return formatTime(r.AnsweredAt) }),
	textColumn("ended_at", func(r *Record) string { return formatTime(r.EndedAt) }),
	textColumn("duration_ms", func(r *Record) string { return formatInt(&r.DurationMS) }),
	textColumn("billable_ms", func(r *Record) string { return formatInt(&r.BillableMS) }),
	textColumn("pdd_ms", func(r *Record) string { return formatInt(r.PDDMS) }),
	textColumn("caller", func(r *Record) string { return r.Caller }),
	textColumn("called", func(r *Record) string { return r.Called }),
	textColumn("inbound_trunk", func(r *Record) string { return formatText(r.InboundTrunk) }),
	textColumn("outbound_trunk", func(r *Record) string { return formatText(r.OutboundTrunk) }),
	textColumn("sip_status", func(r *Record) string { return formatInt(r.SIPStatus) }),
	textColumn("q850_cause", func(r *Record) string { return formatInt(r.Q850Cause) }),
	textColumn("hung_up_by", func(r *Record) string { return formatText(r.HungUpBy) }),
	textColumn("end_reason", func(r *Record) string { return formatText(r.EndReason) }),
	textColumn("policy_revision", func(r *Record) string { return formatInt(&r.PolicyRevision) }),
	textColumn("received_source", func(r *Record) string { return r.Received.Source }),
	textColumn("received_listener", func(r *Record) string { return r.Received.Listener }),
	textColumn("received_transport", func(r *Record) string { return r.Received.Transport }),
	textColumn("received_sip_call_id", func(r *Record) string { return r.Received.SIPCallID }),
	textColumn("received_request_uri", func(r *Record) string { return r.Received.RequestURI }),
	textColumn("received_caller", func(r *Record) string { return r.Received.Caller }),
	textColumn("received_called", func(r *Record) string { return r.Received.Called }),
	textColumn("received_from", func(r *Record) string { return r.Received.From }),
	textColumn("received_to", func(r *Record) string { return r.Received.To }),
	textColumn("received_p_asserted_identity", func(r *Record) string { return r.Received.PAssertedIdentity }),
	textColumn("received_p_preferred_identity", func(r *Record) string { return r.Received.PPreferredIdentity }),
	textColumn("received_remote_party_id", func(r *Record) string { return r.Received.RemotePartyID }),
	textColumn("received_diversion", func(r *Record) string { return r.Received.Diversion }),
	textColumn("received_privacy", func(r *Record) string { return r.Received.Privacy }),
	textColumn("received_user_agent", func(r *Record) string { return r.Received.UserAgent }),
	jsonColumn("media", func(r *Record) any { return r.Media }),
	jsonColumn("related_calls", func(r *Record) any { return nonNil(r.RelatedCalls) }),
	jsonColumn("attempts", func(r *Record) any { return nonNil(r.Attempts) }),
}

func textColumn(name string, get func(*Record) string) csvColumn {
	return csvColumn{name, func(r *Record) (string, error) { return get(r), nil }}
}

func jsonColumn(name string, get func(*Record) any) csvColumn {
	return csvColumn{name, func(r *Record) (string, error) {
		b, err := json.Marshal(get(r))
		if string(b) == "null" {
			return "", err
		}
		return string(b), err
	}}
}

func formatTime(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(csvTime)
}

func formatInt[T int | int64](n *T) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(int64(*n), 10)
}

func formatText[T ~string](s *T) string {
	if s == nil {
		return ""
	}
	return string(*s)
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// appendCSV appends one field, quoted where RFC 4180 asks for it and defused
// where a spreadsheet would run it.
func appendCSV(line []byte, v string) []byte {
	if isFormula(v) {
		v = "'" + v
	}
	if !strings.ContainsAny(v, "\",\r\n") {
		return append(line, v...)
	}
	line = append(line, '"')
	line = append(line, strings.ReplaceAll(v, `"`, `""`)...)
	return append(line, '"')
}

func isFormula(v string) bool {
	if v == "" {
		return false
	}
	switch v[0] {
	case '=', '@', '\t', '\r':
		return true
	case '+', '-':
		return strings.Trim(v[1:], "0123456789") != ""
	}
	return false
}
