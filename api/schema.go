package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"b2bua/cdr"
	"b2bua/policy"
)

const schemaPrefix = "#/components/schemas/"

// schemas holds every schema of the API. What clients read is described by
// the Go types themselves; what they send is derived from those, so that the
// two cannot drift apart:
//
//	Trunk       as it is read: every property always there
//	TrunkInput  as it is created: no property of the server's, defaults filled in
//	TrunkPatch  a merge patch: everything may be left out, null means the default
//	TrunkEntry  inside a policy document: TrunkInput with its id
type schemas struct {
	registry huma.Registry
}

// kind is what must be known of a Go type to derive what clients send from
// what they read.
type kind struct {
	zero     any      // a value with every default
	required []string // properties without a default; a list among them must not be empty
	id       string   // the property that holds its id, empty when it has none
}

func kinds() map[string]kind {
	return map[string]kind{
		"Account":      {zero: policy.NewAccount(""), required: []string{"name"}, id: "account_id"},
		"Trunk":        {zero: policy.NewTrunk(""), required: []string{"name"}, id: "trunk_id"},
		"Route":        {zero: policy.NewRoute(""), required: []string{"name", "targets"}, id: "route_id"},
		"Gateway":      {zero: policy.NewGateway(""), required: []string{"uri"}},
		"RouteTarget":  {zero: policy.NewRouteTarget(""), required: []string{"trunk"}},
		"HeaderPolicy": {zero: policy.NewTrunk("").HeaderPolicy},
		"Limits":       {zero: policy.Limits{}},
		"Match":        {zero: policy.Match{}},
	}
}

func newSchemas() *schemas {
	r := huma.NewMapRegistry(schemaPrefix, schemaName)
	r.RegisterTypeAlias(reflect.TypeFor[policy.Duration](), reflect.TypeFor[durationText]())
	s := &schemas{registry: r}
	for _, t := range []reflect.Type{
		reflect.TypeFor[policy.Set](), reflect.TypeFor[policy.Explanation](), reflect.TypeFor[policy.Diff](), reflect.TypeFor[cdr.Record](),
	} {
		r.Schema(t, true, "")
	}
	for _, name := range []string{"Account", "Trunk", "Route"} {
		s.deriveInput(name)
		s.derivePatch(name)
		s.deriveEntry(name)
	}
	s.deriveDocument()
	return s
}

// schemaName names the schemas that go by another name than their Go type.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[policy.Set]():
		return "Policy"
	case reflect.TypeFor[cdr.Record]():
		return "CDR"
	}
	name := huma.DefaultSchemaNamer(t, hint)
	if item, ok := strings.CutPrefix(name, "Page"); ok {
		if item == "Record" {
			item = "CDR"
		}
		return item + "Page"
	}
	return name
}

// durationText describes [policy.Duration].
type durationText struct{}

// Schema describes what time.ParseDuration reads.
func (durationText) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeString, Description: "A duration with its unit",
		Pattern: `^(0|([0-9]+(\.[0-9]+)?(ms|s|m|h))+)$`, PatternDescription: "a duration with its unit, such as 60s or 1m30s",
		Examples: []any{"60s"},
	}
}

func (s *schemas) component(name string) *huma.Schema {
	c := s.registry.Map()[name]
	if c == nil {
		panic("api: there is no schema " + name) // a slip in this package, seen by every test
	}
	return c
}

func (s *schemas) add(name string, schema *huma.Schema) *huma.Schema {
	schema.PrecomputeMessages()
	s.registry.Map()[name] = schema
	return ref(name)
}

func ref(name string) *huma.Schema { return &huma.Schema{Ref: schemaPrefix + name} }

// serverSet names the properties that only the server writes.
func serverSet(k kind) []string {
	if k.id == "" {
		return nil
	}
	return []string{k.id, "created_at", "updated_at"}
}

// deriveInput makes nameInput: read-only what the server sets, everything else
// required or with a default.
func (s *schemas) deriveInput(name string) *huma.Schema {
	if s.registry.Map()[name+"Input"] != nil {
		return ref(name + "Input")
	}
	k, ok := kinds()[name]
	if !ok {
		panic("api: the defaults of " + name + " are not known")
	}
	defaults := defaultsOf(k.zero)
	read := s.component(name)
	out := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Properties: map[string]*huma.Schema{}, Required: k.required}
	for property, was := range read.Properties {
		if slices.Contains(serverSet(k), property) {
			p := *was
			p.ReadOnly, p.Description = true, "Ignored: the server sets it"
			out.Properties[property] = &p
			continue
		}
		p := s.written(was)
		switch {
		case !slices.Contains(k.required, property):
			p.Default = defaults[property]
		case p.Type == huma.TypeArray:
			p.MinItems = new(1)
		}
		out.Properties[property] = p
	}
	return s.add(name+"Input", out)
}

