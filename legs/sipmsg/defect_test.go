package sipmsg_test

import (
	"strings"
	"sync"
	"testing"

	"b2bua/legs/sipmsg"
)

// The tests below pin what sipgo 1.7.2's own header parsers get wrong: these
// bytes in, this out. They fail as soon as one of them is let near a value.

func TestQuotedParameterBeforeOthers(t *testing.T) {
	const value = `SIP/2.0/UDP 192.0.2.1;foo="bar";branch=z9hG4bK1;rport`
	v := mustParse(t, options("Via: "+value)).Vias[0]
	equal(t, "params", v.Params.String(), `;foo="bar";branch=z9hG4bK1;rport`)
	equal(t, "as it came", v.String(), value)
	v.Raw = ""
	equal(t, "written anew", v.String(), value)

	m := mustParse(t, options(`Via: SIP/2.0/UDP 192.0.2.1;x="a, SIP/2.0/UDP b;c\"";branch=z9hG4bK1`))
	equal(t, "comma in quotes: Vias", len(m.Vias), 1)
	equal(t, "comma in quotes: branch", m.Vias[0].Branch(), "z9hG4bK1")

	u, err := sipmsg.ParseURI(`sip:a@h;x="q;r";transport=tcp`)
	equal(t, "URI error", err, nil)
	equal(t, "URI", u.String(), `sip:a@h;x="q;r";transport=tcp`)
}

func TestViaWithBlanks(t *testing.T) {
	m := mustParse(t, options(
		"Via: SIP / 2.0 / UDP first.example.com: 4000;ttl=16\r\n  ;maddr=224.2.0.1 ;branch=z9hG4bKa",
		"v:  SIP  /2.0 /tcp 10.0.0.1 :5060 ; branch = z9hG4bKb",
		"Via: SIP/2.0/UDP c, SIP/2.0/TLS [2001:db8::1]:5061;branch=z9hG4bKd"))
	var got []string
	for _, v := range m.Vias {
		v.Raw = ""
		got = append(got, v.SentBy()+" "+v.String())
	}
	equal(t, "Vias", strings.Join(got, "\n"), strings.Join([]string{
		"first.example.com:4000 SIP/2.0/UDP first.example.com:4000;ttl=16;maddr=224.2.0.1;branch=z9hG4bKa",
		"10.0.0.1:5060 SIP/2.0/TCP 10.0.0.1:5060;branch=z9hG4bKb",
		"c SIP/2.0/UDP c",
		"[2001:db8::1]:5061 SIP/2.0/TLS [2001:db8::1]:5061;branch=z9hG4bKd",
	}, "\n"))
}

func TestParameterNamesInAnyCase(t *testing.T) {
	m := mustParse(t, options(
		"Via: SIP/2.0/UDP h;Branch=z9hG4bK1;RPORT",
		"From: <sip:a@h>;TAG=Ab1"))
	equal(t, "branch", m.Vias[0].Branch(), "z9hG4bK1")
	_, asked := m.Vias[0].RPort()
	equal(t, "rport", asked, true)
	equal(t, "tag", m.From.Tag(), "Ab1")
	equal(t, "any case", m.From.Params.Has("tAg"), true)
}

func TestQuotedParameterIsNotQuotedAgain(t *testing.T) {
	const value = `<sip:a@h>;methods="INVITE, ACK";q=0.5`
	a := mustParse(t, options("Contact: "+value)).Contacts[0]
	a.Raw = ""
	equal(t, "Contact", a.String(), value)
	methods, _ := a.Params.Get("methods")
	equal(t, "methods", sipmsg.Unquote(methods), "INVITE, ACK")
}

func TestRouteAndReferToKeepTheirParameters(t *testing.T) {
	m := mustParse(t, options(
		`Record-Route: "edge, one" <sip:p1;lr>;rn=1, <sip:p2;lr>;rn="2,3"`,
		`Route: Proxy <sip:p3;lr>;x`,
		`r: <sip:c@h?Replaces=a%3Bto-tag%3Db>;method=INVITE`))
	equal(t, "Record-Routes", len(m.RecordRoutes), 2)
	for _, c := range []struct {
		got  sipmsg.Address
		want string
	}{
		{m.RecordRoutes[0], `"edge, one" <sip:p1;lr>;rn=1`},
		{m.RecordRoutes[1], `<sip:p2;lr>;rn="2,3"`},
		{m.Routes[0], `"Proxy" <sip:p3;lr>;x`},
	} {
		c.got.Raw = ""
		equal(t, "route", c.got.String(), c.want)
	}
	a, err := sipmsg.ParseAddress(m.Header("Refer-To"))
	equal(t, "Refer-To error", err, nil)
	equal(t, "Refer-To headers", a.URI.Headers, "Replaces=a%3Bto-tag%3Db")
	equal(t, "Refer-To parameters", a.Params.String(), ";method=INVITE")
}

