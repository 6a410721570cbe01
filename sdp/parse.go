package sdp

import (
	"fmt"
	"strconv"
	"strings"
)

// Limits bound what Parse accepts. A zero field means its default.
type Limits struct {
	Bytes int // size of the body in octets; default 65,535, the most a datagram holds
	Lines int // lines in all; default 2,000
	Media int // m-lines; default 32
}

// Defaults of [Limits].
const (
	DefaultMaxBytes = 65535
	DefaultMaxLines = 2000
	DefaultMaxMedia = 32
)

// A ParseError says why a body is not a usable session description. The SIP
// answer to an offer that does not parse is 488 (RFC 3261 §21.4.26).
type ParseError struct {
	Line   int    // number of the line, from 1; 0 when it is about the whole body
	Text   string // the line, cut to 80 octets; may be empty
	Reason string // what is wrong with it
}

// Error names the line and the reason.
func (e *ParseError) Error() string {
	if e.Line == 0 {
		return "sdp: " + e.Reason
	}
	return fmt.Sprintf("sdp: line %d %q: %s", e.Line, e.Text, e.Reason)
}

// Parse reads a session description within the default [Limits]. It accepts
// CRLF and LF line ends, a missing last line end, blank lines, and a missing
// s= or t= line, all of which occur in the field. It demands v=0 first, an o=
// line, well-formed m= lines, and an address for every m-line that is not
// disabled; every other line must only look like x=value. The error is a
// [*ParseError]. The body is copied.
func Parse(b []byte) (*Session, error) {
	return Limits{}.Parse(b)
}

// Parse is like the function [Parse] with other limits.
func (l Limits) Parse(b []byte) (*Session, error) {
	l = l.withDefaults()
	if len(b) > l.Bytes {
		return nil, &ParseError{Reason: fmt.Sprintf("%d octets, the limit is %d", len(b), l.Bytes)}
	}
	s := &Session{text: string(b)}
	lines, mediaCount, err := l.split(s.text, s.room[:0])
	if err != nil {
		return nil, err
	}
	s.assemble(lines, mediaCount)
	if err := s.check(); err != nil {
		return nil, err
	}
	return s, nil
}

// withDefaults fills zero fields.
func (l Limits) withDefaults() Limits {
	if l.Bytes == 0 {
		l.Bytes = DefaultMaxBytes
	}
	if l.Lines == 0 {
		l.Lines = DefaultMaxLines
	}
	if l.Media == 0 {
		l.Media = DefaultMaxMedia
	}
	return l
}

// split cuts text into lines without their ends, in room when they fit, checks
// the form of each, and counts the m-lines.
func (l Limits) split(text string, room []string) (lines []string, media int, err error) {
	lines = room
	if count := min(strings.Count(text, "\n")+1, l.Lines+1); count > cap(lines) {
		lines = make([]string, 0, count)
	}
	for number := 1; text != ""; number++ {
		line, rest, _ := strings.Cut(text, "\n")
		text = rest
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			continue
		}
		if reason := malformed(line); reason != "" {
			return nil, 0, parseError(number, line, reason)
		}
		if len(lines) == 0 && strings.TrimRight(line, blank) != "v=0" {
			return nil, 0, parseError(number, line, "a description starts with v=0")
		}
		if line[0] == 'm' {
			media++
			if _, reason := splitMedia(line); reason != "" {
				return nil, 0, parseError(number, line, reason)
			}
		}
		lines = append(lines, line)
		if len(lines) > l.Lines {
			return nil, 0, parseError(number, line, fmt.Sprintf("more than %d lines", l.Lines))
		}
		if media > l.Media {
			return nil, 0, parseError(number, line, fmt.Sprintf("more than %d m-lines", l.Media))
		}
	}
	if len(lines) == 0 {
		return nil, 0, &ParseError{Reason: "empty body"}
	}
	return lines, media, nil
}

// malformed says why line is not of the form x=value (RFC 8866 §5), or "". A
// bare CR is refused because others read it as a line end.
func malformed(line string) string {
	switch {
	case len(line) < 2 || line[1] != '=' || !isLetter(line[0]):
		return "not of the form x=value"
	case strings.IndexByte(line, '\r') >= 0:
		return "CR inside a line"
	case strings.IndexByte(line, 0) >= 0:
		return "NUL inside a line"
	}
	return ""
}

// assemble groups lines into the session part and one part per m-line. All
// parts share one array, each with its capacity cut, so that growing one
// copies it instead of overwriting the next.
func (s *Session) assemble(lines []string, mediaCount int) {
	medias := s.first[:0]
	s.media = s.firsts[:0]
	if mediaCount > len(s.first) {
		medias = make([]Media, 0, mediaCount)
		s.media = make([]*Media, 0, mediaCount)
	}
	end := len(lines)
	for i, line := range lines {
		if line[0] == 'm' {
			end = i
			break
		}
	}
	s.lines = lines[:end:end]
	for start := end; start < len(lines); start = end {
		end = start + 1
		for end < len(lines) && lines[end][0] != 'm' {
			end++
		}
		medias = append(medias, Media{session: s, lines: lines[start:end:end]})
		m := &medias[len(medias)-1]
		m.places, _ = splitMedia(m.lines[0])
		s.media = append(s.media, m)
	}
}

// check makes sure that what the other methods rely on is there.
func (s *Session) check() error {
	i := indexType(s.lines, 'o')
	if i < 0 {
		return &ParseError{Reason: "no o= line"}
	}
	if _, ok := splitOrigin(s.lines[i][2:]); !ok {
		return parseError(i+1, s.lines[i], "o= needs username, id, version, nettype, addrtype and address")
	}
	for n, m := range s.media {
		if !m.Disabled() && m.connection() == "" {
			// RFC 8866 §5.7
			return &ParseError{Text: m.lines[0], Reason: fmt.Sprintf("m-line %d has no c= line and the session has none", n+1)}
		}
	}
	return nil
}

// mediaFields are the parts of an m= line (RFC 8866 §5.14).
type mediaFields struct {
	kind, proto, formats string
	port, count          int // count is 0 when the line gives none
}

// splitMedia finds the parts of an m= line; reason says what is wrong with it.
func splitMedia(line string) (p places, reason string) {
	var port [2]int32
	at := int32(len("m="))
	p.kind, p.kindEnd, at = span(line, at)
	port[0], port[1], at = span(line, at)
	p.proto, p.protoEnd, at = span(line, at)
	for int(at) < len(line) && isBlank(line[at]) {
		at++
	}
	if p.formats = at; int(at) == len(line) {
		return p, "m= needs media, port, proto and a format"
	}
	number, count, hasCount := strings.Cut(line[port[0]:port[1]], "/")
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return p, "the port is not a number from 0 to 65535"
	}
	p.port = uint16(n)
	if hasCount {
		c, err := strconv.ParseUint(count, 10, 16)
		if err != nil || c == 0 {
			return p, "the number of ports is not a number from 1 to 65535"
		}
		p.count = uint16(c)
	}
	return p, ""
}

// span finds the next field from a place on, and the place behind it.
func span(line string, from int32) (start, end, next int32) {
	n := int32(len(line))
	start = from
	for start < n && isBlank(line[start]) {
		start++
	}
	end = start
	for end < n && !isBlank(line[end]) {
		end++
	}
	return start, end, min(end+1, n)
}

// parseError makes a ParseError with the line cut to a size fit for a log.
func parseError(number int, line, reason string) *ParseError {
	return &ParseError{Line: number, Text: line[:min(len(line), 80)], Reason: reason}
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
