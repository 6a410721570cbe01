package store

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// What strangers send goes into text columns: Postgres takes neither NUL nor
// invalid UTF-8, SQLite takes both. Each such octet becomes U+FFFD, as it does
// in JSON, so that both databases hold and compare the same, and a record is
// the same whether it came through the journal or not.

// text returns s as a database keeps it.
func text(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune { // sees U+FFFD for every invalid octet
		if r == 0 {
			return utf8.RuneError
		}
		return r
	}, s)
}

// textOf is text for what may not have happened.
func textOf[T ~string](s *T) any {
	if s == nil {
		return nil
	}
	return text(string(*s))
}

// intOf is a number that may not have happened, as an argument.
func intOf[T int | int64](n *T) any {
	if n == nil {
		return nil
	}
	return int64(*n)
}

// jsonText returns v as JSON that both databases take.
func jsonText(v any) (string, error) {
	b, err := json.Marshal(v) // makes invalid UTF-8 valid
	if err != nil {
		return "", err
	}
	return string(withoutNUL(b)), nil
}

// withoutNUL replaces the escape of NUL, which jsonb refuses, in JSON text.
func withoutNUL(b []byte) []byte {
	if !bytes.Contains(b, []byte(`\u0000`)) {
		return b
	}
	for i := 0; i+5 < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		if string(b[i+1:i+6]) == "u0000" {
			copy(b[i+2:], "fffd")
		}
		i++ // what is escaped is no backslash of its own
	}
	return b
}
