package sipmsg_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"b2bua/legs/sipmsg"
)

// crlf turns a message typed with plain line ends into one for the wire.
func crlf(s string) []byte {
	return []byte(strings.ReplaceAll(strings.TrimPrefix(s, "\n"), "\n", "\r\n"))
}

// options is a request with the header lines that every request must have. The
// first extra line of a name takes the place of the line that is there, others
// are added at the end; "-Name" takes a line away, "=…" is another request line.
func options(extra ...string) []byte {
	lines := []string{
		"OPTIONS sip:bob@example.com SIP/2.0",
		"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK776",
		"Max-Forwards: 70",
		"From: <sip:alice@example.com>;tag=88",
		"To: <sip:bob@example.com>",
		"Call-ID: a84b4c76e66710",
		"CSeq: 314159 OPTIONS",
		"Content-Length: 0",
	}
	given := len(lines)
	replaced := map[int]bool{}
	for _, e := range extra {
		if line, ok := strings.CutPrefix(e, "="); ok {
			lines[0] = line
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(e, "-"), ":")
		i := slices.IndexFunc(lines[:given], func(l string) bool { return strings.HasPrefix(l, name+":") })
		switch {
		case e[0] == '-':
			lines = slices.Delete(lines, i, i+1)
			given--
		case i >= 0 && !replaced[i]:
			lines[i] = e
			replaced[i] = true
		default:
			lines = append(lines, e)
		}
	}
	return []byte(strings.Join(lines, "\r\n") + "\r\n\r\n")
}

func mustParse(t testing.TB, datagram []byte) *sipmsg.Message {
	t.Helper()
	m, err := sipmsg.Parse(datagram)
	if err != nil {
		t.Fatalf("Parse: %v\n%s", err, datagram)
	}
	return m
}

func mustBytes(t testing.TB, m *sipmsg.Message) string {
	t.Helper()
	b, err := m.Bytes()
	if err != nil {
		t.Fatalf("Bytes: %v", err)
	}
	return string(b)
}

