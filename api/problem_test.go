package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"b2bua/cdr"
)

const (
	somePBX     = `{"name": "pbx", "sources": ["127.0.0.1/32"], "gateways": [{"uri": "sip:127.0.0.1:5061"}]}`
	someCarrier = `{"name": "carrier", "gateways": [{"uri": "sip:127.0.0.2:5062"}]}`
	someRoute   = `{"name": "everything", "match": {"called_prefix": ""}, "targets": [{"trunk": "carrier"}]}`
)

// withPolicy creates the smallest policy that routes a call.
func withPolicy(f *fixture) *fixture {
	f.t.Helper()
	f.must(http.StatusCreated, "POST", "/v1/trunks", somePBX)
	f.must(http.StatusCreated, "POST", "/v1/trunks", someCarrier)
	f.must(http.StatusCreated, "POST", "/v1/routes", someRoute)
	return f
}

var errDown = errors.New("the database is down")

var instance = regexp.MustCompile(`urn:uuid:[0-9a-f-]{36}`)

// Every problem is pinned to the byte: clients are written against them.
func TestProblems(t *testing.T) {
	t.Parallel()
	big := `{"name": "` + strings.Repeat("x", 1<<20) + `"}`
	tests := []struct {
		name               string
		method, path, body string
		headers            []string
		prepare            func(*fixture)
		status             int
	}{
		{name: "no_token", method: "GET", path: "/v1/trunks", headers: []string{"Authorization", ""}, status: 401},
		{name: "no_such_path", method: "GET", path: "/v1/nothing", status: 404},
		{name: "method_not_allowed", method: "DELETE", path: "/v1/trunks", status: 405},
		{name: "no_such_trunk", method: "GET", path: "/v1/trunks/nobody", status: 404},
		{name: "no_such_call", method: "GET", path: "/v1/calls/nobody", status: 404},
		{name: "hangup_no_such_call", method: "POST", path: "/v1/calls/nobody/actions/hangup", status: 404},
		{name: "hangup_unknown_property", method: "POST", path: "/v1/calls/x/actions/hangup", body: `{"cause": 16}`, status: 422},
		{name: "no_such_cdr", method: "GET", path: "/v1/cdrs/nobody", status: 404},
		{name: "body_empty", method: "POST", path: "/v1/trunks", status: 400},
		{name: "body_cut", method: "POST", path: "/v1/trunks", body: `{"name": "pbx"`, status: 400},
		{name: "body_no_object", method: "POST", path: "/v1/trunks", body: `null`, status: 400},
		{name: "body_not_utf8", method: "POST", path: "/v1/trunks", body: "{\"name\": \"\xff\"}", status: 400},
		{name: "body_too_large", method: "POST", path: "/v1/trunks", body: big, status: 413},
		{name: "explain_too_large", method: "POST", path: "/v1/policy/explain", body: big, status: 413},
		{name: "body_xml", method: "POST", path: "/v1/trunks", body: "<trunk/>", headers: []string{"Content-Type", "application/xml"}, status: 415},
		{name: "body_yaml", method: "POST", path: "/v1/trunks", body: "name: pbx", headers: []string{"Content-Type", "application/yaml"}, status: 415},
		{name: "explain_xml", method: "POST", path: "/v1/policy/explain", body: "<x/>", headers: []string{"Content-Type", "application/xml"}, status: 415},
		{name: "json_patch", method: "PATCH", path: "/v1/trunks/pbx", body: "[]", headers: []string{"Content-Type", "application/json-patch+json"}, status: 415},
		{name: "unknown_property", method: "POST", path: "/v1/trunks", body: `{"name": "pbx", "gateway": "sip:127.0.0.1", "Media": "relay"}`, status: 422},
		{name: "unknown_property_inside", method: "POST", path: "/v1/trunks", body: `{"name": "pbx", "gateways": [{"uri": "sip:127.0.0.1", "port": 5060}]}`, status: 422},
		{name: "unknown_query", method: "GET", path: "/v1/trunks?page=2", status: 422},
		{name: "limit_too_high", method: "GET", path: "/v1/cdrs?limit=501", status: 422},
		{name: "limit_no_number", method: "GET", path: "/v1/calls?limit=many", status: 422},
		{name: "from_no_time", method: "GET", path: "/v1/cdrs?from=yesterday", status: 422},
		{name: "format_unknown", method: "GET", path: "/v1/cdrs/export?format=xml", status: 422},
		{name: "bad_trunk_cursor", method: "GET", path: "/v1/trunks?cursor=$$$", status: 422},
		{name: "bad_call_cursor", method: "GET", path: "/v1/calls?cursor=xyz", status: 422},
		{name: "many_faults", method: "POST", path: "/v1/trunks", body: `{"name": "a b", "media": "fast", "sources": ["everywhere"], "gateways": [{"uri": "mailto:x", "weight": -1}]}`, status: 422},
		{name: "wrong_types", method: "POST", path: "/v1/routes", body: `{"name": 7, "priority": "high", "targets": {}, "enabled": "yes"}`, status: 422},
		{name: "patch_faults", method: "PATCH", path: "/v1/trunks/pbx", body: `{"media": "fast"}`, prepare: func(f *fixture) { withPolicy(f) }, status: 422},
		{name: "name_taken", method: "POST", path: "/v1/trunks", body: somePBX, prepare: func(f *fixture) { withPolicy(f) }, status: 409},
		{name: "source_taken", method: "POST", path: "/v1/trunks", body: `{"name": "other", "sources": ["127.0.0.1/32"]}`, prepare: func(f *fixture) { withPolicy(f) }, status: 422},
		{name: "in_use", method: "DELETE", path: "/v1/trunks/carrier", prepare: func(f *fixture) { withPolicy(f) }, status: 409},
		{name: "no_such_target", method: "POST", path: "/v1/routes", body: `{"name": "r", "targets": [{"trunk": "nobody"}]}`, status: 422},
		{name: "policy_faults", method: "PUT", path: "/v1/policy", body: `{"trunks": [{"name": "pbx"}, {"name": "carrier", "mtu": "big"}], "routes": [{"name": "r", "targets": [{"trunk": "nobody"}]}]}`, status: 422},
		{name: "policy_unknown_property", method: "PUT", path: "/v1/policy", body: "trunks:\n- name: pbx\n  source: [127.0.0.1/32]\n- media: relay\n  foo: 1\nrules: []\n", headers: []string{"Content-Type", "application/yaml"}, status: 422},
		{name: "policy_stale", method: "PUT", path: "/v1/policy", body: `{"revision": 1}`, prepare: func(f *fixture) { withPolicy(f) }, status: 409},
		{name: "policy_yaml_broken", method: "PUT", path: "/v1/policy", body: "trunks: [\n", headers: []string{"Content-Type", "application/yaml"}, status: 400},
		{name: "explain_no_source", method: "POST", path: "/v1/policy/explain", body: `{"called": "33"}`, status: 422},
		{name: "explain_bad_source", method: "POST", path: "/v1/policy/explain", body: `{"source": "pbx.example", "called": "33"}`, status: 422},
		{name: "explain_unknown_property", method: "POST", path: "/v1/policy/explain", body: `{"source": "127.0.0.1:5060", "called": "33", "callee": "33"}`, status: 422},
		{name: "not_ready", method: "GET", path: "/readyz", status: 503},
		{name: "store_down", method: "GET", path: "/v1/cdrs", prepare: func(f *fixture) { f.cdrs.fail = errors.New("dial tcp 10.0.0.5:5432: secret") }, status: 500},
		{name: "bad_cdr_cursor", method: "GET", path: "/v1/cdrs?cursor=xyz", prepare: func(f *fixture) {
			f.cdrs.fail = fmt.Errorf("store: %w", &cdr.QueryError{Field: "cursor", Message: "must be the next_cursor of a page before"})
		}, status: 422},
		{name: "store_unavailable", method: "GET", path: "/v1/cdrs", prepare: func(f *fixture) { f.cdrs.fail = fmt.Errorf("secret: %w", errDown) }, status: 503},
		{name: "policy_unavailable", method: "POST", path: "/v1/trunks", body: somePBX, prepare: func(f *fixture) { f.store.Fail(errDown) }, status: 503},
		{name: "store_slow", method: "GET", path: "/v1/cdrs", prepare: func(f *fixture) { f.cdrs.fail = fmt.Errorf("store: %w", context.DeadlineExceeded) }, status: 503},
		{name: "export_fails_at_once", method: "GET", path: "/v1/cdrs/export", prepare: func(f *fixture) { f.cdrs.fail = errors.New("secret") }, status: 500},
		{name: "calls_slow", method: "GET", path: "/v1/calls", prepare: func(f *fixture) { f.calls.fail = context.DeadlineExceeded }, status: 503},
		{name: "call_slow", method: "GET", path: "/v1/calls/x", prepare: func(f *fixture) { f.calls.fail = context.DeadlineExceeded }, status: 503},
		{name: "hangup_fails", method: "POST", path: "/v1/calls/x/actions/hangup", prepare: func(f *fixture) { f.calls.fail = fmt.Errorf("no: %w", cdr.ErrNotFound) }, status: 404},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, func(c *Config) {
				c.Ready, c.Unavailable = func() error { return errors.New("no listener is bound") }, errDown
			})
			if tt.prepare != nil {
				tt.prepare(f)
			}
			w := f.do(tt.method, tt.path, tt.body, tt.headers...)
			if w.Code != tt.status || w.Header().Get("Content-Type") != problemMediaType {
				t.Errorf("status %d, type %q; want %d, %q", w.Code, w.Header().Get("Content-Type"), tt.status, problemMediaType)
			}
			var p Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatalf("%v: %s", err, w.Body)
			}
			if p.Status != w.Code {
				t.Errorf("status %d in the body of a %d", p.Status, w.Code)
			}
			if m := p.Code.meaning(); m.title != p.Title || (m.status != p.Status && p.Status != http.StatusRequestTimeout) {
				t.Errorf("code %q has status %d and title %q", p.Code, p.Status, p.Title)
			}
			if (p.Code == CodeUnavailable) != (w.Header().Get("Retry-After") != "") {
				t.Errorf("Retry-After is %q", w.Header().Get("Retry-After"))
			}
			if strings.Contains(w.Body.String(), "secret") {
				t.Error("it tells what only the log should hold")
			}
			if p.Code == CodeInternal && !strings.Contains(f.log.String(), p.Instance) {
				t.Error("the log does not have the instance")
			}
			p.Instance = instance.ReplaceAllString(p.Instance, "urn:uuid:...")
			pretty, err := json.MarshalIndent(p, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", "problems", tt.name+".json"), append(pretty, '\n'))
		})
	}
}

// The golden files are those of the table, all of them.
func TestEveryCodeHasAProblem(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/problems/*.json")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	documented := Code("").Schema(nil).Enum
	if !slices.IsSortedFunc(documented, func(a, b any) int { return strings.Compare(a.(string), b.(string)) }) {
		t.Error("the codes are not in order")
	}
	for _, c := range documented {
		m := Code(c.(string)).meaning()
		if m.status < 400 || m.title == "" || (c != "internal" && m.title == Code("internal").meaning().title) {
			t.Errorf("code %s has no meaning of its own", c)
		}
	}
}
