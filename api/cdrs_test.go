package api

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"b2bua/cdr"
)

func TestListCDRs(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cdrs.records, f.cdrs.next = someRecords(), "onward"
	p := f.must(http.StatusOK, "GET", "/v1/cdrs", "")
	if ids(p) != "123" || p["next_cursor"] != "onward" {
		t.Errorf("page %q, next %v", ids(p), p["next_cursor"])
	}
	if diff := cmp.Diff(cdr.Query{Limit: 50}, f.cdrs.asked); diff != "" {
		t.Errorf("an empty query (-want +got):\n%s", diff)
	}
	f.must(http.StatusOK, "GET", "/v1/cdrs?from=2026-03-01T10:00:00Z&to=2026-03-02T11:00:00.5%2B01:00&caller=1000&called=%2B33"+
		"&inbound_trunk=pbx&outbound_trunk=carrier&answered=false&cursor=back&limit=500", "")
	want := cdr.Query{
		From: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), To: time.Date(2026, 3, 2, 10, 0, 0, 5e8, time.UTC),
		Caller: "1000", Called: "+33", InboundTrunk: "pbx", OutboundTrunk: "carrier", Answered: new(false), Cursor: "back", Limit: 500,
	}
	if diff := cmp.Diff(want, f.cdrs.asked); diff != "" {
		t.Errorf("a full query (-want +got):\n%s", diff)
	}
	one := f.must(http.StatusOK, "GET", "/v1/cdrs/"+f.cdrs.records[1].CallID, "")
	if one["outbound_trunk"] != "carrier" {
		t.Errorf("record %v", one)
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cdrs.records = someRecords()

	w := f.do("GET", "/v1/cdrs/export?answered=true", "")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != mediaCSV || w.Header().Get("Content-Disposition") != `attachment; filename="cdrs.csv"` {
		t.Errorf("status %d, headers %v", w.Code, w.Header())
	}
	if diff := cmp.Diff(cdr.Query{Answered: new(true)}, f.cdrs.asked); diff != "" {
		t.Errorf("query (-want +got):\n%s", diff)
	}
	rows, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(rows) != 4 {
		t.Errorf("%d rows, %v", len(rows), err)
	}

	w = f.do("GET", "/v1/cdrs/export?format=jsonl", "")
	if w.Header().Get("Content-Type") != mediaJSONL {
		t.Errorf("headers %v", w.Header())
	}
	lines := bufio.NewScanner(w.Body)
	for i := 0; lines.Scan(); i++ {
		var r cdr.Record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil || r.CallID != f.cdrs.records[i].CallID {
			t.Errorf("line %d: %v: %s", i, err, lines.Text())
		}
	}

	f.cdrs.records = nil
	for format, want := range map[string]int{"csv": 1, "jsonl": 0} {
		w := f.do("GET", "/v1/cdrs/export?format="+format, "")
		if got := strings.Count(w.Body.String(), "\n"); w.Code != http.StatusOK || got != want {
			t.Errorf("empty %s: status %d, %d lines: %s", format, w.Code, got, w.Body)
		}
	}
}

// An export that breaks off after it has begun must not look whole.
func TestExportIsCut(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for range 200 {
		f.cdrs.records = append(f.cdrs.records, someRecords()...)
	}
	f.cdrs.fail, f.cdrs.failAt = errors.New("connection reset"), 500
	server := httptest.NewServer(f.handler)
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/v1/cdrs/export?format=jsonl", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testToken)
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err == nil {
		t.Errorf("status %d and %d bytes read as if they were all", resp.StatusCode, len(got))
	}
	if !strings.Contains(f.log.String(), "connection reset") || !strings.Contains(f.log.String(), "records=500") {
		t.Errorf("log %s", f.log)
	}
	// Its place is free again.
	f.cdrs.fail = nil
	for range 3 {
		if w := f.do("GET", "/v1/cdrs/export", ""); w.Code != http.StatusOK {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
	}
}

func TestExportsAreBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) { c.MaxExports = 1 })
	var inside *httptest.ResponseRecorder
	f.cdrs.during = func() {
		f.cdrs.during = nil
		inside = f.do("GET", "/v1/cdrs/export", "")
	}
	if w := f.do("GET", "/v1/cdrs/export", ""); w.Code != http.StatusOK {
		t.Errorf("first: status %d", w.Code)
	}
	if inside == nil || inside.Code != http.StatusServiceUnavailable || inside.Header().Get("Retry-After") != "10" ||
		!strings.Contains(inside.Body.String(), `"code":"busy"`) {
		t.Errorf("second: %+v", inside)
	}
	if w := f.do("GET", "/metrics", ""); !strings.Contains(w.Body.String(), `b2bua_http_refused_total{reason="busy"} 1`) {
		t.Errorf("metrics: %s", w.Body)
	}
}
