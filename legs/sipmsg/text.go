package sipmsg

import "strings"

// Text is looked at byte by byte: SIP's grammar is ASCII, and whatever lies above
// is opaque (RFC 3261 §25.1).

// Quote returns s as a quoted string (RFC 3261 §25.1), for a display name.
// Control characters, which no peer should have to unquote, are left out.
func Quote(s string) string {
	return string(appendQuoted(make([]byte, 0, len(s)+2), s))
}

func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ' && c != '\t' || c == 0x7f:
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// Unquote undoes [Quote]: the text inside a quoted string, escapes undone. What
// is not a quoted string is returned as it is.
func Unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}

// quotedLen returns the length of the quoted string at the start of s, both
// quotes included, or 0 when it has no end.
func quotedLen(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

// cutElement cuts the first element off a comma-separated list; commas inside
// quoted strings and angle brackets separate nothing. A quote or bracket that is
// never closed takes the rest.
func cutElement(s string) (element, rest string) {
	if strings.IndexByte(s, ',') < 0 {
		return trim(s), ""
	}
	bracket := false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			if bracket {
				continue
			}
			n := quotedLen(s[i:])
			if n == 0 {
				return trim(s), ""
			}
			i += n - 1
		case '<':
			bracket = true
		case '>':
			bracket = false
		case ',':
			if !bracket {
				return trim(s[:i]), s[i+1:]
			}
		}
	}
	return trim(s), ""
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func trimLeft(s string) string {
	for s != "" && isBlank(s[0]) {
		s = s[1:]
	}
	return s
}

func trimRight(s string) string {
	for s != "" && isBlank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func trim(s string) string { return trimRight(trimLeft(s)) }

// class is a set of the grammar's character classes that a byte belongs to.
type class uint8

const (
	tokenChar class = 1 << iota // token
	paramChar                   // token, and what the URI grammar adds (paramchar)
	valueChar                   // may stand in an unquoted parameter value
	hostChar                    // host names and IPv4 addresses
	userChar                    // unreserved / user-unreserved
	uriChar                     // may stand in a URI: neither blank, control nor angle bracket
	alnumChar
	userInfoChar // may stand in the user part of a URI before its password, for us
)

// classes is RFC 3261 §25.1 in a table; it is only read. The underscore is not
// legal in a host, but stands in names that container networks hand out.
var classes = func() (t [256]class) {
	add := func(chars string, c class) {
		for i := 0; i < len(chars); i++ {
			t[chars[i]] |= c
		}
	}
	const alnum = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	add(alnum, alnumChar|tokenChar|paramChar|hostChar|userChar)
	add("-.!%*_+`'~", tokenChar|paramChar)
	add("[]/:&$", paramChar)
	add(".-_", hostChar)
	add("-_.!~*'()&=+$,;?/", userChar)
	for i := range t {
		if i > ' ' && i != 0x7f && i != '<' && i != '>' {
			t[i] |= uriChar
			if i != '"' && i != ':' {
				t[i] |= userInfoChar
			}
			if i != '"' && i != ',' {
				t[i] |= valueChar
			}
		}
	}
	return t
}()

// all reports whether every byte of s is in the class; the empty string is.
func all(s string, c class) bool {
	for i := 0; i < len(s); i++ {
		if classes[s[i]]&c == 0 {
			return false
		}
	}
	return true
}

func isToken(s string) bool { return s != "" && all(s, tokenChar) }

// span returns how many bytes at the start of s are in the class.
func span(s string, c class) int {
	n := 0
	for n < len(s) && classes[s[n]]&c != 0 {
		n++
	}
	return n
}

// same reports whether a and b differ in nothing but the case of their letters.
// It is inlined: most that are compared differ in length or not at all.
func same(a, b string) bool {
	return len(a) == len(b) && (a == b || strings.EqualFold(a, b))
}

// lower returns s with ASCII letters in lower case; it allocates only when there
// is one to change.
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				b[i] = lowerByte(b[i])
			}
			return string(b)
		}
	}
	return s
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c |= 0x20
	}
	return c
}

// parseUint reads 1*DIGIT up to limit; leading zeros are fine, signs are not.
func parseUint(s string, limit uint64) (uint64, bool) {
	if s == "" {
		return 0, false
	}
	var n uint64
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		if n = n*10 + uint64(s[i]-'0'); n > limit {
			return 0, false
		}
	}
	return n, true
}
