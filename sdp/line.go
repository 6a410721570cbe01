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
	start := 0
	for start < len(value) && isBlank(value[start]) {
		start++
	}
	end := start
	for end < len(value) && !isBlank(value[end]) {
		end++
	}
	if end == len(value) {
		return value[start:], ""
	}
	return value[start:end], value[end+1:]
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func trimRight(s string) string {
	for s != "" && isBlank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func appendLines(b []byte, lines []string) []byte {
	for _, line := range lines {
		b = append(b, line...)
		b = append(b, '\r', '\n')
	}
	return b
}

// cutLines cuts lines with CRLF ends off the front of text; ok is false when it
// does not begin with them.
func cutLines(text string, lines []string) (rest string, ok bool) {
	for _, line := range lines {
		n := len(line)
		if len(text) < n+2 || text[:n] != line || text[n:n+2] != "\r\n" {
			return text, false
		}
		text = text[n+2:]
	}
	return text, true
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
	name = trimRight(line[2:])
	if i := strings.IndexByte(name, ':'); i >= 0 {
		name, value = name[:i], name[i+1:]
	}
	return name, value, true
}

// isAttribute reports whether attributeOf names the line so.
func isAttribute(line, name string) bool {
	if line[0] != 'a' || !strings.HasPrefix(line[2:], name) {
		return false
	}
	rest := line[2+len(name):]
	return rest == "" || rest[0] == ':' || trimRight(rest) == ""
}

func attribute(lines []string, name string) (value string, ok bool) {
	for _, line := range lines {
		if isAttribute(line, name) {
			_, value, ok = attributeOf(line)
			return value, ok
		}
	}
	return "", false
}

func attributes(lines []string, name string) []string {
	var values []string
	for _, line := range lines {
		if isAttribute(line, name) {
			_, value, _ := attributeOf(line)
			values = append(values, value)
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
