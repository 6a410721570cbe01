package sipmsg

import "strings"

// Header is one header line that has no field of its own in [Message]. Name is
// the canonical long name where it is a known one ("Supported", "Call-ID",
// "P-Asserted-Identity"), otherwise as it came. Value is unfolded and trimmed.
type Header struct{ Name, Value string }

// Message is a SIP request or response (RFC 3261 §7). A message made by [Parse]
// is never changed afterwards, but by [StampReceived] right after it, and may be
// read concurrently. The zero value is an empty request, which nobody accepts.
type Message struct {
	// Method is the method of a request, or the CSeq method of a response.
	Method string

	// RequestURI is the Request-URI as it came, URI the same in parts; both are
	// empty in a response. When RequestURI is empty, URI is written.
	RequestURI string
	URI        URI

	// Status is 100–699 in a response and 0 in a request. Reason is its phrase.
	Status int
	Reason string

	// Vias has one entry per Via value, the topmost first.
	Vias     []Via
	From, To Address
	CallID   string
	CSeq     uint32

	// MaxForwards is 0–255, or -1 when absent. It is written in requests only.
	MaxForwards int

	// Contacts, RecordRoutes and Routes have one entry per value, in order.
	Contacts             []Address
	RecordRoutes, Routes []Address

	// Headers holds every other header, one entry per line, in order. Headers
	// that have a field above or below are not found here.
	Headers []Header

	ContentType string
	Body        []byte

	// cseqRaw is the CSeq value as it came: a response repeats it to the letter,
	// even when the request was refused for it (RFC 3261 §8.2.6.2).
	cseqRaw string
}

// IsRequest reports whether m is a request.
func (m *Message) IsRequest() bool { return m.Status == 0 }

// Header returns the value of the first line in m.Headers with that name, in any
// case, or "". A compact name is not understood: ask for "Supported", not "k".
func (m *Message) Header(name string) string {
	for i := range m.Headers {
		if same(m.Headers[i].Name, name) {
			return m.Headers[i].Value
		}
	}
	return ""
}

// HeaderValues returns the values of all lines in m.Headers with that name,
// split at the commas that separate list elements: not those inside quoted
// strings or angle brackets (RFC 3261 §7.3.1). Headers whose grammar uses the
// comma otherwise (credentials, challenges, dates, free text) are not split.
func (m *Message) HeaderValues(name string) []string {
	var values []string
	for i := range m.Headers {
		if !same(m.Headers[i].Name, name) {
			continue
		}
		if !isList(m.Headers[i].Name) {
			values = append(values, m.Headers[i].Value)
			continue
		}
		for rest := m.Headers[i].Value; rest != ""; {
			var element string
			element, rest = cutElement(rest)
			if element != "" {
				values = append(values, element)
			}
		}
	}
	return values
}

// Tokens returns the lower-cased tokens of all lines in m.Headers with that name,
// split at commas and semicolons, the two separators of Require, Supported,
// Allow, Privacy and their like. Nil when there are none.
func (m *Message) Tokens(name string) []string {
	var tokens []string
	for i := range m.Headers {
		if !same(m.Headers[i].Name, name) {
			continue
		}
		for rest := m.Headers[i].Value; rest != ""; {
			token := rest
			if j := strings.IndexAny(rest, ",;"); j >= 0 {
				token, rest = rest[:j], rest[j+1:]
			} else {
				rest = ""
			}
			if token = trim(token); token != "" {
				tokens = append(tokens, strings.ToLower(token))
			}
		}
	}
	return tokens
}
