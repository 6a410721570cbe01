package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"b2bua/policy"
)

const somePolicyYAML = `# what an operator writes
trunks:
  - name: pbx
    sources: [127.0.0.1/32]
    gateways:
      - uri: sip:127.0.0.1:5061
  - name: carrier
    hunt_on: [408, timeout]
    gateways:
      - {uri: "sip:127.0.0.2:5062"}
routes:
  - name: everything
    match: {called_prefix: 0033}
    targets:
      - {trunk: carrier}
`

func TestPolicyDocument(t *testing.T) {
	t.Parallel()
	f := newFixture(t)

	dry := f.must(http.StatusOK, "PUT", "/v1/policy?dry_run=true", somePolicyYAML, "Content-Type", mediaYAML)
	if dry["dry_run"] != true || len(dry["diff"].(map[string]any)["added"].([]any)) != 3 {
		t.Errorf("dry run: %v", dry)
	}
	if p := f.must(http.StatusOK, "GET", "/v1/policy", ""); len(p["trunks"].([]any)) != 0 {
		t.Errorf("the dry run changed the policy: %v", p)
	}

	done := f.must(http.StatusOK, "PUT", "/v1/policy", somePolicyYAML, "Content-Type", mediaYAML)
	if done["dry_run"] != false || done["revision"] != 1.0 {
		t.Errorf("replaced: %v", done)
	}
	p := f.must(http.StatusOK, "GET", "/v1/policy", "")
	route := p["routes"].([]any)[0].(map[string]any)
	if route["match"].(map[string]any)["called_prefix"] != "0033" {
		t.Errorf("the prefix is not as it was written: %v", route)
	}

	// What is read can be written back, in either form, and changes nothing.
	again, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	w := f.do("GET", "/v1/policy", "", "Accept", mediaYAML)
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != mediaYAML || !strings.Contains(w.Body.String(), "called_prefix: \"0033\"") {
		t.Fatalf("status %d, type %q: %s", w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	for mediaType, document := range map[string]string{mediaJSON: string(again), mediaYAML: w.Body.String()} {
		same := f.must(http.StatusOK, "PUT", "/v1/policy", document, "Content-Type", mediaType)
		want := map[string]any{
			"revision": 1.0, "dry_run": false,
			"diff": map[string]any{"added": []any{}, "changed": []any{}, "removed": []any{}},
		}
		if diff := cmp.Diff(want, same); diff != "" {
			t.Errorf("%s (-want +got):\n%s", mediaType, diff)
		}
	}

	// Without a type a document is what it looks like.
	for _, document := range []string{somePolicyYAML, "\n " + string(again)} {
		f.must(http.StatusOK, "PUT", "/v1/policy?dry_run=true", document, "Content-Type", mediaForm)
	}

	gone := f.must(http.StatusOK, "PUT", "/v1/policy", `{}`)
	if gone["revision"] != 2.0 || len(gone["diff"].(map[string]any)["removed"].([]any)) != 3 {
		t.Errorf("emptied: %v", gone)
	}
}

func TestPolicyMayBeLarge(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) { c.MaxBodyBytes, c.MaxPolicyBytes = 1000, 4000 })
	document := `{"trunks": []` + strings.Repeat(" ", 2000) + `}`
	if w := f.do("PUT", "/v1/policy", document); w.Code != http.StatusOK {
		t.Errorf("2 kB: status %d: %s", w.Code, w.Body)
	}
	if w := f.do("PUT", "/v1/policy", document+strings.Repeat(" ", 2000)); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("4 kB: status %d: %s", w.Code, w.Body)
	}
	if w := f.do("POST", "/v1/accounts", `{"name": "a"`+strings.Repeat(" ", 2000)+`}`); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("object of 2 kB: status %d: %s", w.Code, w.Body)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	f := withPolicy(newFixture(t))
	w := f.do("POST", "/v1/policy/explain", `{"source": "127.0.0.1:5061", "transport": "udp", "caller": "1000", "called": "33123456789", "at": "2026-03-01T10:00:00Z"}`)
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	var e policy.Explanation
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
		t.Fatal(err)
	}
	if e.Plan == nil || e.Plan.InboundTrunk != "pbx" || e.Plan.Route != "everything" || len(e.Plan.Targets) != 1 || e.Plan.Targets[0].Gateway != "sip:127.0.0.2:5062" {
		t.Errorf("plan %+v", e.Plan)
	}
	if len(e.Candidates) == 0 || e.Refusal != nil {
		t.Errorf("candidates %+v, refusal %+v", e.Candidates, e.Refusal)
	}
	stranger := f.must(http.StatusOK, "POST", "/v1/policy/explain", `{"source": "192.0.2.1", "called": "33123456789"}`)
	if stranger["plan"] != nil || stranger["refusal"].(map[string]any)["code"] != "unknown_source" {
		t.Errorf("a stranger: %v", stranger)
	}
	named := f.must(http.StatusOK, "POST", "/v1/policy/explain", `{"source": "[2001:db8::1]:5060", "called": "33", "inbound_trunk": "pbx"}`)
	if named["plan"] == nil {
		t.Errorf("a named trunk: %v", named)
	}
}
