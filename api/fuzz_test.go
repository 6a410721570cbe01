package api

import (
	"encoding/json"
	"net/http"
	"testing"
)

// answered fails when what came back is neither a success nor a problem that
// says what is wrong with the request.
func (f *fixture) answered(method, path, body string, headers ...string) bool {
	f.t.Helper()
	w := f.do(method, path, body, headers...)
	if w.Code >= 200 && w.Code < 300 {
		return true
	}
	var p Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != w.Code || w.Code >= 500 || p.Detail == "" {
		f.t.Fatalf("%s %s: status %d: %s", method, path, w.Code, w.Body)
	}
	return false
}

func FuzzExplain(f *testing.F) {
	for _, seed := range []string{
		`{"source": "127.0.0.1:5061", "transport": "udp", "caller": "1000", "called": "33123456789", "at": "2026-03-01T10:00:00Z"}`,
		`{"source": "::1", "called": "", "random": 9223372036854775807}`, `{"source": "[fe80::1%eth0]:1", "called": "\u0000"}`,
		`{"SOURCE": "1.2.3.4", "called": "1", "a.b[0]": null}`, `[]`, `null`, ``, `{"at": "0000-01-01T00:00:00Z"}`,
	} {
		f.Add(seed)
	}
	fix := withPolicy(newFixture(f))
	f.Fuzz(func(t *testing.T, body string) {
		local := *fix
		local.t = t
		local.answered("POST", "/v1/policy/explain", body)
	})
}

// Whatever creates a trunk reads back as a document that changes nothing.
func FuzzTrunk(f *testing.F) {
	for _, seed := range []string{
		somePBX, someCarrier, `{"name": "a", "ring_timeout": "1m30s", "hunt_on": []}`, `{"name": null}`, `{"name": "a", "name": "b"}`,
		`{"name": "a", "gateways": [{"uri": "sip:[::1]:5060;transport=udp", "weight": 3}]}`, `{"name": "a", "limits": {"max_calls": 1e3}}`,
		`{"name": "a", "created_at": "2026-01-01T00:00:00Z", "trunk_id": "x"}`, `{"\u017fources": []}`, `{"gateways": {"uri": 1}}`, `{`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		fix := newFixture(t)
		if !fix.answered("POST", "/v1/trunks", body) {
			return
		}
		for _, accept := range []string{mediaJSON, mediaYAML} {
			document := fix.do("GET", "/v1/policy", "", "Accept", accept).Body.String()
			out := fix.must(http.StatusOK, "PUT", "/v1/policy", document, "Content-Type", accept)
			if out["revision"] != 1.0 {
				t.Errorf("%s of %q changes something: %v", accept, body, out)
			}
		}
	})
}

func FuzzPolicyDocument(f *testing.F) {
	f.Add(somePolicyYAML, true)
	f.Add(`{"trunks": [`+somePBX+`]}`, false)
	f.Add("a: &a [*a]", true)
	f.Add("- \x00", true)
	f.Add("? {}\n: {}", true)
	fix := newFixture(f)
	f.Fuzz(func(t *testing.T, document string, yaml bool) {
		local := *fix
		local.t = t
		mediaType := mediaJSON
		if yaml {
			mediaType = mediaYAML
		}
		local.answered("PUT", "/v1/policy?dry_run=true", document, "Content-Type", mediaType)
	})
}
