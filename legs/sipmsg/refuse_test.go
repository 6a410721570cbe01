package sipmsg_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"b2bua/legs/sipmsg"
)

// refusals: status and phrase of what is refused, and whether there is an answer.
var refusals = []struct {
	name     string
	datagram []byte
	status   int
	reason   string
	answer   bool
}{
	{"nothing", nil, 400, "Malformed Request Line", false},
	{"keep-alive", []byte("\r\n\r\n"), 400, "Malformed Request Line", false},
	{"noise", []byte("\x00\x01\x02\r\n\r\n"), 400, "Malformed Request Line", false},
	{"HTTP", options("=GET / HTTP/1.1"), 400, "Malformed Request Line", true},
	{"another version", options("=OPTIONS sip:b@h SIP/3.0"), 505, "Version Not Supported", true},
	{"no version", options("=OPTIONS sip:b@h"), 400, "Malformed Request Line", true},
	{"two blanks", options("=OPTIONS  sip:b@h SIP/2.0"), 400, "Malformed Request Line", true},
	{"blank at the end", options("=OPTIONS sip:b@h SIP/2.0 "), 400, "Malformed Request Line", true},
	{"folded request line", options("=OPTIONS sip:b@h\r\n SIP/2.0"), 400, "Malformed Request Line", true},
	{"fold after the request line", options("=OPTIONS sip:b@h SIP/2.0\r\n X: y"), 400, "Malformed Header Line", true},
	{"line feed in the request line", options("=OPTIONS sip:b\n@h SIP/2.0"), 400, "Malformed Request-URI", true},
	{"blank in the URI", options("=OPTIONS sip:b@h; lr SIP/2.0"), 400, "Malformed Request Line", true},
	{"brackets around the URI", options("=OPTIONS <sip:b@h> SIP/2.0"), 400, "Malformed Request-URI", true},
	{"NUL in the URI", options("=OPTIONS sip:\x00@h SIP/2.0"), 400, "Malformed Request-URI", true},
	{"header in the URI", options("=OPTIONS sip:b@h?Route=x SIP/2.0"), 400, "Header in Request-URI", true},
	{"wildcard URI", options("=OPTIONS * SIP/2.0"), 400, "Malformed Request-URI", true},
	{"unknown scheme", options("=OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0"), 416, "Unsupported URI Scheme", true},
	{"no empty line", options()[:len(options())-2], 400, "No Empty Line After Header", true},
	{"line without colon", options("X-A: 1", "Nonsense"), 400, "Malformed Header Line", true},
	{"name that is no token", options("X A: 1"), 400, "Malformed Header Line", true},
	{"line feed before the colon", options("Subject\n: x"), 400, "Malformed Header Line", true},
	{"vertical tab before the colon", options("Content-Length\v: 0"), 400, "Malformed Header Line", true},
	{"no-break space before the colon", options("X-A\u00a0: 1"), 400, "Malformed Header Line", true},
	{"empty name", options(": 1"), 400, "Malformed Header Line", true},
	{"line feed in a value", options("X-A: 1\nVia: SIP/2.0/UDP evil"), 400, "Control Character in Header", true},
	{"carriage return in a value", options("X-A: 1\rX"), 400, "Control Character in Header", true},
	{"NUL in a value", options("X-A: \x00"), 400, "Control Character in Header", true},
	{"NUL in what is repeated", options("To: \"\x00\" <sip:b@h>"), 400, "Control Character in Header", false},
	{"line feed in what is repeated", options("To: <sip:b@h>\nX: y"), 400, "Control Character in Header", false},
	{"no Via", options("-Via"), 400, "No Via", false},
	{"bad Via", options("Via: SIP/2.0 192.0.2.1"), 400, "Malformed Via", false},
	{"bad second Via", options("Via: SIP/2.0/UDP 192.0.2.1, what"), 400, "Malformed Via", true},
	{"empty second Via", options("Via: SIP/2.0/UDP 192.0.2.1,,SIP/2.0/UDP b"), 400, "Malformed Via", true},
	{"Via of another version", options("Via: SIP/7.0/UDP 192.0.2.1"), 400, "Via of Another Version", true},
	{"empty branch", options("Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"), 400, "Malformed Branch", true},
	{"two branches", options("Via: SIP/2.0/UDP h;branch=a;Branch=b"), 400, "Malformed Branch", true},
	{"no From", options("-From"), 400, "No From", true},
	{"no To", options("-To"), 400, "No To", true},
	{"no Call-ID", options("-Call-ID"), 400, "No Call-ID", true},
	{"no CSeq", options("-CSeq"), 400, "No CSeq", false},
	{"bad From", options("From: <sip:a@h"), 400, "Malformed From", true},
	{"two tags", options("From: <sip:a@h>;tag=1;TAG=2"), 400, "Malformed From", true},
	{"wildcard To", options("To: *"), 400, "Malformed To", true},
	{"open quote", options(`To: "Bob <sip:b@h>`), 400, "Malformed To", true},
	{"empty Call-ID", options("Call-ID:"), 400, "Malformed Call-ID", true},
	{"blank in Call-ID", options("Call-ID: a b"), 400, "Malformed Call-ID", true},
	{"CSeq of another method", options("CSeq: 1 INVITE"), 400, "CSeq of Another Method", true},
	{"CSeq without method", options("CSeq: 1"), 400, "Malformed CSeq", true},
	{"empty CSeq", options("CSeq:"), 400, "Malformed CSeq", false},
	{"CSeq out of range", options("CSeq: 2147483648 OPTIONS"), 400, "Malformed CSeq", true},
	{"signed CSeq", options("CSeq: +1 OPTIONS"), 400, "Malformed CSeq", true},
	{"Max-Forwards out of range", options("Max-Forwards: 256"), 400, "Malformed Max-Forwards", true},
	{"Max-Forwards in words", options("Max-Forwards: many"), 400, "Malformed Max-Forwards", true},
	{"Contact without URI", options(`Contact: "" <>`), 400, "Malformed Contact", true},
	{"bare URI with headers", options("Contact: sip:a@h?Route=x"), 400, "Malformed Contact", true},
	{"bad Route", options("Route: <sip:p;lr>, x"), 400, "Malformed Route", true},
	{"wildcard Route", options("Route: *"), 400, "Malformed Route", true},
	{"bad Record-Route", options("Record-Route: <sip:p;lr> x"), 400, "Malformed Record-Route", true},
	{"negative length", options("Content-Length: -1"), 400, "Malformed Content-Length", true},
	{"two lengths in a line", options("Content-Length: 0, 0"), 400, "Malformed Content-Length", true},
	{"huge length", options("Content-Length: 99999999999999999999"), 400, "Malformed Content-Length", true},
	{"short body", options("Content-Length: 1"), 400, "Body Shorter Than Content-Length", true},
	{"ACK", []byte(strings.ReplaceAll(string(options("Max-Forwards: x")), "OPTIONS", "ACK")), 400, "Malformed Max-Forwards", false},
	{"response", options("=SIP/2.0 200 OK", "Route: x"), 400, "Malformed Route", false},
}

