package sipmsg

import (
	"bytes"
	"strings"
)

// Limits bounds what [Limits.Parse] accepts. A zero field means its default.
type Limits struct {
	MessageBytes int // the whole datagram; default 65535
	HeaderLines  int // default 256
	Vias         int // values, not lines; default 70, as many as Max-Forwards allows
	Addresses    int // values of Contact, of Route and of Record-Route; default 64 each
}

func (l Limits) withDefaults() Limits {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&l.MessageBytes, 65535)
	def(&l.HeaderLines, 256)
	def(&l.Vias, 70)
	def(&l.Addresses, 64)
	return l
}

// Parse reads one message with the default [Limits]. See [Limits.Parse].
func Parse(datagram []byte) (*Message, error) { return Limits{}.Parse(datagram) }

// Parse reads one message from a datagram, or one that a stream parser has cut
// out. The result shares no memory with datagram. An error is always an [*Error],
// which says whether and how to answer.
func (l Limits) Parse(datagram []byte) (*Message, error) {
	l = l.withDefaults()
	p := parser{limits: l}
	f := cut(datagram[:min(len(datagram), l.MessageBytes)], l.HeaderLines)
	m := &p.m
	p.startLine(f.start)
	p.m.MaxForwards = -1
	if len(datagram) > l.MessageBytes {
		p.refuse(513, "Message Too Large")
	}
	switch f.flaw {
	case "":
	case flawMany:
		p.refuse(513, f.flaw)
	default:
		p.refuse(400, f.flaw)
	}
	others := 0
	for i := range f.lines {
		if f.lines[i].field == other {
			others++
		}
	}
	if others > 0 {
		m.Headers = make([]Header, 0, others)
	}
	for i := range f.lines {
		p.line(&f.lines[i])
	}
	p.body(f.body)
	p.essentials()
	if p.err != nil {
		if p.answerable() {
			p.err.Message = m
		}
		return nil, p.err
	}
	return m, nil
}

// parser fills a message and remembers the first reason to refuse it.
type parser struct {
	m      Message
	limits Limits
	err    *Error

	seen          [contentLength + 1]bool
	length        int // Content-Length, when seen
	unanswerable  bool
	cseqMethod    string
	startIsBroken bool
}

func (p *parser) refuse(status int, reason string) {
	if p.err == nil {
		p.err = &Error{Status: status, Reason: reason}
	}
}

func (p *parser) startLine(s string) {
	if len(s) >= 4 && strings.EqualFold(s[:4], "SIP/") {
		p.statusLine(s)
		return
	}
	m := &p.m
	method, rest, _ := strings.Cut(s, " ")
	uri, version, ok := strings.Cut(rest, " ")
	if !isToken(method) || !ok || strings.IndexByte(version, ' ') >= 0 {
		p.refuse(400, "Malformed Request Line")
		return
	}
	m.Method, m.RequestURI = method, uri
	if !strings.EqualFold(version, "SIP/2.0") {
		if isVersion(version) {
			p.refuse(505, "Version Not Supported")
		} else {
			p.refuse(400, "Malformed Request Line")
		}
		return
	}
	var err error
	if m.URI, err = ParseURI(uri); err != nil {
		p.refuse(400, "Malformed Request-URI")
		return
	}
	switch m.URI.Scheme {
	case "sip", "sips", "tel", "urn":
	default:
		p.refuse(416, "Unsupported URI Scheme")
	}
	if m.URI.Headers != "" {
		p.refuse(400, "Header in Request-URI") // §19.1.1
	}
}

func (p *parser) statusLine(s string) {
	m := &p.m
	p.unanswerable = true
	version, rest, _ := strings.Cut(s, " ")
	code, reason, _ := strings.Cut(rest, " ")
	n, ok := parseUint(code, 699)
	if !strings.EqualFold(version, "SIP/2.0") {
		p.refuse(505, "Version Not Supported")
	} else if !ok || n < 100 || len(code) != 3 {
		p.refuse(400, "Malformed Status Line")
	}
	m.Status, m.Reason = int(n), reason
	if m.Status == 0 {
		m.Status = 400 // never mistaken for a request
	}
}

func isVersion(s string) bool {
	if len(s) < 4 || !strings.EqualFold(s[:4], "SIP/") {
		return false
	}
	major, minor, ok := strings.Cut(s[4:], ".")
	_, ok1 := parseUint(major, 1e9)
	_, ok2 := parseUint(minor, 1e9)
	return ok && ok1 && ok2
}

