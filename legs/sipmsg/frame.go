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

// frame is a message cut into lines; nothing in it has been looked into yet.
type frame struct {
	start string
	lines []line
	body  []byte // what follows the empty line; shares memory with the datagram
	flaw  string // the first line that is none; the others are still there
}

const (
	flawEnd     = "No Empty Line After Header"
	flawLine    = "Malformed Header Line"
	flawControl = "Control Character in Header"
	flawMany    = "Too Many Header Lines"
)

// cut reads the start line and header lines of one message (RFC 3261 §7). Empty
// lines before it are skipped (§7.5). It goes on after a bad line, because what
// follows is needed to answer.
func cut(datagram []byte, maxLines int) frame {
	for len(datagram) >= 2 && datagram[0] == '\r' && datagram[1] == '\n' {
		datagram = datagram[2:]
	}
	var f frame
	head := datagram
	if end := bytes.Index(datagram, []byte("\r\n\r\n")); end >= 0 {
		head, f.body = datagram[:end+2], datagram[end+4:]
	} else {
		f.flaw = flawEnd
	}
	// One string for all lines; the values are slices of it.
	text := string(head)
	f.start, text = nextLine(text)
	f.lines = make([]line, 0, min(strings.Count(text, "\n"), maxLines))
	for text != "" {
		var raw string
		raw, text = nextLine(text)
		for text != "" && isBlank(text[0]) {
			var more string
			more, text = nextLine(text)
			raw = trimRight(raw) + " " + trim(more) // §7.3.1
		}
		if len(f.lines) == maxLines {
			f.flaw = flawMany
			return f
		}
		l, flaw := parseLine(raw)
		if flaw == "" {
			f.lines = append(f.lines, l)
		} else if f.flaw == "" {
			f.flaw = flaw
		}
	}
	return f
}

func nextLine(s string) (line, rest string) {
	if i := strings.Index(s, "\r\n"); i >= 0 {
		return s[:i], s[i+2:]
	}
	return s, ""
}

func parseLine(raw string) (line, string) {
	colon := strings.IndexByte(raw, ':')
	if colon < 0 {
		return line{}, flawLine
	}
	name, value := trimRight(raw[:colon]), trim(raw[colon+1:])
	if !isToken(name) {
		return line{}, flawLine
	}
	if strings.IndexByte(value, 0) >= 0 || strings.IndexByte(value, '\n') >= 0 || strings.IndexByte(value, '\r') >= 0 {
		return line{}, flawControl
	}
	l := line{value: value}
	l.name, l.field = canonical(name)
	return l, ""
}
