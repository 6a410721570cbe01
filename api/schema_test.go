package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"b2bua/policy"
)

// What the document says a client may leave out, and what then holds, is what
// the decoder does.
func TestInputSchemasAreTruthful(t *testing.T) {
	t.Parallel()
	a, _ := build(newConfig(t))
	decoders := map[string]func(string) (any, error){
		"Account": decoderOf[policy.Account], "Trunk": decoderOf[policy.Trunk], "Route": decoderOf[policy.Route],
		"Gateway": decoderOf[policy.Gateway], "RouteTarget": decoderOf[policy.RouteTarget],
	}
	for name, decoder := range decoders {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			schema := a.schemas.component(name + "Input")
			given := map[string]any{}
			for _, property := range schema.Required {
				given[property] = "x"
				if schema.Properties[property].Type == huma.TypeArray {
					given[property] = []any{}
				}
			}
			least, err := json.Marshal(given)
			if err != nil {
				t.Fatal(err)
			}
			object, err := decoder(string(least))
			if err != nil {
				t.Fatal(err)
			}
			got := defaultsOf(object)
			for property, p := range schema.Properties {
				switch {
				case p.ReadOnly:
				case slices.Contains(schema.Required, property):
					if p.Default != nil {
						t.Errorf("%s is required and has a default", property)
					}
				case p.Default == nil:
					t.Errorf("%s is neither required nor has a default", property)
				default:
					if diff := cmp.Diff(defaultsOf(map[string]any{"v": p.Default})["v"], got[property]); diff != "" {
						t.Errorf("%s (-document +decoder):\n%s", property, diff)
					}
				}
				delete(got, property)
			}
			if len(got) > 0 {
				t.Errorf("the document lacks %v", got)
			}
			if _, err := decoder(`{"no_such_property": 1}`); err == nil || schema.AdditionalProperties != false {
				t.Errorf("unknown properties: decoder %v, document %v", err, schema.AdditionalProperties)
			}
		})
	}
}

func decoderOf[T any](raw string) (any, error) {
	var out T
	err := json.Unmarshal([]byte(raw), &out)
	return out, err
}

// Null in a patch is what the document says it is: allowed but where a value
// is required.
func TestPatchSchemasAreTruthful(t *testing.T) {
	t.Parallel()
	f := withPolicy(newFixture(t))
	f.must(http.StatusCreated, "POST", "/v1/accounts", `{"name": "acme"}`)
	a, _ := build(newConfig(t))
	for schema, path := range map[string]string{"AccountPatch": "/v1/accounts/acme", "TrunkPatch": "/v1/trunks/carrier", "RoutePatch": "/v1/routes/everything"} {
		for property, p := range a.schemas.component(schema).Properties {
			if p.ReadOnly {
				continue
			}
			w := f.do("PATCH", path, `{"`+property+`": null}`)
			if (w.Code == http.StatusOK) != p.Nullable {
				t.Errorf("%s of %s: nullable %v, status %d: %s", property, schema, p.Nullable, w.Code, w.Body)
			}
		}
	}
}

// Every reference leads somewhere, and every schema is used.
func TestReferencesResolve(t *testing.T) {
	t.Parallel()
	a, _ := build(newConfig(t))
	raw, err := json.Marshal(a.huma.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for i, part := range strings.Split(string(raw), `"$ref":"`+schemaPrefix) {
		if name, _, _ := strings.Cut(part, `"`); i > 0 {
			used[name] = true
			if a.schemas.registry.Map()[name] == nil {
				t.Errorf("%s does not exist", name)
			}
		}
	}
	for name := range a.schemas.registry.Map() {
		if !used[name] && !strings.HasSuffix(name, "Patch") { // those inside a patch stand where they are used
			t.Errorf("%s is not used", name)
		}
	}
}

func TestDurationPattern(t *testing.T) {
	t.Parallel()
	a, _ := build(newConfig(t))
	schema := a.schemas.component("TrunkInput").Properties["ring_timeout"]
	for text, want := range map[string]bool{"60s": true, "1m30s": true, "250ms": true, "1.5h": true, "0": true, "60": false, "": false, "s": false, "1d": false, "-1s": false} {
		var res huma.ValidateResult
		huma.Validate(a.schemas.registry, schema, huma.NewPathBuffer(nil, 0), huma.ModeWriteToServer, text, &res)
		if (len(res.Errors) == 0) != want {
			t.Errorf("%q: %v", text, res.Errors)
		}
	}
}

func newConfig(t *testing.T) Config {
	t.Helper()
	var cfg Config
	newFixture(t, func(c *Config) { cfg = *c })
	return cfg
}
