package sipmsg_test

import (
	"errors"
	"strings"
	"testing"

	"b2bua/legs/sipmsg"
)

// outgoing is a request as a leg makes it: no Raw anywhere.
func outgoing() *sipmsg.Message {
	return &sipmsg.Message{
		Method:       "INVITE",
		URI:          sipmsg.URI{Scheme: "sip", User: "33123456789", Host: "2001:db8::2", Port: 5062},
		Vias:         []sipmsg.Via{{Transport: "UDP", Host: "2001:db8::1", Port: 5060, Params: sipmsg.Params{{"branch", "z9hG4bKa"}, {"rport", ""}}}},
		From:         sipmsg.Address{Display: `Al "Ace" \ B`, URI: sipmsg.URI{Scheme: "sip", User: "1000", Host: "192.0.2.1"}, Params: sipmsg.Params{{"tag", "t1"}}},
		To:           sipmsg.Address{URI: sipmsg.URI{Scheme: "tel", Opaque: "+33123456789"}},
		CallID:       "c1",
		CSeq:         7,
		MaxForwards:  69,
		Contacts:     []sipmsg.Address{{URI: sipmsg.URI{Scheme: "sips", User: "x", Password: "y", Host: "h", Params: sipmsg.Params{{"lr", ""}}, Headers: "a=b"}}},
		Routes:       []sipmsg.Address{{URI: sipmsg.URI{Scheme: "sip", Host: "p1", Params: sipmsg.Params{{"lr", ""}}}}, {Raw: "<sip:p2;lr>;rn=1"}},
		RecordRoutes: []sipmsg.Address{{Raw: "<sip:p3;lr>"}},
		Headers:      []sipmsg.Header{{"Supported", "timer"}, {"X-Empty", ""}},
		ContentType:  "application/sdp",
		Body:         []byte("v=0\r\n"),
	}
}

func TestAppend(t *testing.T) {
	want := string(crlf(`
INVITE sip:33123456789@[2001:db8::2]:5062 SIP/2.0
Via: SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bKa;rport
Route: <sip:p1;lr>
Route: <sip:p2;lr>;rn=1
Record-Route: <sip:p3;lr>
Max-Forwards: 69
From: "Al \"Ace\" \\ B" <sip:1000@192.0.2.1>;tag=t1
To: <tel:+33123456789>
Call-ID: c1
CSeq: 7 INVITE
Contact: <sips:x:y@h;lr?a=b>
Supported: timer
X-Empty: 
Content-Type: application/sdp
Content-Length: 5

v=0
`))
	m := outgoing()
	equal(t, "message", mustBytes(t, m), want)
	b, err := m.Append([]byte("before"))
	equal(t, "error", err, nil)
	equal(t, "appended", string(b), "before"+want)

	back := mustParse(t, []byte(want))
	equal(t, "display", back.From.Display, m.From.Display)
	equal(t, "to and fro", mustBytes(t, back), want)

	m.RequestURI = "sip:as-it-came@h"
	equal(t, "Request-URI as it came", strings.HasPrefix(mustBytes(t, m), "INVITE sip:as-it-came@h SIP/2.0\r\n"), true)
	m.MaxForwards = -1
	equal(t, "no Max-Forwards", strings.Contains(mustBytes(t, m), "Max-Forwards"), false)
}

