package cdr

import (
	"encoding/json"
	"fmt"
	"time"
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
	e.changed = e.changed || !utf8.ValidString(rest)
	q, err := json.Marshal(rest)
	if err != nil {
		e.err = err
		return
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

// A day is the date of a midnight, as RFC 3339 begins a time. Nearly all times
// of a record are of one day.
type day struct {
	number int64 // days since 1970
	text   [len("2006-01-02T")]byte
}

const daySeconds = 24 * 60 * 60

// time appends a time as [time.Time.AppendText] does, at a third of its cost
// for the times there are: of UTC, after 1970.
func (e *encoder) time(key string, t *time.Time) {
	e.raw(key)
	if t == nil {
		e.raw(`null`)
		return
	}
	e.raw(`"`)
	if s := t.Unix(); t.Location() == time.UTC && s >= daySeconds && s < 1<<37 { // the year 6325
		e.utc(t, s)
		return
	}
	b, err := t.AppendText(e.b)
	if err != nil { // a year of five digits
		e.err = fmt.Errorf("cdr: %s: %w", key, err)
		return
	}
	e.b = b
	e.raw(`"`)
}

// utc appends t, which is s seconds after 1970-01-01 UTC, and a quote.
func (e *encoder) utc(t *time.Time, s int64) {
	if n := s / daySeconds; n != e.day.number {
		e.day.number = n
		t.AppendFormat(e.day.text[:0], "2006-01-02T")
	}
	s %= daySeconds
	h, m, s := s/3600, s/60%60, s%60
	e.b = append(e.b, e.day.text[:]...)
	e.b = append(e.b, digit(h/10), digit(h), ':', digit(m/10), digit(m), ':', digit(s/10), digit(s))
	if ns := t.Nanosecond(); ns != 0 {
		var f [10]byte
		f[0] = '.'
		for i := 9; i > 0; i-- {
			f[i] = digit(int64(ns))
			ns /= 10
		}
		n := len(f)
		for f[n-1] == '0' {
			n--
		}
		e.b = append(e.b, f[:n]...)
	}
	e.b = append(e.b, 'Z', '"')
}

// digit returns the last digit of n.
func digit(n int64) byte { return byte('0' + n%10) }
