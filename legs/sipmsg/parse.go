package sipmsg

import (
	"bytes"
	"errors"
	"slices"
	"strings"
)

// Limits bounds what [Limits.Parse] accepts. A zero field means its default.
type Limits struct {
	MessageBytes int // the whole datagram; default 65535
	HeaderLines  int // default 256
	Vias         int // values, not lines; default 70, as many as Max-Forwards allows
	Addresses    int // values of Contact, of Route, of Record-Route; default 64 each
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

// Parse reads one message from a datagram, or one that was cut out of a stream,
// into a [Room] of its own. The result shares no memory with datagram. Bytes after the end that
// Content-Length gives are ignored (RFC 3261 §18.3). An error is always an
// [*Error], which says whether and how to answer. What a response can do without
// is left out of it when it is malformed: Contact, Max-Forwards.
func (l Limits) Parse(datagram []byte) (*Message, error) { return l.parse(new(Room), datagram) }

func (l Limits) parse(r *Room, datagram []byte) (*Message, error) {
	p := parser{m: &r.m, params: &r.free, limits: l.withDefaults()}
	p.m.MaxForwards = -1
	if len(datagram) > p.limits.MessageBytes {
		p.refuse(513, "Message Too Large")
		datagram = datagram[:p.limits.MessageBytes]
	}
	var room [24]line // more are rare, and allocated
	f, lines := cut(datagram, p.limits.HeaderLines, room[:])
	p.makeRoom(r, f.start, lines)
	p.startLine(f.start)
	p.unanswerable = p.unanswerable || f.mute
	switch f.flaw {
	case "":
	case flawMany:
		p.refuse(513, f.flaw)
	default:
		p.refuse(400, f.flaw)
	}
	p.lines(lines)
	p.body(f.body)
	p.essentials()
	p.clip()
	if p.err == nil {
		return p.m, nil
	}
	if !p.unanswerable {
		p.err.Message = p.m
	}
	return nil, p.err
}

// parser fills a message and remembers the first reason to refuse it. It goes on
// after that, for what the refusal has to repeat.
type parser struct {
	m            *Message
	limits       Limits
	params       *paramRoom
	err          *Error
	unanswerable bool

	seen       [contentLength + 1]bool
	length     int // Content-Length, when seen
	cseqMethod string
}

// makeRoom finds a place for the lists. It counts separators, of which there are at
// least as many as there are values, wherever they stand.
func (p *parser) makeRoom(r *Room, start string, lines []line) {
	params := strings.Count(start, ";")
	var values [contentLength + 1]int
	for i := range lines {
		l := &lines[i]
		switch l.field {
		case via, contact, route, recordRoute:
			values[l.field] += 1 + strings.Count(l.value, ",")
			params += strings.Count(l.value, ";")
		case from, to:
			params += strings.Count(l.value, ";")
		default:
			values[l.field]++
		}
	}
	if n := values[other]; n > 0 {
		p.m.Headers = make([]Header, 0, n)
	}
	most := p.limits.Addresses
	r.lists(min(values[via], p.limits.Vias), min(values[contact], most), min(values[route], most), min(values[recordRoute], most), params)
}

func (p *parser) refuse(status int, reason string) {
	if p.err == nil {
		p.err = &Error{Status: status, Reason: reason}
	}
}

func (p *parser) startLine(s string) {
	if len(s) >= 4 && same(s[:4], "SIP/") {
		p.statusLine(s)
		return
	}
	// §7.1: one SP each, method case-sensitive, nothing after the version.
	m := p.m
	method, rest, _ := strings.Cut(s, " ")
	uri, version, _ := strings.Cut(rest, " ")
	if method = knownMethod(method); !isToken(method) || !isVersion(version) {
		p.refuse(400, "Malformed Request Line")
		return
	}
	m.Method, m.RequestURI = method, uri
	if !same(version, "SIP/2.0") {
		p.refuse(505, "Version Not Supported")
		return
	}
	if m.URI.parse(uri, p.params) != nil {
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

// statusLine accepts one without the blank before an empty phrase, too.
func (p *parser) statusLine(s string) {
	p.unanswerable = true
	version, rest, _ := strings.Cut(s, " ")
	code, reason, _ := strings.Cut(rest, " ")
	n, ok := parseUint(code, 699)
	switch {
	case !same(version, "SIP/2.0"):
		p.refuse(505, "Version Not Supported")
	case !ok || n < 100 || len(code) != 3 || strings.ContainsAny(reason, "\r\n\x00"):
		p.refuse(400, "Malformed Status Line")
	}
	p.m.Status = max(int(n), 100)
	if p.m.Reason = reason; reason == ReasonPhrase(p.m.Status) {
		p.m.Reason = ReasonPhrase(p.m.Status) // who keeps it keeps nothing else
	}
}

func isVersion(s string) bool {
	if s == "SIP/2.0" {
		return true
	}
	if len(s) < 4 || !same(s[:4], "SIP/") {
		return false
	}
	major, minor, _ := strings.Cut(s[4:], ".")
	_, ok1 := parseUint(major, 1<<31)
	_, ok2 := parseUint(minor, 1<<31)
	return ok1 && ok2
}

func (p *parser) lines(lines []line) {
	m := p.m
	for i := range lines {
		switch l := &lines[i]; l.field {
		case other:
			m.Headers = append(m.Headers, Header{l.name, l.value})
		case via:
			p.vias(l.value)
		case contact:
			m.Contacts = p.addresses(m.Contacts, l)
		case route:
			m.Routes = p.addresses(m.Routes, l)
		case recordRoute:
			m.RecordRoutes = p.addresses(m.RecordRoutes, l)
		default:
			p.single(l)
		}
	}
}

// vias reads the values of one Via line. One that is broken is kept as it came,
// for the refusal; without a good one on top there is no way to send any.
func (p *parser) vias(value string) {
	m := p.m
	for rest := value; ; {
		var element string
		element, rest = cutElement(rest)
		if len(m.Vias) == p.limits.Vias {
			p.refuse(513, "Too Many Via Values")
			return
		}
		m.Vias = m.Vias[:len(m.Vias)+1] // see makeRoom
		v := &m.Vias[len(m.Vias)-1]
		switch err := v.parse(element, p.params); {
		case err == nil && (v.Branch() == "z9hG4bK" || v.Params.duplicate("branch")):
			p.refuse(400, "Malformed Branch")
		case err == nil:
		case errors.Is(err, errVersion):
			p.refuse(400, "Via of Another Version")
		default:
			p.refuse(400, "Malformed Via")
			p.unanswerable = p.unanswerable || len(m.Vias) == 1
			if *v = (Via{Raw: element}); element == "" {
				m.Vias = m.Vias[:len(m.Vias)-1]
			}
		}
		if rest == "" {
			return
		}
	}
}

// addresses reads the values of one line and appends them to dst.
func (p *parser) addresses(dst []Address, l *line) []Address {
	for rest := l.value; ; {
		var element string
		element, rest = cutElement(rest)
		if len(dst) == p.limits.Addresses {
			p.refuse(513, "Too Many "+l.name+" Values")
			return dst
		}
		dst = dst[:len(dst)+1] // see makeRoom
		a := &dst[len(dst)-1]
		if a.parse(element, p.params) != nil || a.Wildcard() && l.field != contact {
			*a = Address{}
			dst = dst[:len(dst)-1]
			if p.m.IsRequest() || l.field != contact {
				p.refuse(400, "Malformed "+l.name)
				return dst
			}
		}
		if rest == "" {
			return dst
		}
	}
}

// single reads a header that may stand only once.
func (p *parser) single(l *line) {
	m := p.m
	if p.seen[l.field] {
		p.refuse(400, "More Than One "+l.name)
		return
	}
	p.seen[l.field] = true
	ok := true
	switch l.field {
	case from:
		ok = p.party(&m.From, l.value)
	case to:
		ok = p.party(&m.To, l.value)
	case callID:
		m.CallID = l.value
		ok = l.value != ""
		for i := 0; i < len(l.value) && ok; i++ {
			ok = l.value[i] > ' ' && l.value[i] != 0x7f
		}
	case cseq:
		ok = p.cseq(l.value)
	case maxForwards:
		var n uint64
		if n, ok = parseUint(l.value, 255); ok {
			m.MaxForwards = int(n)
		}
		ok = ok || !m.IsRequest()
	case contentType:
		m.ContentType = l.value
	case contentLength:
		var n uint64
		n, ok = parseUint(l.value, 1<<31-1)
		p.length = int(n)
	default: // via, contact, route and record-route are lists: see above
	}
	if !ok {
		p.refuse(400, "Malformed "+l.name)
	}
}

// party reads From or To. One that is broken is kept as it came.
func (p *parser) party(a *Address, value string) bool {
	if a.parse(value, p.params) != nil || a.Params.duplicate("tag") || a.Wildcard() {
		*a = Address{Raw: value}
		return false
	}
	return true
}

// cseq reads 1*DIGIT LWS Method, less than 2**31 (§8.1.1.5).
func (p *parser) cseq(value string) bool {
	p.m.cseqRaw = value
	i := 0
	for i < len(value) && !isBlank(value[i]) {
		i++
	}
	n, ok := parseUint(value[:i], 1<<31-1)
	p.m.CSeq, p.cseqMethod = uint32(n), knownMethod(trimLeft(value[i:]))
	return ok && isToken(p.cseqMethod)
}

// body takes what Content-Length says, all there is when it says nothing (§18.3).
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

// clip leaves no room behind the lists: two who append to one would write over
// each other.
func (p *parser) clip() {
	m := p.m
	m.Vias, m.Contacts = slices.Clip(m.Vias), slices.Clip(m.Contacts)
	m.Routes, m.RecordRoutes = slices.Clip(m.Routes), slices.Clip(m.RecordRoutes)
}

// essentials checks what every message must have (§8.1.1).
func (p *parser) essentials() {
	m := p.m
	if len(m.Vias) == 0 {
		p.refuse(400, "No Via")
		p.unanswerable = true
	}
	if m.cseqRaw == "" {
		p.refuse(400, "No CSeq")
		p.unanswerable = true
	}
	switch {
	case !p.seen[from]:
		p.refuse(400, "No From")
	case !p.seen[to]:
		p.refuse(400, "No To")
	case !p.seen[callID]:
		p.refuse(400, "No Call-ID")
	}
	if m.Status != 0 || m.Method == "" {
		m.Method = p.cseqMethod
	} else if m.Method != p.cseqMethod {
		p.refuse(400, "CSeq of Another Method") // §8.1.1.5
	}
	if m.Method == "ACK" {
		p.unanswerable = true // §17.1.1.3
	}
}
