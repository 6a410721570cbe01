package sipmsg

import (
	"errors"
	"strings"
)

// Address is the value of From, To, Contact, Route and their like: name-addr or
// addr-spec with parameters (RFC 3261 §20.10, §25.1).
type Address struct {
	Display string // unquoted; "" for none
	URI     URI
	Params  Params // header parameters: tag, q, expires, …

	// Raw is the value as it came, and what is written when it is not empty.
	// Whoever changes another field clears it.
	Raw string
}

var (
	errNoURI    = errors.New("address without a URI")
	errDisplay  = errors.New("malformed display name")
	errBare     = errors.New("comma or question mark in a URI without angle brackets")
	errTrailing = errors.New("text after the closing angle bracket")
)

// ParseAddress reads one address. A URI without angle brackets ends at the first
// semicolon: what follows are header parameters (RFC 3261 §20.10). The Contact
// "*" comes out as an [Address] with URI.Opaque "*".
func ParseAddress(s string) (Address, error) {
	var a Address
	if err := a.parse(trim(s), nil); err != nil {
		return Address{}, err
	}
	return a, nil
}

func (a *Address) parse(s string, room *paramRoom) error {
	a.Raw = s
	if s == "*" {
		a.URI.Opaque = "*"
		return nil
	}
	rest := s
	if strings.HasPrefix(s, `"`) {
		n := quotedLen(s)
		if n == 0 {
			return errQuote
		}
		a.Display = Unquote(s[:n])
		if rest = trimLeft(s[n:]); !strings.HasPrefix(rest, "<") {
			return errDisplay
		}
	}
	var uri string
	if open := strings.IndexByte(rest, '<'); open >= 0 && !quoteBefore(rest, open) {
		if open > 0 {
			// A display name ought to be tokens (§25.1); phones send any text.
			a.Display = trim(rest[:open])
		}
		end := strings.IndexByte(rest[open:], '>')
		if end < 0 {
			return errNoURI
		}
		uri, rest = trim(rest[open+1:open+end]), trimLeft(rest[open+end+1:])
		if rest != "" && rest[0] != ';' {
			return errTrailing
		}
	} else {
		uri, rest = rest, ""
		if i := strings.IndexByte(uri, ';'); i >= 0 {
			uri, rest = trimRight(uri[:i]), uri[i:]
		}
		if strings.IndexByte(uri, ',') >= 0 || strings.IndexByte(uri, '?') >= 0 {
			return errBare
		}
	}
	if err := a.URI.parse(uri, room); err != nil || rest == "" {
		return err
	}
	var err error
	a.Params, err = room.parse(rest)
	return err
}

// quoteBefore reports whether a quote stands before i: then what looks like an
// opening bracket belongs to a quoted parameter.
func quoteBefore(s string, i int) bool {
	q := strings.IndexByte(s, '"')
	return q >= 0 && q < i
}

// Tag returns the tag parameter, or "".
func (a Address) Tag() string {
	return a.Params.value("tag")
}

// WithTag returns a with that tag in place of the one it had. When it had none
// and came from the wire, the rest stays as it came.
func (a Address) WithTag(tag string) Address {
	if a.Raw != "" && !a.Params.Has("tag") {
		a.Raw += ";tag=" + tag
	} else {
		a.Raw = ""
	}
	a.Params = a.Params.With("tag", tag)
	return a
}

// Wildcard reports whether a is the Contact "*" of a REGISTER (RFC 3261 §10.2.2).
func (a Address) Wildcard() bool { return a.URI.Scheme == "" && a.URI.Opaque == "*" }

// String returns a as it is written: Raw when there is one, else the URI in angle
// brackets after the quoted display name and before the parameters.
func (a Address) String() string {
	if a.Raw != "" {
		return a.Raw
	}
	var room [192]byte
	return string(a.append(room[:0]))
}

func (a *Address) append(dst []byte) []byte {
	switch {
	case a.Raw != "":
		return append(dst, a.Raw...)
	case a.Wildcard():
		return append(dst, '*')
	case a.Display != "":
		dst = append(appendQuoted(dst, a.Display), ' ')
	}
	dst = append(a.URI.append(append(dst, '<')), '>')
	return a.Params.append(dst)
}
