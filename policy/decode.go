package policy

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// How JSON and YAML become objects: UnmarshalJSON and UnmarshalYAML → decode →
// decoder.value, which goes down the element and the Go value together. The
// fields and their names are those of the json tags.
//
// One rule serves documents, POST and PATCH. Decoded into its zero value, an
// object starts from its defaults ([NewTrunk] and so on). Decoded into any
// other value, the fields that are present change and the rest stay
// (RFC 7396): a list is replaced as a whole, null puts the default back. What
// fails to decode leaves the value as it was. Unknown and repeated fields are
// faults; all faults are reported together, as a [*FaultError].

// UnmarshalJSON implements [json.Unmarshaler]: the whole set is replaced.
func (s *Set) UnmarshalJSON(data []byte) error { *s = Set{}; return decodeJSON(data, s) }

// UnmarshalYAML implements [yaml.Unmarshaler]: the whole set is replaced.
func (s *Set) UnmarshalYAML(n *yaml.Node) error { *s = Set{}; return decodeYAML(n, s) }

// UnmarshalJSON implements [json.Unmarshaler]. Absent fields take the values
// of [NewAccount] when a is zero, else they stay.
func (a *Account) UnmarshalJSON(data []byte) error { return decodeJSON(data, a) }

// UnmarshalYAML is UnmarshalJSON for YAML.
func (a *Account) UnmarshalYAML(n *yaml.Node) error { return decodeYAML(n, a) }

// UnmarshalJSON implements [json.Unmarshaler]. Absent fields take the values
// of [NewTrunk] when t is zero, else they stay.
func (t *Trunk) UnmarshalJSON(data []byte) error { return decodeJSON(data, t) }

// UnmarshalYAML is UnmarshalJSON for YAML.
func (t *Trunk) UnmarshalYAML(n *yaml.Node) error { return decodeYAML(n, t) }

// UnmarshalJSON implements [json.Unmarshaler]. Absent fields take the values
// of [NewGateway] when g is zero, else they stay.
func (g *Gateway) UnmarshalJSON(data []byte) error { return decodeJSON(data, g) }

// UnmarshalYAML is UnmarshalJSON for YAML.
func (g *Gateway) UnmarshalYAML(n *yaml.Node) error { return decodeYAML(n, g) }

// UnmarshalJSON implements [json.Unmarshaler]. Absent fields take the values
// of [NewRoute] when r is zero, else they stay.
func (r *Route) UnmarshalJSON(data []byte) error { return decodeJSON(data, r) }

// UnmarshalYAML is UnmarshalJSON for YAML.
func (r *Route) UnmarshalYAML(n *yaml.Node) error { return decodeYAML(n, r) }

// UnmarshalJSON implements [json.Unmarshaler]. Absent fields take the values
// of [NewRouteTarget] when t is zero, else they stay.
func (t *RouteTarget) UnmarshalJSON(data []byte) error { return decodeJSON(data, t) }

// UnmarshalYAML is UnmarshalJSON for YAML.
func (t *RouteTarget) UnmarshalYAML(n *yaml.Node) error { return decodeYAML(n, t) }

func decodeJSON(data []byte, dst any) error {
	e, err := parseJSON(data)
	if err != nil {
		return err
	}
	if e.kind == nullElement {
		return nil // by convention of encoding/json
	}
	return decode(&e, dst)
}

func decodeYAML(n *yaml.Node, dst any) error {
	budget := maxAliasedNodes
	e, err := yamlElement(n, 0, false, &budget)
	if err != nil {
		return err
	}
	return decode(&e, dst)
}

// decode reads e into the object dst points to.
func decode(e *element, dst any) error {
	v := reflect.ValueOf(dst).Elem()
	work := reflect.New(v.Type()).Elem()
	work.Set(v)
	if v.IsZero() {
		work.Set(fresh(v.Type()))
	}
	d := decoder{object: objectName(v.Type()), names: map[reflect.Type][]string{}}
	if e.kind != objectElement {
		d.fault("", e, "must be an object")
	} else {
		d.name = nameOf(e)
		d.structure(e, work, fresh(v.Type()), "")
	}
	if len(d.faults) > 0 {
		return &FaultError{Faults: d.faults}
	}
	v.Set(work)
	return nil
}

// fresh returns the value that a type has before anything is decoded.
func fresh(t reflect.Type) reflect.Value {
	switch t {
	case reflect.TypeFor[Account]():
		return reflect.ValueOf(NewAccount(""))
	case reflect.TypeFor[Trunk]():
		return reflect.ValueOf(NewTrunk(""))
	case reflect.TypeFor[Gateway]():
		return reflect.ValueOf(NewGateway(""))
	case reflect.TypeFor[Route]():
		return reflect.ValueOf(NewRoute(""))
	case reflect.TypeFor[RouteTarget]():
		return reflect.ValueOf(NewRouteTarget(""))
	case reflect.TypeFor[Set]():
		return reflect.ValueOf(Set{Accounts: []Account{}, Trunks: []Trunk{}, Routes: []Route{}})
	}
	return reflect.Zero(t)
}

