package cdr

import (
	"encoding/json"
	"unicode/utf8"
)

// text appends a string. Quotes and backslashes are escaped here, as every
// name-addr has the first; what else JSON wants escaped goes through
// encoding/json.
func (e *encoder) text(key, s string) {
	e.raw(key)
	n := plain(s)
	if n == len(s) {
		e.b = append(append(append(e.b, '"'), s...), '"')
		return
	}
	start := len(e.b)
	e.b = append(e.b, '"')
	for n < len(s) && (s[n] == '"' || s[n] == '\\') {
		e.b = append(append(e.b, s[:n]...), '\\', s[n])
		s = s[n+1:]
		n = plain(s)
	}
	if n == len(s) {
		e.b = append(append(e.b, s...), '"')
		return
	}
	e.foreign(start, s)
}

// foreign appends what is left of a string that encoding/json must write; the
// part before it stands from start on.
func (e *encoder) foreign(start int, rest string) {
	q, err := json.Marshal(rest)
	if err != nil { // never of a string
		q = []byte(`""`)
	}
	if len(e.b) > start+1 {
		q = q[1:] // the quote is there
	} else {
		e.b = e.b[:start]
	}
	e.b = append(e.b, q...)
}

const (
	eachOctet = 0x0101010101010101
	highBits  = 0x8080808080808080
)

// plain returns how many octets at the beginning of s stand for themselves in
// JSON. It looks at eight at a time.
func plain(s string) int {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		w := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
		quote, slash := w^eachOctet*'"', w^eachOctet*'\\'
		if (w|(w-eachOctet*' ')|(quote-eachOctet)|(slash-eachOctet))&highBits != 0 {
			break // at least one of them does not, or follows one that does not
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return i
		}
	}
	return i
}
