package api

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// One life of an object of each kind: created with defaults, read by id and by
// name, changed, and deleted.
func TestObjectLife(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind, id, body, patch string
		created               map[string]any // beside id and times
		patched               map[string]any // what the patch changes
	}{
		{
			kind: "accounts", id: "account_id", body: `{"name": "acme"}`, patch: `{"enabled": false}`,
			created: map[string]any{"name": "acme", "enabled": true},
			patched: map[string]any{"enabled": false},
		},
		{
			kind: "trunks", id: "trunk_id",
			body:  `{"name": "acme", "gateways": [{"uri": "sip:127.0.0.1:5061"}], "limits": {"max_calls": 7}, "mtu": "off"}`,
			patch: `{"limits": {"max_cps": 3}, "mtu": null, "gateways": [{"uri": "sip:127.0.0.2", "weight": 5}], "ring_timeout": "90s"}`,
			created: map[string]any{
				"name": "acme", "account": "", "enabled": true, "network": "default", "sources": []any{}, "media": "relay",
				"gateways":     []any{map[string]any{"uri": "sip:127.0.0.1:5061", "priority": 1.0, "weight": 1.0, "enabled": true}},
				"hunt_on":      []any{"408", "480", "500", "502", "503", "504", "transport", "timeout"},
				"ring_timeout": "60s", "early_dialogs": "per_answer", "in_dialog_source": "trunk", "mtu": "off",
				"header_policy": map[string]any{"trusted": false, "pass": []any{}, "remove": []any{}},
				"limits":        map[string]any{"max_calls": 7.0, "max_cps": 0.0},
			},
			patched: map[string]any{
				"limits": map[string]any{"max_calls": 7.0, "max_cps": 3.0}, "mtu": "1300", "ring_timeout": "90s",
				"gateways": []any{map[string]any{"uri": "sip:127.0.0.2", "priority": 1.0, "weight": 5.0, "enabled": true}},
			},
		},
		{
			kind: "routes", id: "route_id", body: `{"name": "acme", "targets": [{"trunk": "carrier"}]}`, patch: `{"match": {"called_prefix": "33"}, "priority": 5, "enabled": null}`,
			created: map[string]any{
				"name": "acme", "enabled": true, "priority": 100.0,
				"targets": []any{map[string]any{"trunk": "carrier", "weight": 1.0}},
				"match":   map[string]any{"called_prefix": "", "caller_prefix": "", "inbound_trunk": ""},
			},
			patched: map[string]any{
				"priority": 5.0, "match": map[string]any{"called_prefix": "33", "caller_prefix": "", "inbound_trunk": ""},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.kind, func(t *testing.T) {
			t.Parallel()
			f := withPolicy(newFixture(t))
			path := "/v1/" + tt.kind
			w := f.do("POST", path, tt.body)
			if w.Code != http.StatusCreated {
				t.Fatalf("create: status %d: %s", w.Code, w.Body)
			}
			where := w.Header().Get("Location")
			created := f.must(http.StatusOK, "GET", where, "")
			id, _ := created[tt.id].(string)
			if where != path+"/"+id || id == "" {
				t.Errorf("location %q of id %q", where, id)
			}
			want := tt.created
			want[tt.id], want["created_at"], want["updated_at"] = id, "2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"
			if diff := cmp.Diff(want, created); diff != "" {
				t.Errorf("created (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(created, f.must(http.StatusOK, "GET", path+"/acme", "")); diff != "" {
				t.Errorf("by name:\n%s", diff)
			}
			maps.Copy(want, tt.patched)
			patched := f.must(http.StatusOK, "PATCH", path+"/acme", tt.patch, "Content-Type", mediaMergePatch)
			if diff := cmp.Diff(want, patched); diff != "" {
				t.Errorf("patched (-want +got):\n%s", diff)
			}
			if w := f.do("DELETE", path+"/"+id, ""); w.Code != http.StatusNoContent || w.Body.Len() != 0 {
				t.Errorf("delete: status %d: %s", w.Code, w.Body)
			}
			for _, method := range []string{"GET", "DELETE"} {
				if w := f.do(method, path+"/acme", ""); w.Code != http.StatusNotFound {
					t.Errorf("%s of what is gone: status %d", method, w.Code)
				}
			}
			if w := f.do("PATCH", path+"/acme", `{}`); w.Code != http.StatusNotFound {
				t.Errorf("PATCH of what is gone: status %d", w.Code)
			}
		})
	}
}

// What the server sets is ignored wherever a client sends it back.
func TestServerSetPropertiesAreIgnored(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	forged := `"account_id": "0195500a-0000-7000-8000-000000000001", "created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z"`
	created := f.must(http.StatusCreated, "POST", "/v1/accounts", `{"name": "acme", `+forged+`}`)
	patched := f.must(http.StatusOK, "PATCH", "/v1/accounts/acme", `{"enabled": false, `+forged+`}`)
	for _, property := range []string{"account_id", "created_at"} {
		if created[property] != patched[property] || patched[property] == "2020-01-01T00:00:00Z" || patched[property] == "0195500a-0000-7000-8000-000000000001" {
			t.Errorf("%s: created %v, patched %v", property, created[property], patched[property])
		}
	}
}

func TestListPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var want []string
	for i := range 7 {
		name := fmt.Sprintf("a%d", i)
		want = append(want, name)
		f.must(http.StatusCreated, "POST", "/v1/accounts", `{"name": "`+name+`"}`)
	}
	var got []string
	sizes := []int{}
	cursor := ""
	for {
		p := f.must(http.StatusOK, "GET", "/v1/accounts?limit=3&cursor="+url.QueryEscape(cursor), "")
		items := p["items"].([]any)
		sizes = append(sizes, len(items))
		for _, item := range items {
			got = append(got, item.(map[string]any)["name"].(string))
		}
		next, more := p["next_cursor"].(string)
		if !more {
			break
		}
		cursor = next
	}
	if !slices.Equal(got, want) || !slices.Equal(sizes, []int{3, 3, 1}) {
		t.Errorf("pages of %v: %v", sizes, got)
	}
	empty := f.must(http.StatusOK, "GET", "/v1/routes", "")
	if diff := cmp.Diff(map[string]any{"items": []any{}, "next_cursor": nil}, empty); diff != "" {
		t.Error(diff)
	}
}

// curl -d names a form and an old client nothing; both mean JSON.
func TestBodyWithoutItsMediaType(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for i, contentType := range []string{"", mediaForm, "application/json; charset=utf-8"} {
		body := fmt.Sprintf(`{"name": "a%d"}`, i)
		if w := f.do("POST", "/v1/accounts", body, "Content-Type", contentType); w.Code != http.StatusCreated {
			t.Errorf("%q: status %d: %s", contentType, w.Code, w.Body)
		}
		if w := f.do("POST", "/v1/policy/explain", `{"source": "127.0.0.1:1", "called": "1"}`, "Content-Type", contentType); w.Code != http.StatusOK {
			t.Errorf("explain, %q: status %d: %s", contentType, w.Code, w.Body)
		}
	}
}