// TestRefusals: every answer must be one that can be sent, and repeat the request.
func TestRefusals(t *testing.T) {
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			e := refusal(t, c.datagram)
			equal(t, "status", e.Status, c.status)
			equal(t, "reason", e.Reason, c.reason)
			equal(t, "error", e.Error(), fmt.Sprintf("sip: %d %s", c.status, c.reason))
			equal(t, "answer", e.Message != nil, c.answer)
			if e.Message != nil {
				answer := mustBytes(t, sipmsg.NewResponse(e.Message, e.Status, e.Reason, "us"))
				equal(t, "status line", strings.HasPrefix(answer, fmt.Sprintf("SIP/2.0 %d %s\r\nVia: SIP/", c.status, c.reason)), true)
				for _, name := range []string{"Via", "CSeq", "Call-ID", "From", "To"} {
					repeated(t, name, string(c.datagram), answer)
				}
			}
		})
	}
}

// repeated checks that the line of that name in the request, if there is one,
// stands to the letter in the answer; a tag may follow, and a list of Vias may
// have been split.
func repeated(t *testing.T, name, request, answer string) {
	t.Helper()
	for line := range strings.SplitSeq(request, "\r\n") {
		if !strings.HasPrefix(line, name+":") {
			continue
		}
		if name == "Via" {
			line, _, _ = strings.Cut(line, ",")
		}
		equal(t, line, strings.Contains(answer, strings.TrimRight("\r\n"+line, " ")), line != "Call-ID:")
	}
}

