package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// maxDepth bounds how deep lists and dictionaries may be nested.
const maxDepth = 16

// encode writes v as bencode, rtpengine's control format: strings, integers,
// lists and dictionaries whose keys are sorted. It panics on other types: what
// is sent is written in this package.
func encode(v any) string {
	var s strings.Builder
	switch v := v.(type) {
	case string:
		fmt.Fprintf(&s, "%d:%s", len(v), v)
	case int:
		fmt.Fprintf(&s, "i%de", v)
	case []string:
		s.WriteByte('l')
		for _, item := range v {
			s.WriteString(encode(item))
		}
		s.WriteByte('e')
	case map[string]any:
		s.WriteByte('d')
		for _, key := range slices.Sorted(maps.Keys(v)) {
			s.WriteString(encode(key))
			s.WriteString(encode(v[key]))
		}
		s.WriteByte('e')
	default:
		panic(fmt.Sprintf("bencode: %T", v))
	}
	return s.String()
}

// decode reads one bencoded dictionary that fills text: its values are string,
// int, []any and map[string]any.
func decode(text string) (map[string]any, error) {
	d := decoder{rest: text}
	v, err := d.value(0)
	if err != nil {
		return nil, fmt.Errorf("bencode: at byte %d of %d: %w", len(text)-len(d.rest), len(text), err)
	}
	dictionary, ok := v.(map[string]any)
	if !ok || d.rest != "" {
		return nil, fmt.Errorf("bencode: want one dictionary, got %T and %d bytes more", v, len(d.rest))
	}
	return dictionary, nil
}

// A decoder holds what has not been read yet.
type decoder struct{ rest string }

var errShort = errors.New("it ends too early")

func (d *decoder) value(depth int) (any, error) {
	switch {
	case d.rest == "":
		return nil, errShort
	case depth > maxDepth:
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	switch d.rest[0] {
	case 'i':
		d.rest = d.rest[1:]
		return d.number('e')
	case 'l':
		d.rest = d.rest[1:]
		list := []any{}
		for {
			if d.end() {
				return list, nil
			}
			v, err := d.value(depth + 1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
	case 'd':
		d.rest = d.rest[1:]
		return d.dictionary(depth + 1)
	default:
		return d.text()
	}
}

// dictionary reads up to the end of a dictionary that has begun.
func (d *decoder) dictionary(depth int) (map[string]any, error) {
	dictionary := map[string]any{}
	for !d.end() {
		key, err := d.text()
		if err != nil {
			return nil, err
		}
		if dictionary[key], err = d.value(depth); err != nil {
			return nil, err
		}
	}
	return dictionary, nil
}

// end takes the end of a list or dictionary, if it is next.
func (d *decoder) end() bool {
	rest, ok := strings.CutPrefix(d.rest, "e")
	d.rest = rest
	return ok
}

func (d *decoder) text() (string, error) {
	n, err := d.number(':')
	if err != nil {
		return "", err
	}
	if n < 0 || n > len(d.rest) {
		return "", errShort
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s, nil
}

// number reads decimal digits up to the byte end.
func (d *decoder) number(end byte) (int, error) {
	digits, rest, ok := strings.Cut(d.rest, string(end))
	if !ok {
		return 0, errShort
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0, err
	}
	d.rest = rest
	return n, nil
}
