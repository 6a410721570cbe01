package sipmsg

import (
	"bytes"
	"errors"
	"strconv"
	"sync"
)

// ErrUnsafe is returned instead of bytes when a value would end its line early or
// a header would contradict the message's own fields: a bug upstairs, or an
// attempt to inject a header.
var ErrUnsafe = errors.New("sip: unsafe value in an outgoing message")

// Bytes returns m as it goes on the wire.
func (m *Message) Bytes() ([]byte, error) {
	scratch := scratches.Get().(*[]byte)
	defer scratches.Put(scratch)
	b, err := m.Append((*scratch)[:0])
	if err != nil {
		return nil, err
	}
	if cap(b) <= maxScratch {
		*scratch = b
	}
	return bytes.Clone(b), nil // of the right size: a transaction keeps it for half a minute
}

// scratches has the buffers in which Bytes finds out how long a message is. A
// longer one than maxScratch is rare, and not kept.
var scratches = sync.Pool{New: func() any {
	b := make([]byte, 0, 2048)
	return &b
}}

const maxScratch = 16 << 10

// Append appends m to dst as it goes on the wire, Content-Length always included.
// It returns dst unchanged and [ErrUnsafe] when any value holds CR, LF or NUL,
// when the method or a header name is no token, when the Request-URI is empty or
// holds a blank, when the status is none, or when m.Headers names a header that
// has a field of its own. Mandatory headers that are not set are left out: only a
// refused request has none to repeat.
func (m *Message) Append(dst []byte) ([]byte, error) {
	w := writer{b: dst}
	if m.IsRequest() {
		w.requestLine(m)
	} else {
		w.statusLine(m)
	}
	for i := range m.Vias {
		w.name("Via")
		w.b = m.Vias[i].append(w.b)
		w.end()
	}
	w.addresses("Route", m.Routes)
	w.addresses("Record-Route", m.RecordRoutes)
	if m.IsRequest() && m.MaxForwards >= 0 {
		w.name("Max-Forwards")
		w.b = strconv.AppendInt(w.b, int64(m.MaxForwards), 10)
		w.end()
	}
	w.address("From", &m.From)
	w.address("To", &m.To)
	w.value("Call-ID", m.CallID)
	w.cseq(m)
	w.addresses("Contact", m.Contacts)
	for i := range m.Headers {
		h := &m.Headers[i]
		if known := names.find(h.Name); known != nil && known.field != other || known == nil && !isToken(h.Name) {
			return dst, ErrUnsafe
		}
		w.name(h.Name)
		w.b = append(w.b, h.Value...)
		w.end()
	}
	w.value("Content-Type", m.ContentType)
	w.name("Content-Length")
	w.b = strconv.AppendInt(w.b, int64(len(m.Body)), 10)
	w.end()
	w.end()
	if !w.safe(len(dst)) {
		return dst, ErrUnsafe
	}
	return append(w.b, m.Body...), nil
}

// writer is the one place where lines are ended, and so the one that can tell
// whether a value has ended any.
type writer struct {
	b      []byte
	lines  int
	unsafe bool
}

func (w *writer) name(name string) {
	w.b = append(append(w.b, name...), ": "...)
}

func (w *writer) end() {
	w.b = append(w.b, "\r\n"...)
	w.lines++
}

// safe reports whether the lines written since start are those that were meant.
func (w *writer) safe(start int) bool {
	head := w.b[start:]
	return !w.unsafe && bytes.Count(head, []byte{'\r'}) == w.lines &&
		bytes.Count(head, []byte{'\n'}) == w.lines && bytes.IndexByte(head, 0) < 0
}

func (w *writer) value(name, value string) {
	if value == "" {
		return
	}
	w.name(name)
	w.b = append(w.b, value...)
	w.end()
}

func (w *writer) address(name string, a *Address) {
	if a.Raw == "" && a.URI.Scheme == "" && !a.Wildcard() {
		return
	}
	w.name(name)
	w.b = a.append(w.b)
	w.end()
}

func (w *writer) addresses(name string, list []Address) {
	for i := range list {
		w.address(name, &list[i])
	}
}

func (w *writer) requestLine(m *Message) {
	w.b = append(append(w.b, m.Method...), ' ')
	uri := len(w.b)
	if m.RequestURI != "" {
		w.b = append(w.b, m.RequestURI...)
	} else {
		w.b = m.URI.append(w.b)
	}
	if !isToken(m.Method) || len(w.b) == uri {
		w.unsafe = true
	}
	for _, c := range w.b[uri:] {
		w.unsafe = w.unsafe || c <= ' '
	}
	w.b = append(w.b, " SIP/2.0"...)
	w.end()
}

func (w *writer) statusLine(m *Message) {
	if m.Status < 100 || m.Status > 699 {
		w.unsafe = true
	}
	w.b = append(w.b, "SIP/2.0 "...)
	w.b = strconv.AppendInt(w.b, int64(m.Status), 10)
	w.b = append(append(w.b, ' '), m.Reason...)
	w.end()
}

func (w *writer) cseq(m *Message) {
	if m.cseqRaw != "" && !m.IsRequest() {
		w.value("CSeq", m.cseqRaw)
		return
	}
	if !isToken(m.Method) {
		w.unsafe = true
	}
	w.name("CSeq")
	w.b = strconv.AppendUint(w.b, uint64(m.CSeq), 10)
	w.b = append(append(w.b, ' '), m.Method...)
	w.end()
}