func TestLimits(t *testing.T) {
	many := func(n int, line string) []byte {
		return options(strings.Repeat(line+"\r\n", n-1) + line)
	}
	limits := sipmsg.Limits{MessageBytes: 4096, HeaderLines: 20, Vias: 5, Addresses: 3}
	for _, c := range []struct {
		name     string
		datagram []byte
		reason   string // "" is accepted
	}{
		{"lines", many(13, "X: y"), ""},
		{"one line more", many(14, "X: y"), "Too Many Header Lines"},
		{"folded lines count once", many(13, "X: y\r\n z"), ""},
		{"Vias", options("Via: SIP/2.0/UDP a,SIP/2.0/UDP b,SIP/2.0/UDP c,SIP/2.0/UDP d,SIP/2.0/UDP e"), ""},
		{"one Via more", options("Via: SIP/2.0/UDP a,SIP/2.0/UDP b,SIP/2.0/UDP c", "Via: SIP/2.0/UDP d,SIP/2.0/UDP e,SIP/2.0/UDP f"), "Too Many Via Values"},
		{"Contacts", options("Contact: <sip:a@h>,<sip:b@h>", "Contact: <sip:c@h>"), ""},
		{"one Contact more", options("Contact: <sip:a@h>,<sip:b@h>", "m: <sip:c@h>, <sip:d@h>"), "Too Many Contact Values"},
		{"one Route more", options("Route: <sip:a>,<sip:b>,<sip:c>,<sip:d>"), "Too Many Route Values"},
		{"bytes", options("X: " + strings.Repeat("y", 4096-len(options("X: ")))), ""},
		{"one byte more", options("X: " + strings.Repeat("y", 4097-len(options("X: ")))), "Message Too Large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := limits.Parse(c.datagram)
			if c.reason == "" {
				equal(t, "error", err, nil)
				return
			}
			var e *sipmsg.Error
			if !errors.As(err, &e) {
				t.Fatalf("accepted, want %s", c.reason)
			}
			equal(t, "reason", e.Reason, c.reason)
			equal(t, "status", e.Status, 513)
			equal(t, "answer", e.Message != nil, true)
		})
	}
	equal(t, "parameters", refusal(t, options("From: <sip:a@h>"+strings.Repeat(";a", 65))).Reason, "Malformed From")
	mustParse(t, options("From: <sip:a@h>"+strings.Repeat(";a", 64)))
}

// TestLenience: what is accepted although it is not quite right, because phones
// and gateways send it.
func TestLenience(t *testing.T) {
	for _, line := range []string{
		"Contact: <sip:a@h>;", "Contact: <sip:a@h;transport=udp;>;;q=1", "Contact: sip:@192.0.2.1", "Contact: <sip:a@h:0>",
		"Contact: Bell, Alexander <sip:a@h>", "Contact: Zoë <sip:zoë@h>", "Contact: < sip:a@h >",
		"Contact: <sip:#31#123@h>", "Contact: <sip:a@my_container>", "Via: SIP/2.0/UDP h;branch=z9hG4bK1;",
		"Supported:", "-Max-Forwards", "-Content-Length", "From: <sip:a@h>", "From: anonymous<sip:a@h>",
		"Accept: \x01", "-To\r\nTo: <tel:+1>",
	} {
		if strings.HasPrefix(line, "-To\r\n") {
			mustParse(t, options("-To", line[5:]))
			continue
		}
		if strings.HasPrefix(line, "Contact: Bell") {
			// A comma in a list separates; only in From and To is it part of the name.
			equal(t, line, refusal(t, options(line)).Reason, "Malformed Contact")
			line = strings.Replace(line, "Contact", "From", 1)
		}
		mustParse(t, options(line))
	}
	mustParse(t, append([]byte("\r\n\r\n"), options()...))

	m := mustParse(t, options("=SIP/2.0 200 OK", "Contact: <sip:a@h>, <>, <sip:b@h>", "Max-Forwards: x"))
	equal(t, "good Contacts of a response", len(m.Contacts), 2)
	equal(t, "Max-Forwards of a response", m.MaxForwards, -1)

	m = mustParse(t, append(options(), "INVITE sip:evil@h SIP/2.0"...))
	equal(t, "bytes after Content-Length", len(m.Body), 0)
	m = mustParse(t, append(options("-Content-Length"), "body"...))
	equal(t, "body without Content-Length", string(m.Body), "body")
}
