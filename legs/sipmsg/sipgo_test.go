package sipmsg

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// A sipgoFramer is the oracle of cut: sipgo's parser run for the start line, the
// lines and their folding. Its table of header parsers interprets nothing, it only
// hands values over as they came: sipgo's own parsers lose what they do not
// understand (defect_test.go).
type sipgoFramer struct {
	parser *sip.Parser
	known  []line // headers in the table, in the order of the message
}

// taken stands in sipgo's message for a header that is in sipgoFramer.known. Only
// sipgo can implement the methods of sip.Header, and nobody calls them here.
type taken struct{ sip.Header }

func newSipgoFramer() *sipgoFramer {
	f := &sipgoFramer{}
	mark := &taken{}
	table := make(map[string]sip.HeaderParser)
	for _, h := range names.headers[1:] {
		table[lower(h.spelled)] = func(_ []byte, value string) (sip.Header, error) {
			f.known = append(f.known, line{h.name, value, h.field})
			return mark, nil
		}
	}
	f.parser = sip.NewParser(sip.WithHeadersParsers(table))
	return f
}

var fold = regexp.MustCompile(`[ \t]*\r\n[ \t]+`)

// cut is false when sipgo refuses the header, and for what it takes without
// looking: a fold of the start line, which becomes a header; lone line feeds and
// NULs in values; names that are no tokens, or that other blanks follow than SP
// and HTAB; any number of lines.
func (f *sipgoFramer) cut(datagram []byte, maxLines int) (out frame, all []line, ok bool) {
	datagram = skipEmptyLines(datagram)
	end := bytes.Index(datagram, []byte("\r\n\r\n"))
	if end < 0 {
		return frame{}, nil, false
	}
	head := datagram[:end+4]
	lines := bytes.Count(head, []byte{'\n'})
	start := bytes.IndexByte(head, '\n')
	if lines-2 > maxLines || isBlank(head[start+1]) || bytes.Count(head, []byte{'\r'}) != lines || bytes.IndexByte(head, 0) >= 0 {
		return frame{}, nil, false
	}
	for l := range strings.SplitSeq(fold.ReplaceAllString(string(head[start+1:len(head)-2]), " "), "\r\n") {
		if name, _, _ := strings.Cut(l, ":"); l != "" && !isToken(trimRight(name)) {
			return frame{}, nil, false
		}
	}
	f.known = nil
	msg, _, err := f.parser.ParseHeaders(head, false)
	if err != nil {
		return frame{}, nil, false
	}
	out = frame{start: string(head[:start-1]), body: datagram[end+4:]}
	for _, h := range msg.(interface{ Headers() []sip.Header }).Headers() {
		if _, ok := h.(*taken); ok {
			all, f.known = append(all, f.known[0]), f.known[1:]
		} else {
			all = append(all, line{name: h.Name(), value: h.Value()})
		}
	}
	return out, all, true
}
