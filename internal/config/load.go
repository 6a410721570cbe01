package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Load reads the file at path over the defaults and the B2BUA_… variables of
// environ ("NAME=value", as [os.Environ] gives them) over the file, and
// validates the result. An empty path means no file. The error is an [*Error]
// with every fault, or says why the file cannot be read.
func Load(path string, environ []string) (*Config, error) {
	var data []byte
	if path != "" {
		var err error
		if data, err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("config: %w", err)
		}
	}
	return load(path, data, environ)
}

func load(name string, data []byte, environ []string) (*Config, error) {
	c := Default()
	d := decoder{file: name, where: map[string]string{}}
	d.document(data, reflect.ValueOf(c).Elem())
	d.environment(environ, reflect.ValueOf(c).Elem())
	c.where = d.where
	faults := slices.Concat(d.faults, c.faults())
	if len(faults) > 0 {
		return nil, &Error{Faults: faults}
	}
	return c, nil
}

// A Fault is one thing that is wrong with a configuration.
type Fault struct {
	Key     string // "sip.listen", or the name of a variable when no key is meant
	Where   string // "FILE:LINE" or the variable that set it; "" for a default
	Value   string // what it is, without secrets; may be empty
	Message string // what it must be
}

// String returns the fault on one line.
func (f Fault) String() string {
	var b strings.Builder
	if f.Where != "" && f.Where != f.Key {
		b.WriteString(f.Where + ": ")
	}
	b.WriteString(f.Key + ": ")
	if f.Value != "" {
		fmt.Fprintf(&b, "%q ", f.Value)
	}
	b.WriteString(f.Message)
	return b.String()
}

// Error is every fault of a configuration.
type Error struct {
	Faults []Fault
}

// Error returns one fault per line.
func (e *Error) Error() string {
	lines := make([]string, 0, len(e.Faults)+1)
	lines = append(lines, "config:")
	for _, f := range e.Faults {
		lines = append(lines, f.String())
	}
	if len(e.Faults) == 1 {
		return lines[0] + " " + lines[1]
	}
	return strings.Join(lines, "\n  ")
}

// decoder puts YAML nodes and environment variables into a Config. It goes on
// after a fault, so that one run finds them all.
type decoder struct {
	file   string
	where  map[string]string // key → who set it
	faults []Fault
}

func (d *decoder) fault(f Fault) { d.faults = append(d.faults, f) }

func (d *decoder) at(node *yaml.Node) string { return fmt.Sprintf("%s:%d", d.file, node.Line) }

// document decodes the one YAML document that a file may hold.
func (d *decoder) document(data []byte, into reflect.Value) {
	reader := yaml.NewDecoder(bytes.NewReader(data))
	var root, next yaml.Node
	if err := reader.Decode(&root); errors.Is(err, io.EOF) {
		return
	} else if err != nil {
		d.fault(Fault{Key: d.file, Message: strings.TrimPrefix(err.Error(), "yaml: ")})
		return
	}
	if err := reader.Decode(&next); !errors.Is(err, io.EOF) {
		d.fault(Fault{Key: d.file, Message: "must hold one YAML document"})
	}
	if len(root.Content) == 1 {
		d.value(root.Content[0], into, "")
	}
}

// value decodes node into v, which stands at key.
func (d *decoder) value(node *yaml.Node, v reflect.Value, key string) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind == yaml.ScalarNode && node.Tag == "!!null" {
		return // a key without a value keeps its default
	}
	switch shapeOf(v.Type()) {
	case shapeStruct:
		d.mapping(node, v, key)
	case shapeMap:
		d.namedEntries(node, v, key)
	case shapeStructs:
		d.entries(node, v, key)
	case shapeList:
		d.list(node, v, key)
	default:
		if node.Kind != yaml.ScalarNode {
			d.fault(Fault{Key: key, Where: d.at(node), Message: "must be a single value"})
			return
		}
		d.where[key] = d.at(node)
		if err := setScalar(v, node.Value); err != nil {
			d.fault(Fault{Key: key, Where: d.at(node), Value: node.Value, Message: err.Error()})
		}
	}
}

func (d *decoder) mapping(node *yaml.Node, v reflect.Value, key string) {
	if node.Kind != yaml.MappingNode {
		d.fault(Fault{Key: orFile(key, d.file), Where: d.at(node), Value: node.Value, Message: "must be keys with values"})
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name := node.Content[i]
		child := join(key, name.Value)
		if line, again := seen[name.Value]; again {
			d.fault(Fault{Key: child, Where: d.at(name), Message: fmt.Sprintf("is there twice, first on line %d", line)})
			continue
		}
		seen[name.Value] = name.Line
		field, ok := fieldByKey(v, name.Value)
		if !ok {
			d.fault(Fault{Key: child, Where: d.at(name), Message: "unknown key" + d.suggestKey(v.Type(), key, name.Value)})
			continue
		}
		d.value(node.Content[i+1], field, child)
	}
}

// namedEntries decodes a mapping whose keys are names that the user chooses.
func (d *decoder) namedEntries(node *yaml.Node, v reflect.Value, key string) {
	if node.Kind != yaml.MappingNode {
		d.fault(Fault{Key: key, Where: d.at(node), Value: node.Value, Message: "must be names with values"})
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for i := 0; i+1 < len(node.Content); i += 2 {
		name := node.Content[i]
		child := join(key, name.Value)
		mapKey := reflect.ValueOf(name.Value)
		if v.MapIndex(mapKey).IsValid() {
			d.fault(Fault{Key: child, Where: d.at(name), Message: "is there twice"})
			continue
		}
		entry := reflect.New(v.Type().Elem()).Elem()
		d.where[child] = d.at(name)
		d.value(node.Content[i+1], entry, child)
		v.SetMapIndex(mapKey, entry)
	}
}

// entries decodes a list of structs.
func (d *decoder) entries(node *yaml.Node, v reflect.Value, key string) {
	if node.Kind != yaml.SequenceNode {
		d.fault(Fault{Key: key, Where: d.at(node), Value: node.Value, Message: "must be a list"})
		return
	}
	d.where[key] = d.at(node)
	v.Set(reflect.MakeSlice(v.Type(), len(node.Content), len(node.Content)))
	for i, item := range node.Content {
		child := fmt.Sprintf("%s[%d]", key, i)
		d.where[child] = d.at(item)
		d.value(item, v.Index(i), child)
	}
}

// list decodes a list of scalars.
func (d *decoder) list(node *yaml.Node, v reflect.Value, key string) {
	if node.Kind != yaml.SequenceNode {
		d.fault(Fault{Key: key, Where: d.at(node), Value: node.Value, Message: "must be a list"})
		return
	}
	d.where[key] = d.at(node)
	items := reflect.MakeSlice(v.Type(), 0, len(node.Content))
	for i, item := range node.Content {
		entry := reflect.New(v.Type().Elem()).Elem()
		before := len(d.faults)
		d.value(item, entry, fmt.Sprintf("%s[%d]", key, i))
		if len(d.faults) == before {
			items = reflect.Append(items, entry)
		}
	}
	if items.Len() == len(node.Content) {
		v.Set(items)
	}
}

func orFile(key, file string) string {
	if key == "" {
		return file
	}
	return key
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}
