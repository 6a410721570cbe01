package sipmsg

import (
	"bytes"
	"sync"

	"github.com/emiago/sipgo/sip"
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
	mute  bool   // that one would have to be repeated in an answer, and must not
}

// framer runs sipgo's parser for the start line, the lines and their folding. Its
// table of header parsers interprets nothing, it only hands values over as they
// came: sipgo's own parsers lose what they do not understand. Not for concurrent
// use.
type framer struct {
	parser *sip.Parser
	known  []line // headers in the table, in the order of the message
	lines  []line // all headers, when some are not in the table
}

// framers keeps framers between messages: a table is larger than a message.
var framers = sync.Pool{New: func() any { return newFramer() }}

// taken stands in sipgo's message for a header that is in framer.known. Only
// sipgo can implement the methods of sip.Header, and nobody calls them here.
type taken struct{ sip.Header }

func newFramer() *framer {
	f := &framer{}
	mark := &taken{}
	table := make(map[string]sip.HeaderParser, len(known))
	for lowered, h := range known {
		table[lowered] = func(_ []byte, value string) (sip.Header, error) {
			f.known = append(f.known, line{h.name, value, h.field})
			return mark, nil
		}
	}
	f.parser = sip.NewParser(sip.WithHeadersParsers(table))
	return f
}

// frame cuts one message (RFC 3261 §7). What sipgo refuses, or takes without
// looking, is left to [salvage]: it may be good all the same, and if it is not it
// has to be answered. The result is good until the next call.
func (f *framer) frame(datagram []byte, maxLines int) frame {
	if out, ok := f.sipgo(datagram, maxLines); ok {
		return out
	}
	return salvage(datagram, maxLines)
}

func (f *framer) sipgo(datagram []byte, maxLines int) (out frame, ok bool) {
	datagram = skipEmptyLines(datagram)
	end := bytes.Index(datagram, []byte("\r\n\r\n"))
	if end < 0 {
		return frame{}, false
	}
	head := datagram[:end+4]
	lines := bytes.Count(head, []byte{'\n'})
	start := bytes.IndexByte(head, '\n')
	if lines-2 > maxLines || // sipgo does not count
		isBlank(head[start+1]) || // a fold of the start line would become a header
		bytes.Count(head, []byte{'\r'}) != lines || // a lone line feed in a value
		bytes.IndexByte(head, 0) >= 0 {
		return frame{}, false
	}
	f.known = f.known[:0]
	msg, _, err := f.parser.ParseHeaders(head, false)
	if err != nil {
		return frame{}, false
	}
	out = frame{start: string(head[:start-1]), lines: f.known, body: datagram[end+4:]}
	if headers := msg.(interface{ Headers() []sip.Header }).Headers(); len(headers) > len(f.known) {
		out.lines = f.merge(headers)
	}
	for i := range out.lines {
		if l := &out.lines[i]; l.field == other && !isToken(l.name) {
			return frame{}, false
		}
	}
	return out, true
}

// merge puts the headers that are not in the table between those that are.
func (f *framer) merge(headers []sip.Header) []line {
	f.lines = f.lines[:0]
	next := 0
	for _, h := range headers {
		if _, ok := h.(*taken); ok {
			f.lines = append(f.lines, f.known[next])
			next++
		} else {
			f.lines = append(f.lines, line{name: h.Name(), value: h.Value()})
		}
	}
	return f.lines
}

// release forgets the last message, whose strings would be kept alive.
func (f *framer) release() {
	clear(f.known)
	clear(f.lines)
	framers.Put(f)
}