// TestNothingUnsafeLeaves puts what would end a line early into every field.
func TestNothingUnsafeLeaves(t *testing.T) {
	fields := map[string]func(m *sipmsg.Message, bad string){
		"method":       func(m *sipmsg.Message, bad string) { m.Method = "INV" + bad },
		"Request-URI":  func(m *sipmsg.Message, bad string) { m.RequestURI = "sip:a" + bad },
		"URI user":     func(m *sipmsg.Message, bad string) { m.URI.User = bad },
		"URI host":     func(m *sipmsg.Message, bad string) { m.URI.Host = bad },
		"URI param":    func(m *sipmsg.Message, bad string) { m.URI.Params = sipmsg.Params{{"a", bad}} },
		"Via host":     func(m *sipmsg.Message, bad string) { m.Vias[0].Host = bad },
		"Via raw":      func(m *sipmsg.Message, bad string) { m.Vias[0].Raw = bad },
		"From raw":     func(m *sipmsg.Message, bad string) { m.From.Raw = "<sip:a@h>" + bad },
		"From user":    func(m *sipmsg.Message, bad string) { m.From.URI.User = "a" + bad },
		"From tag":     func(m *sipmsg.Message, bad string) { m.From = m.From.WithTag(bad) },
		"To":           func(m *sipmsg.Message, bad string) { m.To.URI.Opaque += bad },
		"Call-ID":      func(m *sipmsg.Message, bad string) { m.CallID += bad },
		"Contact":      func(m *sipmsg.Message, bad string) { m.Contacts[0].URI.Headers = bad },
		"Route":        func(m *sipmsg.Message, bad string) { m.Routes[1].Raw = bad },
		"Record-Route": func(m *sipmsg.Message, bad string) { m.RecordRoutes[0].Raw = bad },
		"header name":  func(m *sipmsg.Message, bad string) { m.Headers[0].Name += bad },
		"header value": func(m *sipmsg.Message, bad string) { m.Headers[1].Value = bad + "Via: evil" },
		"Content-Type": func(m *sipmsg.Message, bad string) { m.ContentType += bad },
	}
	for name, set := range fields {
		for _, bad := range []string{"\r\n", "\n", "\r", "\x00", "x\r\nX-Injected: 1"} {
			m := outgoing()
			set(m, bad)
			b, err := m.Append([]byte("before"))
			if !errors.Is(err, sipmsg.ErrUnsafe) || string(b) != "before" {
				t.Errorf("%s with %q: %v\n%s", name, bad, err, b)
			}
		}
	}
	m := outgoing()
	m.From.Display = "a\r\nX-Injected: 1\x00"
	equal(t, "control characters in a display name", strings.Contains(mustBytes(t, m), `From: "aX-Injected: 1" <`), true)

	response := &sipmsg.Message{Status: 200, Method: "INVITE", Reason: "O\r\nK"}
	_, err := response.Bytes()
	equal(t, "reason", err, sipmsg.ErrUnsafe)
	response = &sipmsg.Message{Status: 200, Method: "", Reason: "OK"}
	_, err = response.Bytes()
	equal(t, "response without method", err, sipmsg.ErrUnsafe)
}

// TestNoHeaderContradictsAField: a rule that adds a Content-Length or a Via would
// smuggle a second message or a way back.
func TestNoHeaderContradictsAField(t *testing.T) {
	for _, name := range []string{
		"Via", "v", "From", "F", "to", "t", "Call-ID", "i", "CSEQ", "Max-Forwards", "Contact", "m",
		"Record-Route", "Route", "Content-Type", "c", "content-length", "L", "", "A B", "A:", "Ä",
	} {
		m := outgoing()
		m.Headers[1].Name = name
		if _, err := m.Bytes(); !errors.Is(err, sipmsg.ErrUnsafe) {
			t.Errorf("header %q: %v", name, err)
		}
	}
	for _, name := range []string{"x", "Refer-To", "Min-SE", "Date", "Alert-Info", "Content-Disposition", "X-Call-ID"} {
		m := outgoing()
		m.Headers[1].Name = name
		mustBytes(t, m)
	}
	for _, uri := range []string{"sip:a@h SIP/2.0", "sip:a@h\tx", " "} {
		m := outgoing()
		m.RequestURI = uri
		if _, err := m.Bytes(); !errors.Is(err, sipmsg.ErrUnsafe) {
			t.Errorf("Request-URI %q: %v", uri, err)
		}
	}
	m := outgoing()
	m.URI = sipmsg.URI{}
	_, err := m.Bytes()
	equal(t, "no Request-URI", err, sipmsg.ErrUnsafe)
}