// TestAddressesAreRepeatedToTheLetter: a display name without quotes gets none, a
// URI without brackets neither.
func TestAddressesAreRepeatedToTheLetter(t *testing.T) {
	m := mustParse(t, options(
		"From: Alice   Smith <sip:alice@example.com>;Tag=1 ; x",
		"To: SIP:bob@example.com;x=y"))
	equal(t, "display", m.From.Display, "Alice   Smith")
	equal(t, "parameters of an address without brackets", m.To.Params.String(), ";x=y")
	out := mustBytes(t, sipmsg.NewResponse(m, 180, "", "zz"))
	for _, want := range []string{
		"\r\nFrom: Alice   Smith <sip:alice@example.com>;Tag=1 ; x\r\n",
		"\r\nTo: SIP:bob@example.com;x=y;tag=zz\r\n",
	} {
		equal(t, want, strings.Contains(out, want), true)
	}
}

func TestSingletonsMoreThanOnce(t *testing.T) {
	for _, line := range []string{
		"l: 0", "Content-Length: 5", "f: <sip:a@h>;tag=2", "t: <sip:b@h>", "i: other",
		"CSEQ: 2 OPTIONS", "max-forwards: 9",
	} {
		e := refusal(t, options("X-First: 1\r\n"+line))
		equal(t, line, e.Status, 400)
		equal(t, line, strings.HasPrefix(e.Reason, "More Than One "), true)
		equal(t, "the first one counts", e.Message.CallID, "a84b4c76e66710")
	}
}

func TestStatusLines(t *testing.T) {
	const rest = "\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\n" +
		"To: <sip:b@h>;tag=2\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n"
	for line, want := range map[string]string{
		"SIP/2.0 200 OK":         "OK",
		"SIP/2.0 200 ":           "",
		"SIP/2.0 200":            "",
		"sip/2.0 200 Très  bien": "Très  bien",
	} {
		m := mustParse(t, []byte(line+rest))
		equal(t, line, m.Status, 200)
		equal(t, line, m.Reason, want)
	}
	for _, line := range []string{
		"SIP/2.0 99 Low", "SIP/2.0 0 Zero", "SIP/2.0 700 High", "SIP/2.0 0200 OK", "SIP/2.0 +20 OK",
		"SIP/2.0  200 OK", "SIP/7.0 200 OK", "SIP/2.0", "SIP/2.0 4294967497 better not break",
		"SIP/2.0 200 O\nK", "SIP/2.0 200 O\x00K",
	} {
		equal(t, line, refusal(t, []byte(line+rest)).Message, nil)
	}
}

func TestCSeqWithBlanks(t *testing.T) {
	m := mustParse(t, options("CSeq: 0009 \t OPTIONS"))
	equal(t, "number", m.CSeq, 9)
	equal(t, "written anew", strings.Contains(mustBytes(t, m), "\r\nCSeq: 9 OPTIONS\r\n"), true)
	out := mustBytes(t, sipmsg.NewResponse(m, 200, "", "t"))
	equal(t, "repeated as it came", strings.Contains(out, "\r\nCSeq: 0009 \t OPTIONS\r\n"), true)
}

// TestMethodsAreCaseSensitive: sipgo makes "invite" an INVITE (RFC 3261 §7.1).
func TestMethodsAreCaseSensitive(t *testing.T) {
	b := []byte(strings.ReplaceAll(string(options()), "OPTIONS", "Options"))
	equal(t, "another method", mustParse(t, b).Method, "Options")
}

// TestConcurrentReads fails under -race when reading a message writes to it, or
// when two messages share what the parser works with.
func TestConcurrentReads(t *testing.T) {
	shared := mustParse(t, carrierINVITE)
	want := mustBytes(t, shared)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				own, err := sipmsg.Parse(carrierINVITE)
				if err != nil {
					t.Error(err)
					return
				}
				for _, m := range []*sipmsg.Message{shared, own} {
					b, err := m.Bytes()
					if err != nil || string(b) != want || m.From.Tag() == "" || len(m.Tokens("Allow")) != 11 ||
						sipmsg.NewResponse(m, 180, "", "x").To.Tag() != "x" {
						t.Errorf("%v\n%s", err, b)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}
