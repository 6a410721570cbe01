package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// A document arrives as JSON or YAML, becomes a tree of elements (this file),
// and the tree becomes objects (decode.go). One tree for both, so that both
// have the same defaults, the same strictness and the same faults.

// Bounds of a document's shape; its values are bounded where they are checked.
const (
	maxDepth        = 32      // nesting; the deepest legal document has 6
	maxAliasedNodes = 100_000 // elements that YAML aliases may repeat
)

type elementKind uint8

const (
	nullElement elementKind = iota
	boolElement
	numberElement
	textElement
	listElement
	objectElement
)

// An element is one value of a document.
type element struct {
	kind  elementKind
	text  string // of a scalar, as it was written
	loose bool   // from YAML: a scalar may be read as text whatever it looks like
	keys  []string
	items []element // values of keys, or the elements of a list
}

// isText reports whether e can be read as text. YAML's 33 and true are text
// where text is wanted: nobody quotes a called_prefix.
func (e *element) isText() bool {
	return e.kind == textElement || e.loose && (e.kind == numberElement || e.kind == boolElement)
}

// parseJSON reads one JSON value and refuses anything after it.
func parseJSON(data []byte) (element, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	e, err := jsonElement(dec, 0)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return e, fmt.Errorf("JSON at offset %d: %w", dec.InputOffset(), err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return e, fmt.Errorf("JSON at offset %d: something follows the document", dec.InputOffset())
	}
	return e, nil
}

func jsonElement(dec *json.Decoder, depth int) (element, error) {
	if depth > maxDepth {
		return element{}, fmt.Errorf("is nested deeper than %d levels", maxDepth)
	}
	token, err := dec.Token()
	if err != nil {
		return element{}, err
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '[' {
			return jsonList(dec, depth)
		}
		return jsonObject(dec, depth)
	case string:
		return element{kind: textElement, text: v}, nil
	case json.Number:
		return element{kind: numberElement, text: v.String()}, nil
	case bool:
		return element{kind: boolElement, text: fmt.Sprint(v)}, nil
	}
	return element{kind: nullElement}, nil
}

func jsonList(dec *json.Decoder, depth int) (element, error) {
	e := element{kind: listElement}
	for dec.More() {
		item, err := jsonElement(dec, depth+1)
		if err != nil {
			return e, err
		}
		e.items = append(e.items, item)
	}
	_, err := dec.Token()
	return e, err
}

func jsonObject(dec *json.Decoder, depth int) (element, error) {
	e := element{kind: objectElement}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return e, err
		}
		item, err := jsonElement(dec, depth+1)
		if err != nil {
			return e, err
		}
		e.keys = append(e.keys, key.(string))
		e.items = append(e.items, item)
	}
	_, err := dec.Token()
	return e, err
}

// yamlElement reads a YAML node. Budget is how many elements aliases may
// still produce: without it a few lines could unfold into gigabytes.
func yamlElement(n *yaml.Node, depth int, aliased bool, budget *int) (element, error) {
	if depth > maxDepth {
		return element{}, fmt.Errorf("line %d: is nested deeper than %d levels", n.Line, maxDepth)
	}
	if aliased {
		if *budget--; *budget < 0 {
			return element{}, fmt.Errorf("line %d: aliases repeat more than %d elements", n.Line, maxAliasedNodes)
		}
	}
	e := element{loose: true, text: n.Value}
	switch n.Kind {
	case yaml.DocumentNode:
		return yamlElement(n.Content[0], depth, aliased, budget)
	case yaml.AliasNode:
		return yamlElement(n.Alias, depth+1, true, budget)
	case yaml.MappingNode:
		e.kind = objectElement
	case yaml.SequenceNode:
		e.kind = listElement
	default:
		e.kind = yamlScalarKind(n)
		return e, nil
	}
	for i, child := range n.Content {
		if e.kind == objectElement && i%2 == 0 {
			e.keys = append(e.keys, child.Value)
			continue
		}
		item, err := yamlElement(child, depth+1, aliased, budget)
		if err != nil {
			return e, err
		}
		e.items = append(e.items, item)
	}
	return e, nil
}

func yamlScalarKind(n *yaml.Node) elementKind {
	switch n.ShortTag() {
	case "!!null":
		return nullElement
	case "!!bool":
		return boolElement
	case "!!int", "!!float":
		return numberElement
	}
	return textElement
}