func refusal(t testing.TB, datagram []byte) *sipmsg.Error {
	t.Helper()
	m, err := sipmsg.Parse(datagram)
	var e *sipmsg.Error
	if m != nil || !errors.As(err, &e) {
		t.Fatalf("Parse = %v, %v; want a refusal\n%s", m, err, datagram)
	}
	return e
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func TestParseRequest(t *testing.T) {
	m := mustParse(t, carrierINVITE)
	equal(t, "request", m.IsRequest(), true)
	equal(t, "method", m.Method, "INVITE")
	equal(t, "Request-URI", m.RequestURI, "sip:+33123456789@198.51.100.7:5060;user=phone")
	equal(t, "user", m.URI.User, "+33123456789")
	equal(t, "host", m.URI.HostPort(), "198.51.100.7:5060")
	equal(t, "Vias", len(m.Vias), 2)
	equal(t, "branch", m.Vias[0].Branch(), "z9hG4bK0g4d2q30a8hg7kc5i2b0.1")
	equal(t, "second host", m.Vias[1].Host, "203.0.113.44")
	equal(t, "display", m.From.Display, "+15551230001")
	equal(t, "From tag", m.From.Tag(), "as5c2e3b7d")
	equal(t, "To tag", m.To.Tag(), "")
	equal(t, "Call-ID", m.CallID, "7d1f0c5e6a7b4c2d9e8f-1a2b3c4d@203.0.113.44")
	equal(t, "CSeq", m.CSeq, 102)
	equal(t, "Max-Forwards", m.MaxForwards, 68)
	equal(t, "Contact", m.Contacts[0].URI.String(), "sip:+15551230001@203.0.113.44:5060;transport=udp")
	equal(t, "Record-Route", m.RecordRoutes[0].Raw, "<sip:203.0.113.10;lr;ftag=as5c2e3b7d>")
	equal(t, "Routes", len(m.Routes), 0)
	equal(t, "other headers", len(m.Headers), 6)
	equal(t, "Content-Type", m.ContentType, "application/sdp")
	equal(t, "body", strings.HasPrefix(string(m.Body), "v=0\r\n") && strings.HasSuffix(string(m.Body), "a=rtcp:17043\r\n"), true)
}

func TestParseResponse(t *testing.T) {
	m := mustParse(t, crlf(`
SIP/2.0 183 Session Progress
Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKx;received=198.51.100.9;rport=5062
From: <sip:a@example.com>;tag=1
To: <sip:b@example.com>;tag=2
Call-ID: c
CSeq: 1 INVITE

`))
	equal(t, "request", m.IsRequest(), false)
	equal(t, "status", m.Status, 183)
	equal(t, "reason", m.Reason, "Session Progress")
	equal(t, "method", m.Method, "INVITE")
	equal(t, "Max-Forwards", m.MaxForwards, -1)
	equal(t, "received", m.Vias[0].Received(), "198.51.100.9")
	port, ok := m.Vias[0].RPort()
	equal(t, "rport", port, 5062)
	equal(t, "rport there", ok, true)
}

// TestParseKeepsNothing: the datagram's buffer is used again at once.
func TestParseKeepsNothing(t *testing.T) {
	b := slices.Clone(carrierINVITE)
	m := mustParse(t, b)
	before := mustBytes(t, m)
	for i := range b {
		b[i] = 'x'
	}
	equal(t, "message after its buffer was overwritten", mustBytes(t, m), before)
}

func TestHeaderLists(t *testing.T) {
	m := mustParse(t, options(
		`Supported: timer , 100rel,,replaces`,
		`k: Path`,
		`Privacy: id;Header ; user`,
		`P-Asserted-Identity: "Doe, Jane" <sip:jane@example.com;x=a,b>, <tel:+15551230001>`,
		`Subject: one, two`,
		`Proxy-Authorization: Digest username="a", realm="b"`,
		`X-Empty:`,
	))
	equal(t, "first line", m.Header("supported"), "timer , 100rel,,replaces")
	equal(t, "absent", m.Header("Require"), "")
	equal(t, "own field", m.Header("Call-ID"), "")
	for _, c := range []struct {
		name         string
		values, toks string
	}{
		{"Supported", "timer|100rel|replaces|Path", "timer|100rel|replaces|path"},
		{"privacy", "id;Header ; user", "id|header|user"},
		{"P-Asserted-Identity", `"Doe, Jane" <sip:jane@example.com;x=a,b>|<tel:+15551230001>`, ""},
		{"Subject", "one, two", ""},
		{"Proxy-Authorization", `Digest username="a", realm="b"`, ""},
		{"X-Empty", "", ""},
		{"Require", "", ""},
	} {
		equal(t, c.name, strings.Join(m.HeaderValues(c.name), "|"), c.values)
		if c.toks != "" {
			equal(t, c.name+" tokens", strings.Join(m.Tokens(c.name), "|"), c.toks)
		}
	}
}

func TestCanonicalNames(t *testing.T) {
	for in, want := range map[string]string{
		"a": "Accept-Contact", "b": "Referred-By", "d": "Request-Disposition",
		"e": "Content-Encoding", "j": "Reject-Contact", "k": "Supported", "n": "Identity-Info",
		"o": "Event", "r": "Refer-To", "s": "Subject", "u": "Allow-Events",
		"x": "Session-Expires", "y": "Identity", "K": "Supported",
		"p-asserted-IDENTITY": "P-Asserted-Identity", "WWW-AUTHENTICATE": "WWW-Authenticate",
		"user-to-user": "User-to-User", "RACK": "RAck", "X-Mixed-cASE": "X-Mixed-cASE",
		"X-" + strings.Repeat("Long", 20): "X-" + strings.Repeat("Long", 20),
	} {
		m := mustParse(t, options(in+" : v"))
		equal(t, in, m.Headers[0], sipmsg.Header{Name: want, Value: "v"})
	}
	m := mustParse(t, crlf(`
OPTIONS sip:b@example.com SIP/2.0
v: SIP/2.0/UDP h;branch=z9hG4bK1
f: <sip:a@example.com>;tag=1
t: <sip:b@example.com>
I: c
cSEQ: 1 OPTIONS
m: <sip:a@h>
c: text/plain
l: 2

hi`))
	equal(t, "headers left over", len(m.Headers), 0)
	equal(t, "long names", mustBytes(t, m), string(crlf(`
OPTIONS sip:b@example.com SIP/2.0
Via: SIP/2.0/UDP h;branch=z9hG4bK1
From: <sip:a@example.com>;tag=1
To: <sip:b@example.com>
Call-ID: c
CSeq: 1 OPTIONS
Contact: <sip:a@h>
Content-Type: text/plain
Content-Length: 2

hi`)))
}
