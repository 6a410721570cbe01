package sdp

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// A Media is one m-line with the lines under it. It belongs to its [Session]
// and falls back to the session's c= and direction where it has none.
type Media struct {
	session *Session
	lines   []string // lines[0] is the m= line
	places  places   // in that one
}

// places is where the parts of an m= line are, and its numbers: it is read once.
type places struct {
	kind, kindEnd, proto, protoEnd, formats int32
	port, count                             uint16
}

func (m *Media) fields() mediaFields {
	line, p := m.lines[0], &m.places
	return mediaFields{
		kind: line[p.kind:p.kindEnd], proto: line[p.proto:p.protoEnd], formats: trimRight(line[p.formats:]),
		port: int(p.port), count: int(p.count),
	}
}

// setFields writes the m= line.
func (m *Media) setFields(f mediaFields) {
	m.lines[0] = f.line()
	m.places, _ = splitMedia(m.lines[0])
}

// Kind returns the media type: audio, video, image, application, text, message.
func (m *Media) Kind() string { return m.fields().kind }

// Port returns the port of the m= line; 0 means rejected or removed.
func (m *Media) Port() int { return int(m.places.port) }

// Proto returns the transport: RTP/AVP, RTP/SAVP, udptl, UDP/TLS/RTP/SAVPF, ….
func (m *Media) Proto() string { return m.fields().proto }

// Formats returns the formats of the m= line in order: payload type numbers
// for RTP, "t38" for fax, and so on.
func (m *Media) Formats() []string {
	var formats []string
	for field, rest := nextField(m.fields().formats); field != ""; field, rest = nextField(rest) {
		formats = append(formats, field)
	}
	return formats
}

// Disabled reports whether the m-line is rejected or removed: port 0 (RFC 3264
// §6, §8.2), and not because it is bundled with another (RFC 9143 §6).
func (m *Media) Disabled() bool {
	f := m.fields()
	return m.disabled(&f)
}

func (m *Media) disabled(f *mediaFields) bool {
	if f.port != 0 {
		return false
	}
	_, bundled := m.Attribute("bundle-only")
	return !bundled
}

// RTP reports whether the m-line carries RTP, and so has RTCP beside it.
func (m *Media) RTP() bool {
	f := m.fields()
	return f.rtp()
}

func (f *mediaFields) rtp() bool {
	if strings.HasPrefix(f.proto, "RTP/") {
		return true
	}
	for part := range strings.SplitSeq(f.proto, "/") {
		if strings.EqualFold(part, "RTP") {
			return true
		}
	}
	return false
}

// UDP reports whether the m-line's packets are plain datagrams that a relay
// can carry: RTP and DTLS over UDP, UDPTL, UDP; not TCP/… (MSRP, BFCP).
func (m *Media) UDP() bool {
	proto := m.Proto()
	first, _, _ := strings.Cut(proto, "/")
	return strings.EqualFold(first, "RTP") || strings.EqualFold(first, "UDP") ||
		strings.EqualFold(proto, "udptl") || strings.EqualFold(proto, "DTLS/SCTP")
}

// Direction returns the effective direction: the m-line's own, else the
// session's, else sendrecv.
func (m *Media) Direction() Direction {
	d, i := findDirection(m.lines)
	if i < 0 {
		d, _ = findDirection(m.session.lines)
	}
	return d
}

// SetDirection writes the direction at the m-line. It keeps the lines as they
// are when they already say so.
func (m *Media) SetDirection(d Direction) {
	current, i := findDirection(m.lines)
	switch {
	case i < 0 && m.Direction() == d, i >= 0 && current == d:
		return
	case i < 0:
		m.lines = append(m.lines, "a="+d.String())
	default:
		m.lines[i] = "a=" + d.String()
		rest := slices.DeleteFunc(m.lines[i+1:], func(line string) bool {
			_, at := findDirection([]string{line})
			return at == 0
		})
		m.lines = append(m.lines[:i+1], rest...)
	}
}

