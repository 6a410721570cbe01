package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// ParseJSON reads a whole policy document. Absent lists are empty. The error
// is a [*FaultError] when the document is JSON but not a policy. It does not
// compile the set.
func ParseJSON(data []byte) (Set, error) {
	var set Set
	if err := json.Unmarshal(data, &set); err != nil {
		return Set{}, err
	}
	return set, nil
}

// ParseYAML is [ParseJSON] for YAML: one document, unquoted digits are text
// where text is wanted.
func ParseYAML(data []byte) (Set, error) {
	var set Set
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&set); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the document is empty")
		}
		return Set{}, fmt.Errorf("YAML: %w", err)
	}
	if err := dec.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return Set{}, errors.New("YAML: something follows the document")
	}
	return set, nil
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