func (p *parser) line(l *line) {
	m := &p.m
	switch l.field {
	case other:
		m.Headers = append(m.Headers, Header{l.name, l.value})
		return
	case via:
		p.vias(l.value)
		return
	case contact:
		m.Contacts = p.list(m.Contacts, l, "Malformed Contact")
		return
	case route:
		m.Routes = p.list(m.Routes, l, "Malformed Route")
		return
	case recordRoute:
		m.RecordRoutes = p.list(m.RecordRoutes, l, "Malformed Record-Route")
		return
	}
	if p.seen[l.field] {
		p.refuse(400, "More Than One "+l.name)
		return
	}
	p.seen[l.field] = true
	switch l.field {
	case from:
		m.From = p.party(l.value, "Malformed From")
	case to:
		m.To = p.party(l.value, "Malformed To")
	case callID:
		if m.CallID = l.value; l.value == "" || strings.IndexAny(l.value, " \t") >= 0 {
			p.refuse(400, "Malformed Call-ID")
		}
	case cseq:
		p.cseq(l.value)
	case maxForwards:
		n, ok := parseUint(l.value, 255)
		if m.MaxForwards = int(n); !ok {
			p.refuse(400, "Malformed Max-Forwards")
		}
	case contentType:
		m.ContentType = l.value
	case contentLength:
		n, ok := parseUint(l.value, 1<<31-1)
		if p.length = int(n); !ok {
			p.refuse(400, "Malformed Content-Length")
		}
	}
}

func (p *parser) vias(value string) {
	m := &p.m
	for {
		element, rest := cutElement(value)
		v, err := ParseVia(element)
		if err != nil && len(m.Vias) == 0 {
			p.unanswerable = true
		}
		switch branch := v.Branch(); {
		case err != nil:
			p.refuse(400, "Malformed Via")
		case len(m.Vias) == p.limits.Vias:
			p.refuse(513, "Too Many Via Values")
			return
		case branch == "z9hG4bK" || v.Params.duplicate("branch"):
			p.refuse(400, "Malformed Branch")
		}
		if m.Vias == nil {
			m.Vias = make([]Via, 0, 2)
		}
		if m.Vias = append(m.Vias, v); rest == "" {
			return
		}
		value = rest
	}
}

func (p *parser) list(dst []Address, l *line, reason string) []Address {
	out, err := parseAddresses(dst, l.value)
	if err != nil {
		p.refuse(400, reason)
	}
	if len(out) > p.limits.Addresses {
		p.refuse(513, "Too Many "+l.name+" Values")
		out = out[:p.limits.Addresses]
	}
	return out
}

func (p *parser) party(value, reason string) Address {
	a, err := ParseAddress(value)
	if err != nil || a.Params.duplicate("tag") || a.Wildcard() {
		p.refuse(400, reason)
		return Address{Raw: value}
	}
	return a
}

func (p *parser) cseq(value string) {
	p.m.cseqRaw = value
	i := strings.IndexAny(value, " \t")
	if i < 0 {
		p.refuse(400, "Malformed CSeq")
		return
	}
	n, ok := parseUint(value[:i], 1<<31-1) // §8.1.1.5
	p.cseqMethod = trimLeft(value[i:])
	if !ok || !isToken(p.cseqMethod) {
		p.refuse(400, "Malformed CSeq")
	}
	p.m.CSeq = uint32(n)
}

// body takes what Content-Length says, all of it when it says nothing (§18.3).
func (p *parser) body(b []byte) {
	if p.seen[contentLength] {
		if p.length > len(b) {
			p.refuse(400, "Body Shorter Than Content-Length")
			return
		}
		b = b[:p.length]
	}
	if len(b) > 0 {
		p.m.Body = bytes.Clone(b)
	}
}

// essentials checks what every message must have (§8.1.1).
func (p *parser) essentials() {
	m := &p.m
	if len(m.Vias) == 0 {
		p.unanswerable = true
		p.refuse(400, "No Via")
	}
	for f, reason := range [...]string{from: "No From", to: "No To", callID: "No Call-ID", cseq: "No CSeq"} {
		if reason != "" && !p.seen[f] {
			p.refuse(400, reason)
		}
	}
	if m.Status != 0 {
		m.Method = p.cseqMethod
		return
	}
	if m.Method == "" {
		m.Method = p.cseqMethod
	} else if m.Method != p.cseqMethod {
		p.refuse(400, "CSeq of Another Method")
	}
	if m.Method == "ACK" {
		p.unanswerable = true
	}
}

func (p *parser) answerable() bool { return !p.unanswerable }
