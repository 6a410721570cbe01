package sipmsg

import (
	"errors"
	"slices"
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
		if same(p[i].Name, name) {
			return p[i].Value, true
		}
	}
	return "", false
}

// value is Get for those whom an empty value means none. It is what lets Tag and
// Branch be inlined, which spares copying what they are asked of.
func (p Params) value(name string) string {
	v, _ := p.Get(name)
	return v
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
		case !same(p[i].Name, name):
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
		if !same(p[i].Name, name) {
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

// A paramRoom has space for the parameters of one message, in one piece. A nil
// room, or one that is full, has each list allocated.
type paramRoom struct{ free []Param }

// parse reads *( SEMI name [ EQUAL value ] ) to the end of s (RFC 3261 §25.1,
// generic-param), with white space wherever the grammar has SWS. Empty parameters
// (";;", a trailing ";") are left out: phones send them.
func (r *paramRoom) parse(s string) (Params, error) {
	if s = trim(s); s == "" {
		return nil, nil
	}
	if s[0] != ';' {
		return nil, errParam
	}
	var params Params
	if r != nil && len(r.free) > 0 {
		params = r.free[:0] // one list too many for it grows out of it
	} else {
		params = make(Params, 0, min(strings.Count(s, ";"), maxParams))
	}
	for s != "" {
		var p Param
		var err error
		if p, s, err = cutParam(s[1:]); err != nil {
			return nil, err
		}
		if p.Name == "" {
			continue
		}
		if len(params) == maxParams {
			return nil, errMany
		}
		params = append(params, p)
	}
	if len(params) == 0 {
		return nil, nil
	}
	if r != nil && len(params) <= len(r.free) {
		r.free = r.free[len(params):]
	}
	return slices.Clip(params), nil
}

// cutParam reads what follows a semicolon: one parameter or none. rest is empty or
// begins with the next semicolon. A value is a quoted string and nothing after it,
// or a run of characters with no blank, quote, comma or angle bracket among them.
func cutParam(s string) (p Param, rest string, err error) {
	s = trimLeft(s)
	n := span(s, paramChar)
	p.Name, s = lower(s[:n]), trimLeft(s[n:])
	if s != "" && s[0] == '=' {
		if p.Name == "" {
			return p, "", errParam
		}
		if s = trimLeft(s[1:]); s != "" && s[0] == '"' {
			if n = quotedLen(s); n == 0 {
				return p, "", errQuote
			}
		} else {
			n = 0
			for n < len(s) && s[n] != ';' && classes[s[n]]&valueChar != 0 {
				n++
			}
		}
		p.Value, s = s[:n], trimLeft(s[n:])
	}
	if s != "" && s[0] != ';' {
		return p, "", errParam
	}
	return p, s, nil
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
