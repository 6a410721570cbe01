package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// ParseJSON reads a whole policy document. Absent lists are empty; null is no
// document. The error is a [*FaultError] when the document is JSON but not a
// policy. It does not compile the set.
func ParseJSON(data []byte) (Set, error) {
	var set Set
	e, err := parseJSON(data)
	if err == nil {
		err = decode(&e, &set)
	}
	return set, err
}

// ParseYAML is [ParseJSON] for YAML: one document, unquoted digits are text
// where text is wanted.
func ParseYAML(data []byte) (Set, error) {
	var set Set
	var root yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	switch err := dec.Decode(&root); {
	case errors.Is(err, io.EOF):
		return set, errors.New("YAML: the document is empty")
	case err != nil:
		return set, fmt.Errorf("YAML: %w", err)
	}
	if err := dec.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return set, errors.New("YAML: something follows the document")
	}
	err := decodeYAML(&root, &set)
	return set, err
}

// FormatYAML writes a whole policy document that [ParseYAML] reads back.
// Times are left out: they are the store's.
func FormatYAML(set Set) ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(set.clone()); err != nil {
		return nil, fmt.Errorf("YAML: %w", err)
	}
	return b.Bytes(), enc.Close()
}
