package sipmsg

import (
	"bytes"
	"strings"
)

// line is one header line, unfolded and trimmed, under its canonical name.
type line struct {
	name  string
	value string
	field field
}

// frame is what there is of a message cut into lines beside those lines; nothing
// in it has been looked into yet.
type frame struct {
	start string
	body  []byte // what follows the empty line; shares memory with the datagram
	flaw  string // the first line that is none; the others are still there
	mute  bool   // that one would have to be repeated in an answer, and must not
}

const (
	flawEnd     = "No Empty Line After Header"
	flawLine    = "Malformed Header Line"
	flawControl = "Control Character in Header"
	flawMany    = "Too Many Header Lines"
)

// cut cuts one message by its line ends (RFC 3261 §7). It goes on after a bad
// line, because the headers that follow are needed to answer. The start line is
// left to [parser.startLine]. All text is in one copy of the header. Lines are
// appended to room; they are not in the frame, so that room can be on the stack.
func cut(datagram []byte, maxLines int, room []line) (f frame, lines []line) {
	lines = room[:0]
	head := skipEmptyLines(datagram)
	var text splitter
	end, breaks := headEnd(head, &text.ends)
	if end >= 0 {
		head, f.body = head[:end], head[end+2:]
	} else {
		f.flaw = flawEnd
	}
	plain := bytes.Count(head, []byte{'\r'}) == breaks && bytes.Count(head, []byte{'\n'}) == breaks && bytes.IndexByte(head, 0) < 0
	text.rest, text.known = string(head), min(breaks, len(text.ends))
	f.start = text.next()
	if text.folded() && f.flaw == "" {
		f.flaw = flawLine // a start line cannot be folded (§7.3.1)
	}
	for text.rest != "" {
		raw := text.next()
		if text.folded() {
			raw = text.unfold(raw)
		}
		if len(lines) == maxLines {
			f.flaw = flawMany
			return f, lines
		}
		lines = append(lines, line{})
		l := &lines[len(lines)-1]
		flaw := l.parse(raw)
		if flaw == "" && !plain {
			flaw = l.control()
		}
		if flaw == "" {
			continue
		}
		if f.flaw == "" {
			f.flaw = flaw
		}
		switch l.field {
		case via, from, to, callID, cseq:
			f.mute = true
		default: // not repeated in a response
		}
		lines = lines[:len(lines)-1]
	}
	return f, lines
}

// skipEmptyLines passes over what may stand before a start line (RFC 3261 §7.5).
func skipEmptyLines(b []byte) []byte {
	for len(b) >= 2 && b[0] == '\r' && b[1] == '\n' {
		b = b[2:]
	}
	return b
}

// headEnd returns the index of the empty line that ends a header, -1 without one,
// and how many lines before it end with CRLF. It writes where the first of them
// end to ends.
func headEnd(b []byte, ends *[knownEnds]int32) (end, breaks int) {
	for i := 0; i < len(b); i++ {
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			break
		}
		if i += n; i == 0 || b[i-1] != '\r' {
			continue
		}
		if breaks < len(ends) {
			ends[breaks] = int32(i + 1) //nolint:gosec // a datagram is no longer
		}
		breaks++
		if i+2 < len(b) && b[i+1] == '\r' && b[i+2] == '\n' {
			return i + 1, breaks
		}
	}
	return -1, breaks
}

// A splitter cuts text into its lines. Where the first ones end has been found
// before.
type splitter struct {
	rest  string
	done  int              // bytes before rest
	lines int              // before rest
	known int              // lines in ends; the others are looked for
	ends  [knownEnds]int32 // of lines, after their CRLF
}

const knownEnds = 32

func (s *splitter) next() (line string) {
	before := len(s.rest)
	if s.lines < s.known {
		n := int(s.ends[s.lines]) - s.done
		line, s.rest = s.rest[:n-2], s.rest[n:]
	} else {
		line, s.rest = nextLine(s.rest)
	}
	s.lines++
	s.done += before - len(s.rest)
	return line
}

// folded reports whether the next line continues the last one.
func (s *splitter) folded() bool { return s.rest != "" && isBlank(s.rest[0]) }

func nextLine(s string) (line, rest string) {
	for i := 0; i < len(s); i++ {
		n := strings.IndexByte(s[i:], '\n')
		if n < 0 {
			break
		}
		if i += n; i > 0 && s[i-1] == '\r' {
			return s[:i-1], s[i+1:]
		}
	}
	return s, ""
}

// unfold joins the continuation lines that come next to first, one blank for each
// fold (RFC 3261 §7.3.1).
func (s *splitter) unfold(first string) string {
	var b strings.Builder
	b.WriteString(trimRight(first))
	for s.folded() {
		b.WriteByte(' ')
		b.WriteString(trim(s.next()))
	}
	return b.String()
}

// parse cuts a line at its colon and says what is wrong with its name.
func (l *line) parse(raw string) (flaw string) {
	if n := span(raw, tokenChar); n > 0 && n < len(raw) && raw[n] == ':' {
		l.value = trimSpace(raw[n+1:])
		l.name, l.field = canonical(raw[:n])
		return ""
	}
	name, value, ok := strings.Cut(raw, ":")
	if !ok {
		return flawLine
	}
	l.value = trimSpace(value)
	if l.name, l.field = canonical(trimRight(name)); !isToken(l.name) {
		return flawLine
	}
	return ""
}

// control refuses a value that holds what would end it early. Other control
// characters are left to those who read the value: a quoted string may hold them
// (§25.1).
func (l *line) control() string {
	if strings.ContainsAny(l.value, "\x00\r\n") {
		return flawControl
	}
	return ""
}

// trimSpace is [strings.TrimSpace], quick about text with nothing but blanks
// around it.
func trimSpace(s string) string {
	s = trim(s)
	if s == "" || isVisible(s[0]) && isVisible(s[len(s)-1]) {
		return s
	}
	return strings.TrimSpace(s)
}

func isVisible(c byte) bool { return c > ' ' && c < 0x7f }
