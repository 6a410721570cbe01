package sipmsg

import "strings"

// Text is looked at byte by byte: SIP's grammar is ASCII, and whatever lies above
// is opaque (RFC 3261 §25.1).

// Quote returns s as a quoted string (RFC 3261 §25.1), for a display name.
// Control characters, which no peer should have to unquote, are left out.
func Quote(s string) string {
	b := make([]byte, 0, len(s)+2)
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
	return string(append(b, '"'))
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

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// isTokenChar is token of RFC 3261 §25.1.
func isTokenChar(c byte) bool {
	return isAlnum(c) || strings.IndexByte("-.!%*_+`'~", c) >= 0
}

func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isTokenChar(s[i]) {
			return false
		}
	}
	return s != ""
}

func isParamChar(c byte) bool {
	return isTokenChar(c) || strings.IndexByte("[]/:&$", c) >= 0
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