// Flow returns the direction that the writer means: Direction, without
// receiving when it gives no place to send to. That is the old form of hold
// (0.0.0.0 of RFC 2543 and RFC 3264 §8.4; for IPv6 [::] or, by RFC 3725, a
// name under .invalid). With ICE an open address is no hold: the candidates
// have it, or will (RFC 8840).
func (m *Media) Flow() Direction {
	d := m.Direction()
	if m.holdsByAddress() {
		return directionOf(d.Sends(), false)
	}
	return d
}

// holdsByAddress reports that the m-line gives no place to send to.
func (m *Media) holdsByAddress() bool {
	host := connectionHost(m.connection())
	return (isOpen(host) || hasSuffixFold(strings.TrimSuffix(host, "."), ".invalid")) && !m.hasICE()
}

// isOpen reports whether a host is 0.0.0.0 or [::], however it is written.
func isOpen(host string) bool {
	return host != "" && (host[0] == '0' || host[0] == ':') && parseAddr(host).IsUnspecified()
}

// Held reports whether the writer has put the stream on hold: by Flow it does
// not want to receive. A disabled m-line is not held.
func (m *Media) Held() bool { return !m.Disabled() && !m.Flow().Receives() }

func (m *Media) hasICE() bool {
	_, here := m.Attribute("ice-ufrag")
	_, above := m.session.Attribute("ice-ufrag")
	return here || above
}

// Attribute returns the value of the m-line's first a= line of that name; ok
// tells a flag attribute from none. Session-level lines are not looked at.
func (m *Media) Attribute(name string) (value string, ok bool) { return attribute(m.lines, name) }

// Attributes returns the values of all a= lines of that name at the m-line.
func (m *Media) Attributes(name string) []string { return attributes(m.lines, name) }

// RemoveAttribute drops all a= lines of that name from the m-line.
func (m *Media) RemoveAttribute(name string) { m.lines = removeAttribute(m.lines, name) }

// SetFormats replaces the formats of the m= line. Attributes that speak of
// formats no longer listed stay; they have no meaning then. No formats, or one
// that is not a token, changes nothing.
func (m *Media) SetFormats(formats []string) {
	for _, f := range formats {
		if f == "" || strings.ContainsAny(f, blank+"\r\n\x00") {
			return
		}
	}
	if len(formats) == 0 {
		return
	}
	f := m.fields()
	f.formats = strings.Join(formats, " ")
	m.setFields(f)
}

// Disable rejects or removes the stream: port 0 (RFC 3264 §6, §8.2). The
// m-line keeps its place, kind, proto and formats. What names an address (c=,
// rtcp, path of RFC 4975, and what [Session.Relay] removes) is taken out,
// because it would tell the other side where a peer lives and is of no use.
func (m *Media) Disable() {
	m.setPort(0)
	m.lines = removeAttribute(m.lines, "rtcp")
	m.lines = removeAttribute(m.lines, "path")
	m.lines = removeAttribute(m.lines, "bundle-only")
	m.lines = slices.DeleteFunc(m.lines, namesTransport)
	if indexType(m.lines, 'c') < 0 {
		return
	}
	if indexType(m.session.lines, 'c') >= 0 {
		m.lines = removeTypes(m.lines, "c")
		return
	}
	m.lines = setLine(m.lines, connectionLine("", netip.Addr{}), "mi") // RFC 8866 §5.7 wants one
}

func (m *Media) setPort(port int) {
	f := m.fields()
	if f.port == port && f.count == 0 {
		return
	}
	f.port, f.count = port, 0
	m.setFields(f)
}

func (f mediaFields) line() string {
	var buf [128]byte
	return string(f.append(buf[:0]))
}

func (f *mediaFields) append(b []byte) []byte {
	b = append(append(append(b, "m="...), f.kind...), ' ')
	b = strconv.AppendInt(b, int64(f.port), 10)
	if f.count > 0 {
		b = strconv.AppendInt(append(b, '/'), int64(f.count), 10)
	}
	b = append(append(append(b, ' '), f.proto...), ' ')
	return append(b, f.formats...)
}

func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}
