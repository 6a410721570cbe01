package policy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"b2bua/policy"
)

// The smallest policy of the manual, with every default it stands for.
func TestDefaultsOfADocument(t *testing.T) {
	want := policy.Set{
		Accounts: []policy.Account{{Name: "acme", Enabled: true}},
		Trunks: []policy.Trunk{{
			Name: "pbx", Enabled: true, Network: "default", Sources: []string{"127.0.0.1/32"},
			Gateways:       []policy.Gateway{{URI: "sip:127.0.0.1:5061", Priority: 1, Weight: 1, Enabled: true}},
			Media:          "relay",
			HuntOn:         []string{"408", "480", "500", "502", "503", "504", "transport", "timeout"},
			RingTimeout:    policy.Duration(60 * time.Second),
			EarlyDialogs:   "per_answer",
			InDialogSource: "trunk",
			MTU:            "1300",
			HeaderPolicy:   policy.HeaderPolicy{Pass: []string{}, Remove: []string{}},
		}},
		Routes: []policy.Route{{
			Name: "everything", Enabled: true, Priority: 100,
			Targets: []policy.RouteTarget{{Trunk: "pbx", Weight: 1}},
		}},
	}
	fromJSON, err := policy.ParseJSON([]byte(`{
		"accounts": [{"name": "acme"}],
		"trunks": [{"name": "pbx", "sources": ["127.0.0.1/32"], "gateways": [{"uri": "sip:127.0.0.1:5061"}]}],
		"routes": [{"name": "everything", "match": {"called_prefix": ""}, "targets": [{"trunk": "pbx"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, fromJSON); d != "" {
		t.Errorf("JSON:\n%s", d)
	}
	fromYAML, err := policy.ParseYAML([]byte(`
accounts: [{name: acme}]
trunks:
  - name: pbx
    sources: [127.0.0.1/32]
    gateways: [{uri: "sip:127.0.0.1:5061"}]
routes:
  - {name: everything, match: {called_prefix: }, targets: [{trunk: pbx}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, fromYAML); d != "" {
		t.Errorf("YAML:\n%s", d)
	}
}

// Nobody quotes numbers in YAML; leading zeros and signs must survive.
func TestYAMLReadsNumbersAsTextWhereTextIsWanted(t *testing.T) {
	set, err := policy.ParseYAML([]byte(`
trunks: [{name: a, hunt_on: [408, 0503, transport], mtu: 1400, ring_timeout: 90s}]
routes: [{name: 1, priority: 7, match: {called_prefix: 0033, caller_prefix: +44}, targets: []}]
`))
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintln(set.Trunks[0].HuntOn, set.Trunks[0].MTU, set.Trunks[0].RingTimeout, set.Routes[0].Name,
		set.Routes[0].Priority, set.Routes[0].Match.CalledPrefix, set.Routes[0].Match.CallerPrefix)
	if want := "[408 0503 transport] 1400 90s 1 7 0033 +44\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Decoding into a value that has something in it changes what is present.
func TestPatch(t *testing.T) {
	before := policy.NewTrunk("pbx")
	before.Gateways = []policy.Gateway{
		{URI: "sip:192.0.2.1", Priority: 5, Weight: 9, Enabled: false},
		{URI: "sip:192.0.2.2", Priority: 6, Weight: 8, Enabled: true},
	}
	before.Limits = policy.Limits{MaxCalls: 10, MaxCPS: 5}
	before.MTU = "1400"
	before.HuntOn = []string{"503"}
	trunk := before
	err := json.Unmarshal([]byte(`{"enabled": false, "mtu": null, "limits": {"max_cps": 7}, "hunt_on": null,
		"gateways": [{"uri": "sip:192.0.2.9"}]}`), &trunk)
	if err != nil {
		t.Fatal(err)
	}
	want := before
	want.Enabled = false
	want.MTU = "1300"                    // null is the default
	want.HuntOn = policy.DefaultHuntOn() // also for lists
	want.Limits.MaxCPS = 7               // the neighbour stays
	want.Gateways = []policy.Gateway{policy.NewGateway("sip:192.0.2.9")}
	if d := cmp.Diff(want, trunk); d != "" {
		t.Error(d)
	}
	if before.Gateways[0].URI != "sip:192.0.2.1" || before.HuntOn[0] != "503" {
		t.Error("the lists of the value before are written to")
	}
}

// A refused document leaves the value as it was.
func TestRefusedPatchChangesNothing(t *testing.T) {
	route := policy.NewRoute("r")
	want := route
	if err := json.Unmarshal([]byte(`{"priority": 5, "matched": {}}`), &route); err == nil {
		t.Fatal("accepted")
	}
	if d := cmp.Diff(want, route); d != "" {
		t.Error(d)
	}
}

func TestEveryTypeHasItsDefaults(t *testing.T) {
	check := func(got, want any) {
		t.Helper()
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
	for name, unmarshal := range map[string]func([]byte, any) error{"json": json.Unmarshal, "yaml": yaml.Unmarshal} {
		var (
			a  policy.Account
			tr policy.Trunk
			g  policy.Gateway
			r  policy.Route
			rt policy.RouteTarget
			s  policy.Set
		)
		for _, v := range []any{&a, &tr, &g, &r, &rt, &s} {
			if err := unmarshal([]byte(`{}`), v); err != nil {
				t.Errorf("%s %T: %v", name, v, err)
			}
		}
		check(a, policy.NewAccount(""))
		check(tr, policy.NewTrunk(""))
		check(g, policy.NewGateway(""))
		check(r, policy.NewRoute(""))
		check(rt, policy.NewRouteTarget(""))
		check(s, policy.Set{Accounts: []policy.Account{}, Trunks: []policy.Trunk{}, Routes: []policy.Route{}})
	}
}

// faultsOf returns the faults of a refused document as lines.
func faultsOf(t *testing.T, err error) []string {
	t.Helper()
	var fe *policy.FaultError
	if !errors.As(err, &fe) {
		t.Fatalf("not a FaultError: %v", err)
	}
	var lines []string
	for _, f := range fe.Faults {
		lines = append(lines, f.String())
	}
	return lines
}

func TestDecodingTellsEveryFault(t *testing.T) {
	doc := `{"revison": 1, "accounts": {}, "trunks": [
		{"name": "pbx", "gateways": [{"url": "sip:x", "weight": "1", "priority": 1.5}, 7], "enabled": "yes", "ring_timeout": 60},
		{"sources": ["x", 1], "enabled": true, "enabled": false, "limits": {"max": 1}},
		null
	], "routes": [{"name": "r", "Priority": 5, "match": [], "created_at": "yesterday"}]}`
	want := []string{
		`policy: revison: is no field here; the fields are revision, accounts, trunks, routes`,
		`policy: accounts: must be a list`,
		`trunk "pbx": gateways[0].url: is no field here; the fields are uri, priority, weight, enabled`,
		`trunk "pbx": gateways[0].weight "1": must be a whole number`,
		`trunk "pbx": gateways[0].priority "1.5": must be a whole number`,
		`trunk "pbx": gateways[1] "7": must be an object`,
		`trunk "pbx": enabled "yes": must be true or false`,
		`trunk "pbx": ring_timeout "60": must be text`,
		`trunk: trunks[1].sources[1] "1": must be text`,
		`trunk: trunks[1].enabled: is given twice`,
		`trunk: trunks[1].limits.max: is no field here; the fields are max_calls, max_cps`,
		`trunk: trunks[2]: must be an object`,
		`route "r": Priority: is no field here; the fields are route_id, name, enabled, priority, match, targets, created_at, updated_at`,
		`route "r": match: must be an object`,
	}
	_, err := policy.ParseJSON([]byte(doc))
	got := faultsOf(t, err)
	if len(got) != len(want)+1 {
		t.Fatalf("%d faults, want %d:\n%s", len(got), len(want)+1, strings.Join(got, "\n"))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("fault %d:\n got %s\nwant %s", i, got[i], want[i])
		}
	}
	if last := got[len(want)]; !strings.HasPrefix(last, `route "r": created_at "yesterday"`) {
		t.Errorf("last fault: %s", last)
	}
}

func TestDocumentsRefusedAsAWhole(t *testing.T) {
	deep := strings.Repeat(`[`, 100) + strings.Repeat(`]`, 100)
	laughs := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'i'; c++ {
		laughs += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c,", c-1), 10), ","))
	}
	for name, tc := range map[string]struct{ json, yaml, says string }{
		"cut off":   {json: `{"trunks": [`, says: "unexpected EOF"},
		"two":       {json: `{} {}`, says: "something follows"},
		"deep":      {json: `{"trunks":` + deep + `}`, says: "nested deeper"},
		"a list":    {json: `[]`, says: "must be an object"},
		"text":      {json: `"x"`, says: "must be an object"},
		"null":      {json: `null`, says: "must be an object"},
		"YAML null": {yaml: "~", says: "must be an object"},
		"comment":   {yaml: "# nothing\n", says: "empty"},
		"two YAML":  {yaml: "{}\n---\n{}\n", says: "something follows"},
		"no YAML":   {yaml: "", says: "empty"},
		"tabs":      {yaml: "\ttrunks:", says: "YAML"},
		"deep YAML": {yaml: "trunks: " + deep, says: "nested deeper"},
		"laughs":    {yaml: laughs, says: "aliases repeat"},
	} {
		var err error
		if tc.json != "" {
			_, err = policy.ParseJSON([]byte(tc.json))
		} else {
			_, err = policy.ParseYAML([]byte(tc.yaml))
		}
		if err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want something with %q", name, err, tc.says)
		}
	}
}

// What is written reads back the same, but for the times that YAML leaves out.
func TestDocumentRoundTrip(t *testing.T) {
	set := richSet()
	data, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	back, err := policy.ParseJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(set, back); d != "" {
		t.Errorf("JSON:\n%s", d)
	}
	data, err = policy.FormatYAML(set)
	if err != nil {
		t.Fatal(err)
	}
	if back, err = policy.ParseYAML(data); err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	for i := range set.Trunks {
		set.Trunks[i].CreatedAt, set.Trunks[i].UpdatedAt = time.Time{}, time.Time{}
	}
	if d := cmp.Diff(set, back); d != "" {
		t.Errorf("YAML:\n%s\n%s", d, data)
	}
}

// FuzzParse: JSON and YAML never panic, agree with their own output, and what
// fails says why.
func FuzzParse(f *testing.F) {
	rich, err := json.Marshal(richSet())
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{`{}`, `null`, string(rich), `{"trunks":[{"name":"a","gateways":[{"uri":1}]}]}`, "trunks: &a [*a]\n", "a: &x {b: *x}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for name, parse := range map[string]func([]byte) (policy.Set, error){"json": policy.ParseJSON, "yaml": policy.ParseYAML} {
			set, err := parse(data)
			if err != nil {
				if err.Error() == "" {
					t.Fatalf("%s: refused without a word", name)
				}
				continue
			}
			out, err := json.Marshal(set)
			if err != nil {
				continue // years beyond 9999 have no JSON
			}
			back, err := policy.ParseJSON(out)
			if err != nil {
				t.Fatalf("%s: does not read back: %v\n%s", name, err, out)
			}
			again, err := json.Marshal(back)
			if err != nil || string(again) != string(out) {
				t.Fatalf("%s: changes on the way:\n%s\n%s (%v)", name, out, again, err)
			}
			policy.Compile(set)
		}
	})
}