// objectName returns what faults call a type that is an object of its own,
// "" for a part of one.
func objectName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[Set]():
		return "policy"
	case reflect.TypeFor[Account](), reflect.TypeFor[Trunk](), reflect.TypeFor[Route](),
		reflect.TypeFor[Gateway]():
		return strings.ToLower(t.Name())
	case reflect.TypeFor[RouteTarget]():
		return "target"
	}
	return ""
}

// nameOf returns the name that an object gives itself.
func nameOf(e *element) string {
	for i, key := range e.keys {
		if key == "name" && e.items[i].kind == textElement {
			return e.items[i].text
		}
	}
	return ""
}

// A decoder collects the faults of one document. Object and name say whose
// fields are being read.
type decoder struct {
	object, name string
	faults       []Fault
	names        map[reflect.Type][]string // json names of fields, by type
}

func (d *decoder) fault(path string, e *element, message string) {
	if len(d.faults) < maxFaults {
		d.faults = append(d.faults, Fault{Object: d.object, Name: cut(d.name), Field: path, Value: cut(e.text), Message: message})
	}
}

// structure reads an object into dst; def has the values that null stands for.
func (d *decoder) structure(e *element, dst, def reflect.Value, path string) {
	names := d.fieldNames(dst.Type())
	seen := make([]bool, len(names))
	for i, key := range e.keys {
		item, at := &e.items[i], join(path, key)
		field := slices.Index(names, key)
		switch {
		case field < 0:
			d.fault(cut(at), &element{}, "is no field here; the fields are "+strings.Join(names, ", "))
		case seen[field]:
			d.fault(at, &element{}, "is given twice")
		case item.kind == nullElement:
			dst.Field(field).Set(def.Field(field))
		default:
			d.value(item, dst.Field(field), def.Field(field), at)
		}
		if field >= 0 {
			seen[field] = true
		}
	}
}

// value reads e into dst, whatever its type.
func (d *decoder) value(e *element, dst, def reflect.Value, path string) {
	if u, ok := reflect.TypeAssert[encoding.TextUnmarshaler](dst.Addr()); ok {
		if !e.isText() {
			d.fault(path, e, "must be text")
		} else if err := u.UnmarshalText([]byte(e.text)); err != nil {
			d.fault(path, e, err.Error())
		}
		return
	}
	switch dst.Kind() {
	case reflect.Struct:
		if e.kind != objectElement {
			d.fault(path, e, "must be an object")
			return
		}
		d.structure(e, dst, def, path)
	case reflect.Slice:
		d.list(e, dst, path)
	default:
		d.scalar(e, dst, path)
	}
}

// list reads a list into a new slice, each element from its own defaults.
func (d *decoder) list(e *element, dst reflect.Value, path string) {
	if e.kind != listElement {
		d.fault(path, e, "must be a list")
		return
	}
	items := reflect.MakeSlice(dst.Type(), len(e.items), len(e.items))
	outer := *d
	for i := range e.items {
		item, def := &e.items[i], fresh(dst.Type().Elem())
		items.Index(i).Set(def)
		at := fmt.Sprintf("%s[%d]", path, i)
		if name := objectName(dst.Type().Elem()); outer.object == "policy" && name != "" {
			d.object, d.name = name, nameOf(item)
			if d.name != "" {
				at = "" // the name says which
			}
		}
		d.value(item, items.Index(i), def, at)
	}
	d.object, d.name = outer.object, outer.name
	dst.Set(items)
}

func (d *decoder) scalar(e *element, dst reflect.Value, path string) {
	switch dst.Kind() {
	case reflect.String:
		if !e.isText() {
			d.fault(path, e, "must be text")
			return
		}
		dst.SetString(e.text)
	case reflect.Bool:
		if e.kind != boolElement {
			d.fault(path, e, "must be true or false")
			return
		}
		dst.SetBool(strings.EqualFold(e.text, "true"))
	case reflect.Int, reflect.Int64:
		v, err := strconv.ParseInt(e.text, 10, 64)
		if e.kind != numberElement || err != nil {
			d.fault(path, e, "must be a whole number")
			return
		}
		dst.SetInt(v)
	default:
		panic("policy: no decoding for " + dst.Type().String())
	}
}

// fieldNames returns the json names of a struct's fields, in order.
func (d *decoder) fieldNames(t reflect.Type) []string {
	names, ok := d.names[t]
	if !ok {
		for field := range t.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			names = append(names, name)
		}
		d.names[t] = names
	}
	return names
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
