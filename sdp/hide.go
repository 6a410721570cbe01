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

// maskCNAMEs numbers the CNAMEs in the order in which they appear, so that the
// same description always gets the same ones.
func (s *Session) maskCNAMEs(id uint64) {
	var seen []string
	for _, m := range s.media {
		for i, line := range m.lines {
			source, cname, ok := splitCNAME(line)
			if !ok {
				continue
			}
			n := slices.Index(seen, cname)
			if n < 0 {
				n = len(seen)
				seen = append(seen, cname)
			}
			var buf [64]byte
			b := append(append(append(buf[:0], "a=ssrc:"...), source...), " cname:"...)
			b = append(strconv.AppendUint(b, id, 16), '-')
			m.lines[i] = string(strconv.AppendInt(b, int64(n)+1, 10))
		}
	}
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
	if !ok {
		return false
	}
	switch name {
	case "tool", "oldoip", "oldcip", "oldmediaip", "oldmediaport":
		return true
	}
	return false
}

// namesTransport reports whether line is an attribute that Relay removes.
func namesTransport(line string) bool {
	name, value, ok := attributeOf(line)
	if !ok {
		return false
	}
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
