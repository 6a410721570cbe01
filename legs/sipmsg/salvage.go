package sipmsg

import (
	"bytes"
	"strings"
)

const (
	flawEnd     = "No Empty Line After Header"
	flawLine    = "Malformed Header Line"
	flawControl = "Control Character in Header"
	flawMany    = "Too Many Header Lines"
)

// salvage cuts a message by its line ends alone. It goes on after a bad line,
// because the headers that follow are needed to answer, and it accepts the start
// lines that sipgo does not know: [parser.startLine] judges them.
func salvage(datagram []byte, maxLines int) frame {
	var f frame
	head := skipEmptyLines(datagram)
	if end := bytes.Index(head, []byte("\r\n\r\n")); end >= 0 {
		head, f.body = head[:end+2], head[end+4:]
	} else {
		f.flaw = flawEnd
	}
	text := string(head)
	f.start, text = nextLine(text)
	if text != "" && isBlank(text[0]) && f.flaw == "" {
		f.flaw = flawLine // a start line cannot be folded (§7.3.1)
	}
	f.lines = make([]line, 0, min(strings.Count(text, "\n"), maxLines))
	for text != "" {
		var raw string
		raw, text = nextLine(text)
		raw, text = unfold(raw, text)
		if len(f.lines) == maxLines {
			f.flaw = flawMany
			return f
		}
		l, flaw := parseLine(raw)
		if flaw == "" {
			f.lines = append(f.lines, l)
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
	}
	return f
}

// skipEmptyLines passes over what may stand before a start line (RFC 3261 §7.5).
func skipEmptyLines(b []byte) []byte {
	for len(b) >= 2 && b[0] == '\r' && b[1] == '\n' {
		b = b[2:]
	}
	return b
}

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

// unfold joins the continuation lines at the start of rest to first, one blank
// for each fold (RFC 3261 §7.3.1).
func unfold(first, rest string) (whole, after string) {
	if rest == "" || !isBlank(rest[0]) {
		return first, rest
	}
	var b strings.Builder
	b.WriteString(trimRight(first))
	for rest != "" && isBlank(rest[0]) {
		var more string
		more, rest = nextLine(rest)
		b.WriteByte(' ')
		b.WriteString(trim(more))
	}
	return b.String(), rest
}

func parseLine(raw string) (line, string) {
	name, value, ok := strings.Cut(raw, ":")
	if !ok {
		return line{}, flawLine
	}
	// The same trimming as sipgo's, so that both read the same.
	l := line{value: strings.TrimSpace(value)}
	l.name, l.field = canonical(strings.TrimSpace(name))
	return l, l.flaw()
}

// flaw says what is wrong with a line on its own: a name that is no token, a
// value that holds what would end it early. Other control characters are left to
// those who read the value: a quoted string may hold them (§25.1).
func (l *line) flaw() string {
	if !isToken(l.name) {
		return flawLine
	}
	for _, c := range [...]byte{0, '\n', '\r'} {
		if strings.IndexByte(l.value, c) >= 0 {
			return flawControl
		}
	}
	return ""
}
