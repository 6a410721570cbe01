package sipmsg

import "bytes"

// A Piece is what a [Framer] finds at the beginning of a stream.
type Piece uint8

// The pieces.
const (
	PieceNone    Piece = iota // not enough has been read
	PieceMessage              // a whole message
	PiecePing                 // CRLF CRLF, to be answered with one CRLF (RFC 5626 §3.5.1)
	PieceBlank                // CRLF: an answer to a ping, or an empty line (RFC 3261 §7.5)
)

// A Framer cuts a stream into messages (RFC 3261 §18.3). It looks at no byte
// twice, however slowly they come. The zero Framer is ready; it is good for one
// stream.
type Framer struct {
	// Max bounds a message, in bytes; 0 means 65535.
	Max int

	searched int  // bytes in which the header does not end
	total    int  // bytes of the message, once its header has been read
	blank    bool // the last piece was a CRLF with nothing after it
}

// Next returns the first piece of b, and how many bytes of b it is. b is what has
// been read and not been cut off yet: after a piece it begins with what follows
// that piece, otherwise it only grows.
//
// An error, always an [*Error], says that nothing after it can be made sense of:
// the stream has to be closed. The bytes returned with it are the header that
// cannot be framed, for [Parse] to tell whom to answer; 0 when there is none.
func (f *Framer) Next(b []byte) (Piece, int, error) {
	limit := f.Max
	if limit <= 0 {
		limit = Limits{}.withDefaults().MessageBytes
	}
	if f.searched == 0 && f.total == 0 {
		if piece, n, done := f.empty(b); done {
			return piece, n, nil
		}
	}
	if f.total == 0 {
		end := bytes.Index(b[f.searched:], []byte("\r\n\r\n"))
		if end < 0 {
			f.searched = max(0, len(b)-3)
			if len(b) > limit {
				return PieceNone, 0, &Error{Status: 513, Reason: "Message Too Large"}
			}
			return PieceNone, 0, nil
		}
		head := f.searched + end + 4
		length, reason := contentLengthOf(b[:head])
		switch {
		case reason != "":
			return PieceNone, head, &Error{Status: 400, Reason: reason}
		case length > limit-head:
			return PieceNone, min(head, limit), &Error{Status: 513, Reason: "Message Too Large"}
		}
		f.total = head + length
	}
	if len(b) < f.total {
		return PieceNone, 0, nil
	}
	n := f.total
	f.searched, f.total = 0, 0
	return PieceMessage, n, nil
}

// empty takes what may stand between messages. A ping whose second half comes
// later is one all the same.
func (f *Framer) empty(b []byte) (piece Piece, n int, done bool) {
	again := f.blank
	switch {
	case len(b) == 0, len(b) == 1 && b[0] == '\r':
		return PieceNone, 0, true
	case b[0] != '\r' || b[1] != '\n':
		f.blank = false
		return PieceNone, 0, false
	case again:
		f.blank = false
		return PiecePing, 2, true
	case len(b) == 3 && b[2] == '\r':
		return PieceNone, 0, true
	case len(b) >= 4 && b[2] == '\r' && b[3] == '\n':
		return PiecePing, 4, true
	}
	f.blank = len(b) == 2
	return PieceBlank, 2, true
}

// contentLengthOf reads the length of the body from a header. Over a stream it
// must be there (RFC 3261 §20.14), and all that is there must say the same: what
// two parsers read differently lets a peer hide a message in another.
func contentLengthOf(head []byte) (length int, reason string) {
	length = -1
	_, rest := cutLine(head)
	for len(rest) > 0 {
		var line []byte
		line, rest = cutLine(rest)
		for len(rest) > 0 && isBlank(rest[0]) { // folded: RFC 3261 §7.3.1
			var more []byte
			more, rest = cutLine(rest)
			line = append(bytes.Clone(line), more...)
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		switch exact := bytes.TrimRight(name, " \t"); {
		case !ok || !isContentLength(bytes.TrimSpace(name)):
			continue
		case !isContentLength(exact): // HCOLON has no other blanks (§25.1), not everybody knows
			return 0, flawLine
		}
		n, ok := parseUint(string(bytes.TrimSpace(value)), 1<<31-1)
		switch {
		case !ok:
			return 0, "Malformed Content-Length"
		case length >= 0 && length != int(n):
			return 0, "Contradicting Content-Length"
		}
		length = int(n)
	}
	if length < 0 {
		return 0, "No Content-Length"
	}
	return length, ""
}

func isContentLength(name []byte) bool {
	return len(name) == 1 && lowerByte(name[0]) == 'l' || bytes.EqualFold(name, []byte("Content-Length"))
}

// cutLine cuts at the first CRLF, as [nextLine] does.
func cutLine(b []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(b, []byte("\r\n"))
	return line, rest
}
