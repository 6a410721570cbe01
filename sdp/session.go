package sdp

import (
	"encoding/json"
	"strings"
)

// A Session is one session description. Make it with [Parse] or
// [Session.Clone]; the zero Session has no lines and its Bytes are empty.
//
// Reading is safe for concurrent use as long as nobody writes.
type Session struct {
	lines []string // the lines before the first m=, without line ends
	media []*Media // one per m-line, in order, rejected ones included
	text  string   // what was parsed

	// A telephone's description fits in here: then lines and media are these.
	room   [20]string
	first  [1]Media
	firsts [1]*Media
}

// Bytes returns the description with CRLF line ends.
func (s *Session) Bytes() []byte {
	size := 0
	for _, line := range s.lines {
		size += len(line) + 2
	}
	for _, m := range s.media {
		for _, line := range m.lines {
			size += len(line) + 2
		}
	}
	b := make([]byte, 0, size)
	b = appendLines(b, s.lines)
	for _, m := range s.media {
		b = appendLines(b, m.lines)
	}
	return b
}

// String returns the description as it would be sent. It allocates nothing when
// that is what was parsed.
func (s *Session) String() string {
	rest, ok := cutLines(s.text, s.lines)
	for i := 0; ok && i < len(s.media); i++ {
		rest, ok = cutLines(rest, s.media[i].lines)
	}
	if ok && rest == "" {
		return s.text
	}
	return string(s.Bytes())
}

// Clone returns a copy that shares nothing that can be changed.
func (s *Session) Clone() *Session {
	size := len(s.lines)
	for _, m := range s.media {
		size += len(m.lines)
	}
	c := &Session{text: s.text}
	all := c.room[:0]
	if size > len(c.room) {
		all = make([]string, 0, size)
	}
	all = append(all, s.lines...)
	for _, m := range s.media {
		all = append(all, m.lines...)
	}
	c.assemble(all, len(s.media))
	return c
}

// Media returns the m-lines in order. A disabled one keeps its place (RFC 3264
// §8), so an index means the same stream for the life of the session. The
// slice is the session's own: change the elements through their methods, not
// the slice.
func (s *Session) Media() []*Media { return s.media }

// Attribute returns the value of the first session-level a= line of that name
// (case matters, RFC 8866 §5); ok tells a flag attribute from none.
func (s *Session) Attribute(name string) (value string, ok bool) {
	return attribute(s.lines, name)
}

// SessionName returns the value of the s= line, "" when there is none.
func (s *Session) SessionName() string {
	if i := indexType(s.lines, 's'); i >= 0 {
		return s.lines[i][2:]
	}
	return ""
}

// SetSessionName replaces the s= line. A name that is empty or that could not
// stand on one line is written "-" (RFC 8866 §5.3).
func (s *Session) SetSessionName(name string) {
	if name == "" || strings.ContainsAny(name, "\r\n\x00") {
		name = "-"
	}
	s.lines = setLine(s.lines, "s="+name, "vo")
}

// MarshalJSON writes the description as base64, because its octets need not be
// UTF-8 and must come back as they were.
func (s *Session) MarshalJSON() ([]byte, error) { return json.Marshal(s.Bytes()) }

// UnmarshalJSON reads what MarshalJSON wrote. It applies no limits on size,
// since rewriting may have passed those of Parse.
func (s *Session) UnmarshalJSON(b []byte) error {
	var body []byte
	if err := json.Unmarshal(b, &body); err != nil {
		return err
	}
	if len(body) == 0 {
		*s = Session{}
		return nil
	}
	const none = int(^uint(0)>>1) - 1
	parsed, err := Limits{Bytes: none, Lines: none, Media: none}.Parse(body)
	if err != nil {
		return err
	}
	s.lines, s.media, s.text = parsed.lines, parsed.media, parsed.text
	for _, m := range s.media {
		m.session = s
	}
	return nil
}
