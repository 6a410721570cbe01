package sdp

import (
	"slices"
	"strings"
)

// This file has the operations on plain lines, "x=value" without line end, that
// the rest of the package is made of.

// blank is what separates fields. RFC 8866 knows only the space; some phones
// write tabs, and a peer may read them as a separator.
const blank = " \t"

// nextField cuts the next field off value; field is "" when there is none.
func nextField(value string) (field, rest string) {
	value = strings.TrimLeft(value, blank)
	if i := strings.IndexAny(value, blank); i >= 0 {
		return value[:i], value[i+1:]
	}
	return value, ""
}

func appendLines(b []byte, lines []string) []byte {
	for _, line := range lines {
		b = append(b, line...)
		b = append(b, '\r', '\n')
	}
	return b
}

// indexType returns the index of the first line of a type, or -1.
func indexType(lines []string, kind byte) int {
	for i, line := range lines {
		if line[0] == kind {
			return i
		}
	}
	return -1
}

// setLine replaces the first line of the new line's type where it stands and
// drops further ones of that type. When there is none it inserts the line
// after the leading lines whose type is in after, which is how the grammar
// orders lines (RFC 8866 §9).
func setLine(lines []string, line, after string) []string {
	i := indexType(lines, line[0])
	if i < 0 {
		return insertAfter(lines, line, after)
	}
	lines[i] = line
	return append(lines[:i+1], slices.DeleteFunc(lines[i+1:], func(l string) bool { return l[0] == line[0] })...)
}

func insertAfter(lines []string, line, after string) []string {
	i := 0
	for i < len(lines) && strings.IndexByte(after, lines[i][0]) >= 0 {
		i++
	}
	return slices.Insert(lines, i, line)
}

// removeTypes drops all lines whose type is in kinds.
func removeTypes(lines []string, kinds string) []string {
	return slices.DeleteFunc(lines, func(line string) bool {
		return strings.IndexByte(kinds, line[0]) >= 0
	})
}

// attributeOf splits an a= line into name and value, without trailing blanks;
// ok is false for a line of another type.
func attributeOf(line string) (name, value string, ok bool) {
	if line[0] != 'a' {
		return "", "", false
	}
	name, value, _ = strings.Cut(strings.TrimRight(line[2:], blank), ":")
	return name, value, true
}

func isAttribute(line, name string) bool {
	n, _, ok := attributeOf(line)
	return ok && n == name
}

func attribute(lines []string, name string) (value string, ok bool) {
	for _, line := range lines {
		if n, v, isAttr := attributeOf(line); isAttr && n == name {
			return v, true
		}
	}
	return "", false
}

func attributes(lines []string, name string) []string {
	var values []string
	for _, line := range lines {
		if n, v, ok := attributeOf(line); ok && n == name {
			values = append(values, v)
		}
	}
	return values
}

// setAttribute replaces the first a= line of that name where it stands, drops
// further ones, and appends the line when there was none.
func setAttribute(lines []string, name, line string) []string {
	for i := range lines {
		if isAttribute(lines[i], name) {
			lines[i] = line
			return append(lines[:i+1], removeAttribute(lines[i+1:], name)...)
		}
	}
	return append(lines, line)
}

func removeAttribute(lines []string, name string) []string {
	return slices.DeleteFunc(lines, func(line string) bool { return isAttribute(line, name) })
}
