package sipmsg

import (
	"errors"
	"strings"
)

// Param is one ;name=value. Name is lower case; Value is as it came, with its
// quotes, and empty for a parameter without a value.
type Param struct{ Name, Value string }

// Params is a parameter list in its order. The zero value is an empty list.
type Params []Param

var (
	errQuote = errors.New("quoted string without an end")
	errParam = errors.New("malformed parameter")
	errMany  = errors.New("too many parameters")
)

// maxParams bounds one parameter list, so that a datagram cannot buy more memory
// than a few times its own size.
const maxParams = 64

// Get returns the value of the first parameter with that name, in any case, and
// whether there is one.
func (p Params) Get(name string) (value string, ok bool) {
	for i := range p {
		if strings.EqualFold(p[i].Name, name) {
			return p[i].Value, true
		}
	}
	return "", false
}

// Has reports whether there is a parameter with that name, in any case.
func (p Params) Has(name string) bool {
	_, ok := p.Get(name)
	return ok
}

// With returns a copy of p in which name has that value: in its place when it was
// there, at the end when not. p itself is not changed.
func (p Params) With(name, value string) Params {
	out := make(Params, 0, len(p)+1)
	found := false
	for i := range p {
		switch {
		case !strings.EqualFold(p[i].Name, name):
			out = append(out, p[i])
		case !found:
			out = append(out, Param{p[i].Name, value})
			found = true
		}
	}
	if !found {
		out = append(out, Param{lower(name), value})
	}
	return out
}

// Without returns a copy of p in which no parameter has that name.
func (p Params) Without(name string) Params {
	out := make(Params, 0, len(p))
	for i := range p {
		if !strings.EqualFold(p[i].Name, name) {
			out = append(out, p[i])
		}
	}
	return out
}

// String returns the list as it is written, each parameter after its semicolon.
func (p Params) String() string { return string(p.append(nil)) }

func (p Params) append(dst []byte) []byte {
	for i := range p {
		dst = append(append(dst, ';'), p[i].Name...)
		if p[i].Value != "" {
			dst = append(append(dst, '='), p[i].Value...)
		}
	}
	return dst
}

// parseParams reads *( SEMI name [ EQUAL value ] ) to the end of s (RFC 3261
// §25.1, generic-param), with white space wherever the grammar has SWS. Empty
// parameters (";;", a trailing ";") are left out: phones send them.
func parseParams(s string) (Params, error) {
	if s = trim(s); s == "" {
		return nil, nil
	}
	if s[0] != ';' {
		return nil, errParam
	}
	params := make(Params, 0, min(strings.Count(s, ";"), maxParams))
	quoted := strings.IndexByte(s, '"') >= 0
	for s != "" {
		s = s[1:]
		end := strings.IndexByte(s, ';')
		if quoted {
			if end = paramEnd(s); end < 0 {
				return nil, errQuote
			}
		} else if end < 0 {
			end = len(s)
		}
		text := trim(s[:end])
		s = s[end:]
		if text == "" {
			continue
		}
		if len(params) == maxParams {
			return nil, errMany
		}
		name, value := text, ""
		if before, after, ok := strings.Cut(text, "="); ok {
			name, value = trimRight(before), trimLeft(after)
		}
		if name == "" || !all(name, paramChar) || !isParamValue(value) {
			return nil, errParam
		}
		params = append(params, Param{lower(name), value})
	}
	if len(params) == 0 {
		return nil, nil
	}
	return params, nil
}

// paramEnd returns the index of the next semicolon outside quotes, len(s) when
// there is none, and -1 when a quote is never closed.
func paramEnd(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ';':
			return i
		case '"':
			n := quotedLen(s[i:])
			if n == 0 {
				return -1
			}
			i += n - 1
		}
	}
	return len(s)
}

// isParamValue accepts nothing, a quoted string and nothing after it, or a run of
// characters with no blank, quote, comma or angle bracket among them.
func isParamValue(s string) bool {
	if s != "" && s[0] == '"' {
		return quotedLen(s) == len(s)
	}
	return all(s, valueChar)
}

// duplicate reports whether two parameters have that lower-case name. For those
// that identify a dialog or a transaction two is one too many: whoever picks the
// other one sees another message.
func (p Params) duplicate(name string) bool {
	n := 0
	for i := range p {
		if p[i].Name == name {
			n++
		}
	}
	return n > 1
}
