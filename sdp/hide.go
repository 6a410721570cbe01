package sdp

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Anonymise takes out what tells one peer about the other and is not needed
// for media to flow (topology hiding). It
//
//   - writes o as the o= line, whose address and numbers are ours,
//   - writes s=-,
//   - removes i= (of the session and of each m-line), u=, e= and p=,
//   - removes the attributes that name software or former addresses: tool,
//     and oldoip, oldcip, oldmediaip, oldmediaport that some proxies leave,
//   - replaces each CNAME in a=ssrc (RFC 5576 §6.1), often user@host, by one
//     of ours; equal ones stay equal.
//
// It keeps where media goes; for that see [Session.Relay] and
// [Media.SetAddress].
func (s *Session) Anonymise(o Origin) {
	s.SetOrigin(o)
	s.lines = setLine(s.lines, "s=-", "vo")
	s.lines = slices.DeleteFunc(s.lines, speaksOfPeer)
	for _, m := range s.media {
		m.lines = slices.DeleteFunc(m.lines, func(line string) bool { return line[0] == 'i' || namesPeer(line) })
	}
	s.maskCNAMEs(o.ID)
}

// Anonymous is what [Session.Anonymise] would make of the description, written
// with CRLF line ends. The description itself stays as it is. It is written once,
// into one piece of memory: this is all that media bypass needs.
func (s *Session) Anonymous(o Origin) []byte {
	at := indexType(s.lines, 'o')
	if at < 0 || indexType(s.lines, 's') < 0 { // rare: a line to put in
		c := s.Clone()
		c.Anonymise(o)
		return c.Bytes()
	}
	var room [128]byte
	origin := o.append(room[:0])
	const more = 16 // for an s= line and a CNAME that are shorter than ours
	b := s.appendHead(make([]byte, 0, max(len(s.text)-len(s.lines[at]), 0)+len(origin)+more), origin, nil)
	masks := cnames{id: o.ID}
	for _, m := range s.media {
		for _, line := range m.lines {
			switch {
			case line[0] == 'i' || namesPeer(line):
				continue
			case masks.cover(line):
				b = masks.append(b)
			default:
				b = append(b, line...)
			}
			b = append(b, '\r', '\n')
		}
	}
	return b
}

// appendHead writes what Anonymise leaves of the session's own lines, which have
// an o= and an s=, with that o= line; unless connection is nil, what Relay leaves
// of that, with that c= line.
func (s *Session) appendHead(b, origin, connection []byte) []byte {
	var named, titled, connected bool
	relay := connection != nil
	for _, line := range s.lines {
		switch {
		case line[0] == 'o' && !named:
			b, named = append(b, origin...), true
		case line[0] == 's' && !titled:
			b, titled = append(b, "s=-"...), true
		case line[0] == 'c' && relay && !connected:
			b, connected = append(b, connection...), true
		case line[0] == 'o' || line[0] == 's' || speaksOfPeer(line):
			continue
		case relay && (line[0] == 'c' || isAttribute(line, "rtcp") || namesTransport(line)):
			continue
		default:
			b = append(b, line...)
		}
		b = append(b, '\r', '\n')
	}
	return b
}

func (s *Session) maskCNAMEs(id uint64) {
	masks := cnames{id: id}
	for _, m := range s.media {
		for i, line := range m.lines {
			if masks.cover(line) {
				var buf [64]byte
				m.lines[i] = string(masks.append(buf[:0]))
			}
		}
	}
}

// cnames numbers the CNAMEs of a description in the order in which they appear,
// so that the same description always gets the same ones.
type cnames struct {
	id     uint64
	seen   []string
	source string // of the line in hand
	n      int    // its CNAME's number, from 1
}

// cover takes a line and reports whether it has a CNAME.
func (c *cnames) cover(line string) bool {
	source, cname, ok := splitCNAME(line)
	if !ok {
		return false
	}
	n := slices.Index(c.seen, cname)
	if n < 0 {
		n = len(c.seen)
		c.seen = append(c.seen, cname)
	}
	c.source, c.n = source, n+1
	return true
}

// append writes the line in hand with a CNAME of ours.
func (c *cnames) append(b []byte) []byte {
	b = append(append(append(b, "a=ssrc:"...), c.source...), " cname:"...)
	b = append(strconv.AppendUint(b, c.id, 16), '-')
	return strconv.AppendInt(b, int64(c.n), 10)
}

// splitCNAME reads "a=ssrc:SOURCE cname:CNAME".
func splitCNAME(line string) (source, cname string, ok bool) {
	if !strings.HasPrefix(line, "a=ssrc:") {
		return "", "", false
	}
	_, value, _ := attributeOf(line)
	source, rest := nextField(value)
	cname, ok = strings.CutPrefix(strings.TrimLeft(rest, blank), "cname:")
	return source, cname, ok
}

// Relay prepares the description for media that ends at a relay with the
// address addr. It
//
//   - writes hold by address as a direction ([Media.Flow]), since the address
//     becomes a real one,
//   - writes addr into the session's c= when there is one,
//   - removes from the session and from each m-line what is true only between
//     the peers' own sockets: ICE (candidate, remote-candidates,
//     end-of-candidates, ice-lite, ice-mismatch, ice-options, ice-pacing,
//     ice-ufrag, ice-pwd; RFC 8839, RFC 8840), the BUNDLE group (RFC 9143),
//     source-filter (RFC 4570), and alternative addresses (altc of RFC 6947,
//     ccap of RFC 7006, alt),
//   - cleans disabled m-lines with [Media.Disable].
//
// Each other m-line must then be given its place with [Media.SetAddress]. A
// bundle-only m-line (RFC 9143) is live in spite of its port 0: with its group
// gone it needs a port of its own.
func (s *Session) Relay(addr netip.Addr) {
	for _, m := range s.media {
		if !m.Disabled() {
			m.SetDirection(m.Flow())
		}
	}
	if indexType(s.lines, 'c') >= 0 {
		s.lines = setLine(s.lines, connectionLine("", addr), "")
	}
	s.lines = removeAttribute(s.lines, "rtcp") // means nothing here, but would name an address
	s.lines = slices.DeleteFunc(s.lines, namesTransport)
	for _, m := range s.media {
		if m.Disabled() {
			m.Disable()
			continue
		}
		m.lines = slices.DeleteFunc(m.lines, namesTransport)
	}
}

// speaksOfPeer reports whether line is one of the session's that Anonymise
// removes.
func speaksOfPeer(line string) bool {
	switch line[0] {
	case 'i', 'u', 'e', 'p':
		return true
	}
	return namesPeer(line)
}

// namesPeer reports whether line is an attribute that Anonymise removes.
func namesPeer(line string) bool {
	name, _, ok := attributeOf(line)
	return ok && nameOfPeer(name)
}

func nameOfPeer(name string) bool {
	switch name {
	case "tool", "oldoip", "oldcip", "oldmediaip", "oldmediaport":
		return true
	}
	return false
}

// namesTransport reports whether line is an attribute that Relay removes.
func namesTransport(line string) bool {
	name, value, ok := attributeOf(line)
	return ok && nameOfTransport(name, value)
}

func nameOfTransport(name, value string) bool {
	switch name {
	case "candidate", "remote-candidates", "end-of-candidates",
		"ice-lite", "ice-mismatch", "ice-options", "ice-pacing", "ice-ufrag", "ice-pwd",
		"source-filter", "altc", "ccap", "alt":
		return true
	case "group":
		semantics, _ := nextField(value)
		return strings.EqualFold(semantics, "BUNDLE")
	}
	return false
}
