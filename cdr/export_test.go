package cdr

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The columns are a promise to billing scripts: this list only grows at its end.
func TestCSVColumns(t *testing.T) {
	t.Parallel()
	want := strings.Fields(`call_id node_id started_at ringing_at answered_at ended_at duration_ms billable_ms pdd_ms
		caller called inbound_trunk outbound_trunk sip_status q850_cause hung_up_by end_reason policy_revision
		received_source received_listener received_transport received_sip_call_id received_request_uri received_caller
		received_called received_from received_to received_p_asserted_identity received_p_preferred_identity
		received_remote_party_id received_diversion received_privacy received_user_agent media related_calls attempts`)
	if got := CSVColumns(); !slices.Equal(got, want) {
		t.Errorf("columns changed:\n%s", cmp.Diff(want, got))
	}
	var fields []string
	for f := range reflect.TypeFor[Record]().Fields() {
		if name := f.Tag.Get("json"); name != "received" {
			fields = append(fields, name)
		}
	}
	for f := range reflect.TypeFor[Received]().Fields() {
		fields = append(fields, "received_"+f.Tag.Get("json"))
	}
	for _, name := range fields {
		if !slices.Contains(want, name) {
			t.Errorf("%s of the record has no column", name)
		}
	}
}

func csvOf(t *testing.T, r *Record) map[string]string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteCSVHeader(&b); err != nil {
		t.Fatal(err)
	}
	if err := WriteCSV(&b, r); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	row := map[string]string{}
	for i, name := range rows[0] {
		row[name] = rows[1][i]
	}
	return row
}

func TestWriteCSV(t *testing.T) {
	t.Parallel()
	r := endedRecord(1)
	local := r.AnsweredAt.Add(123456789 * time.Nanosecond).In(time.FixedZone("x", 3600))
	r.AnsweredAt = &local
	status, pdd := 200, int64(math.MaxInt64)
	r.SIPStatus, r.PDDMS = &status, &pdd
	r.Received.UserAgent = "a,b\r\n\"c\""
	r.Media = &Media{Mode: "relay", Streams: []Stream{{Kind: "audio", JitterMS: math.NaN()}}}
	row := csvOf(t, r)
	want := map[string]string{
		"call_id": r.CallID, "started_at": "2026-03-01T12:00:01.000000Z", "answered_at": "2026-03-01T12:00:03.123456Z",
		"ringing_at": "", "duration_ms": "10000", "pdd_ms": "9223372036854775807", "inbound_trunk": "pbx",
		"outbound_trunk": "", "sip_status": "200", "hung_up_by": "caller", "end_reason": "completed", "caller": "+331",
		"received_from": `"O'Neil, \"x\"" <sip:+331@a>;tag=1`, "related_calls": "[]",
		"received_user_agent": "a,b\n\"c\"", // encoding/csv reads CRLF as LF
	}
	for name, v := range want {
		if row[name] != v {
			t.Errorf("%s: %q, want %q", name, row[name], v)
		}
	}
	var attempts []Attempt
	if err := json.Unmarshal([]byte(row["attempts"]), &attempts); err != nil || !cmp.Equal(attempts, r.Attempts) {
		t.Errorf("attempts: %s %v", row["attempts"], err)
	}
	if !strings.Contains(row["media"], `"kind":"audio"`) {
		t.Errorf("media: %s", row["media"])
	}
	if live := csvOf(t, &Record{CallID: "x"}); live["media"] != "" || live["attempts"] != "[]" || live["ended_at"] != "" {
		t.Errorf("empty record: %v", live)
	}
}

// A caller names himself; nobody's spreadsheet may run that.
func TestWriteCSVFormulas(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"=HYPERLINK(1)": "'=HYPERLINK(1)", "@SUM(A1)": "'@SUM(A1)", "+1+cmd|' /C calc'!A0": "'+1+cmd|' /C calc'!A0",
		"-2+3": "'-2+3", "\tx": "'\tx", "+33123456789": "+33123456789", "-5": "-5", "+": "+", "": "", "'": "'", "a=b": "a=b",
	} {
		r := startedRecord(1)
		r.Caller = in
		if got := csvOf(t, r)["caller"]; got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestWriteJSONL(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	for i := range 2 {
		if err := WriteJSONL(&b, endedRecord(i)); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	var got Record
	if err := json.Unmarshal([]byte(lines[1]), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(*endedRecord(1), got); diff != "" {
		t.Error(diff)
	}
}
