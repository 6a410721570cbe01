package legs

import (
	"encoding/json"

	"b2bua/legs/sipmsg"
)

// An echo is what every response to a request repeats of it (RFC 3261 §8.2.6.2):
// Via, From, To, Call-ID, CSeq and Record-Route, and nothing else. It is plain
// data: in JSON it is the bytes of a response, which hold all of that to the
// letter.
type echo sipmsg.Message

func echoOf(req *sipmsg.Message) *echo { return (*echo)(req) }

func (e *echo) message() *sipmsg.Message { return (*sipmsg.Message)(e) }

// response makes m a response to the request.
func (e *echo) response(m *sipmsg.Message, status int, reason, tag string) {
	m.SetResponse(e.message(), status, reason, tag)
}

// MarshalJSON writes the echo as the bytes of a 100.
func (e *echo) MarshalJSON() ([]byte, error) {
	var m sipmsg.Message
	m.SetResponse(e.message(), 100, "", "")
	m.Headers, m.RecordRoutes = nil, e.RecordRoutes
	raw, err := m.Bytes()
	if err != nil {
		return nil, err
	}
	return json.Marshal(raw)
}

// UnmarshalJSON reads what MarshalJSON has written.
func (e *echo) UnmarshalJSON(b []byte) error {
	var raw []byte
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	m, err := sipmsg.Parse(raw)
	if err != nil {
		return err
	}
	*e = echo(*m)
	return nil
}