// written is how a property that is read as was is sent.
func (s *schemas) written(was *huma.Schema) *huma.Schema {
	p := *was
	if component, ok := strings.CutPrefix(was.Ref, schemaPrefix); ok {
		p.Ref = s.deriveInput(component).Ref
	}
	if was.Items != nil {
		p.Items = s.written(was.Items)
	}
	return &p
}

// derivePatch makes namePatch: nameInput with nothing required, no defaults,
// and null everywhere. What lists consist of is given whole.
func (s *schemas) derivePatch(name string) {
	from := s.component(name + "Input")
	out := &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: false, Properties: map[string]*huma.Schema{},
		Description: "A merge patch (RFC 7396): what is left out stays, null sets the default, lists are replaced whole",
	}
	for property, was := range from.Properties {
		p := *was
		p.Default = nil
		if !p.ReadOnly && !slices.Contains(from.Required, property) {
			p.Nullable = true
		}
		if p.Enum != nil {
			p.Enum = append(slices.Clone(p.Enum), nil)
		}
		if component, ok := strings.CutPrefix(was.Ref, schemaPrefix); ok {
			base := strings.TrimSuffix(component, "Input")
			s.derivePatch(base)
			p = *s.component(base + "Patch")
			p.Nullable = true
		}
		out.Properties[property] = &p
	}
	s.add(name+"Patch", out)
}

// deriveEntry makes nameEntry for a policy document, where an object may bring
// its id: nameInput without a read-only id.
func (s *schemas) deriveEntry(name string) {
	from := s.component(name + "Input")
	out := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Properties: map[string]*huma.Schema{}, Required: from.Required}
	id := kinds()[name].id
	for property, was := range from.Properties {
		p := *was
		if property == id {
			p.ReadOnly, p.Default = false, ""
			p.Description = "Left out: that of the object of this name, or a new one"
		}
		out.Properties[property] = &p
	}
	s.add(name+"Entry", out)
}

// deriveDocument makes PolicyInput, the document that PUT /v1/policy takes.
func (s *schemas) deriveDocument() {
	list := func(name string) *huma.Schema {
		return &huma.Schema{Type: huma.TypeArray, Items: ref(name), Default: []any{}}
	}
	s.add("PolicyInput", &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: false,
		Description: "The whole policy. What it does not name is removed.",
		Properties: map[string]*huma.Schema{
			"revision": {
				Type: huma.TypeInteger, Format: "int64", Minimum: new(float64),
				Description: "Of the policy that the document was made from: when it is another by now, the document is refused (409). " +
					"0, or left out, is good for any",
			},
			"accounts": list("AccountEntry"),
			"trunks":   list("TrunkEntry"),
			"routes":   list("RouteEntry"),
		},
	})
}

// finish makes the read schemas, once all operations have named theirs, say
// two things that huma does not: where null stands, and that properties may be
// added later.
func (s *schemas) finish() {
	delete(s.registry.Map(), "ErrorModel") // huma's own problem, which fromHuma replaces
	delete(s.registry.Map(), "ErrorDetail")
	for name, component := range s.registry.Map() {
		t := s.registry.TypeFromRef(schemaPrefix + name)
		if t == nil || t == reflect.TypeFor[simulatedCall]() || t == reflect.TypeFor[hangupRequest]() {
			continue // what clients send
		}
		component.AdditionalProperties = nil
		for _, f := range reflect.VisibleFields(t) {
			allowNull(component, f)
		}
	}
}

// allowNull corrects the property of a pointer: to a struct, which huma
// describes as the struct, or with an enumeration.
func allowNull(component *huma.Schema, f reflect.StructField) {
	property, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	p := component.Properties[property]
	switch {
	case p == nil || f.Type.Kind() != reflect.Pointer:
	case p.Ref != "":
		component.Properties[property] = &huma.Schema{
			Description: p.Description,
			AnyOf:       []*huma.Schema{{Ref: p.Ref}, {Type: "null"}},
		}
	case p.Enum != nil && p.Nullable:
		p.Enum = append(p.Enum, nil)
	}
}

// defaultsOf returns the properties of v as JSON has them.
func defaultsOf(v any) map[string]any {
	raw, err := json.Marshal(v)
	if err == nil {
		var out map[string]any
		if err = json.Unmarshal(raw, &out); err == nil {
			return out
		}
	}
	panic(fmt.Sprintf("api: %T is no JSON object: %v", v, err)) // a slip in this package, seen by every test
}
