package api

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"b2bua/cdr"
)

// ids returns the last character of each item's call_id.
func ids(p map[string]any) string {
	out := ""
	for _, item := range p["items"].([]any) {
		id := item.(map[string]any)["call_id"].(string)
		out += id[len(id)-1:]
	}
	return out
}

func TestListCalls(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.calls.records = someRecords()
	slices.Reverse(f.calls.records[:2]) // whatever order they come in
	tests := []struct{ query, want string }{
		{"", "321"},
		{"?caller=1000", "21"},
		{"?called=2000&caller=1001", "3"},
		{"?called=9", ""},
		{"?inbound_trunk=pbx", "321"},
		{"?inbound_trunk=carrier", ""},
		{"?outbound_trunk=carrier", "2"},
		{"?answered=true", "2"},
		{"?answered=false", "31"},
		{"?limit=1", "3"},
	}
	for _, tt := range tests {
		if got := ids(f.must(http.StatusOK, "GET", "/v1/calls"+tt.query, "")); got != tt.want {
			t.Errorf("%s: calls %q, want %q", tt.query, got, tt.want)
		}
	}
	one := f.must(http.StatusOK, "GET", "/v1/calls/"+f.calls.records[0].CallID, "")
	if one["answered_at"] != "2026-03-01T10:01:30Z" || one["ended_at"] != nil || one["media"] != nil {
		t.Errorf("call %v", one)
	}
}

// Pages of live calls stay right when calls end and begin between them.
func TestCallPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	records := someRecords()
	records[1].StartedAt = records[0].StartedAt // the id decides
	f.calls.records = records
	first := f.must(http.StatusOK, "GET", "/v1/calls?limit=2", "")
	if ids(first) != "32" {
		t.Fatalf("first page %q", ids(first))
	}
	late := records[0].Clone()
	late.CallID, late.StartedAt = "0195500a-0000-7000-8000-000000000009", late.StartedAt.Add(time.Hour)
	f.calls.records = []cdr.Record{records[0], *late} // 2 and 3 ended, 9 began
	second := f.must(http.StatusOK, "GET", "/v1/calls?limit=2&cursor="+url.QueryEscape(first["next_cursor"].(string)), "")
	if ids(second) != "1" || second["next_cursor"] != nil {
		t.Errorf("second page %q, next %v", ids(second), second["next_cursor"])
	}
}

func TestHangup(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.calls.records = someRecords()
	id := f.calls.records[1].CallID
	for _, body := range []string{"", "{}"} {
		if w := f.do("POST", "/v1/calls/"+id+"/actions/hangup", body); w.Code != http.StatusAccepted || w.Body.Len() != 0 {
			t.Errorf("body %q: status %d: %s", body, w.Code, w.Body)
		}
	}
	if !slices.Equal(f.calls.hungUp, []string{id, id}) {
		t.Errorf("hung up %v", f.calls.hungUp)
	}
	if w := f.do("POST", "/v1/calls/"+id+"/actions/hangup", `{"cause": 16}`); w.Code != http.StatusUnprocessableEntity || len(f.calls.hungUp) != 2 {
		t.Errorf("unknown property: status %d, hung up %v", w.Code, f.calls.hungUp)
	}
}
