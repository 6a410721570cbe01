package sipmsg_test

import (
	"strings"
	"testing"

	"b2bua/legs/sipmsg"
)

var invite = crlf(`
INVITE sip:bob@biloxi.example.com SIP/2.0
Via: SIP/2.0/UDP bigbox3.site3.atlanta.example.com;branch=z9hG4bK77ef4c2312983.1;x="a;b" , SIP/2.0/TCP  10.0.0.1 ;Branch=old
v: SIP / 2.0 / UDP pc33.atlanta.example.com;branch=z9hG4bKnashds8
Record-Route: <sip:p2.example.com;lr>;x=1, "Edge" <sip:p1.example.com;lr>
From: Alice <sip:alice@atlanta.example.com>;tag=1928301774
t: Bob <sip:bob@biloxi.example.com>
Call-ID: a84b4c76e66710
CSeq: 00314159 INVITE
Contact: <sip:alice@pc33.atlanta.example.com>
Timestamp: 54.21
Content-Length: 0

`)

const repeatedOfInvite = `Via: SIP/2.0/UDP bigbox3.site3.atlanta.example.com;branch=z9hG4bK77ef4c2312983.1;x="a;b"
Via: SIP/2.0/TCP  10.0.0.1 ;Branch=old
Via: SIP / 2.0 / UDP pc33.atlanta.example.com;branch=z9hG4bKnashds8
`

const recordRouteOfInvite = `Record-Route: <sip:p2.example.com;lr>;x=1
Record-Route: "Edge" <sip:p1.example.com;lr>
`

func TestResponse(t *testing.T) {
	req := mustParse(t, invite)
	tail := func(tag, extra string) string {
		return "From: Alice <sip:alice@atlanta.example.com>;tag=1928301774\n" +
			"To: Bob <sip:bob@biloxi.example.com>" + tag + "\n" +
			"Call-ID: a84b4c76e66710\nCSeq: 00314159 INVITE\n" + extra + "Content-Length: 0\n\n"
	}
	for _, c := range []struct {
		status int
		reason string
		want   string
	}{
		{100, "", "SIP/2.0 100 Trying\n" + repeatedOfInvite + tail("", "Timestamp: 54.21\n")},
		{183, "", "SIP/2.0 183 Session Progress\n" + repeatedOfInvite + recordRouteOfInvite + tail(";tag=us", "")},
		{200, "Fine", "SIP/2.0 200 Fine\n" + repeatedOfInvite + recordRouteOfInvite + tail(";tag=us", "")},
		{486, "", "SIP/2.0 486 Busy Here\n" + repeatedOfInvite + tail(";tag=us", "")},
		{799, "Odd", ""},
	} {
		b, err := sipmsg.NewResponse(req, c.status, c.reason, "us").Bytes()
		if c.want == "" {
			equal(t, "error", err, sipmsg.ErrUnsafe)
			continue
		}
		equal(t, "error", err, nil)
		equal(t, c.reason, string(b), string(crlf(c.want)))
	}
	equal(t, "the request's To", req.To.Tag(), "")
	equal(t, "the request's To as written", req.To.Raw, "Bob <sip:bob@biloxi.example.com>")
}

func TestResponseInDialog(t *testing.T) {
	in := strings.Replace(string(invite), "t: Bob <sip:bob@biloxi.example.com>", "t: <sip:bob@h>;Tag=ours ;y", 1)
	m := sipmsg.NewResponse(mustParse(t, []byte(in)), 200, "", "other")
	equal(t, "tag", m.To.Tag(), "ours")
	equal(t, "To", m.To.String(), "<sip:bob@h>;Tag=ours ;y")
	equal(t, "Record-Routes", len(m.RecordRoutes), 0)

	bye := strings.ReplaceAll(string(invite), "INVITE", "BYE")
	m = sipmsg.NewResponse(mustParse(t, []byte(bye)), 200, "", "")
	equal(t, "Record-Routes of a BYE", len(m.RecordRoutes), 0)
	equal(t, "tag not asked for", m.To.Tag(), "")

	// A tag parameter without a value is no tag: ours takes its place.
	in = strings.Replace(string(invite), "t: Bob <sip:bob@biloxi.example.com>", "t: <sip:bob@h>;tag", 1)
	m = sipmsg.NewResponse(mustParse(t, []byte(in)), 200, "", "ours")
	equal(t, "To", m.To.String(), "<sip:bob@h>;tag=ours")
}

func TestReasonPhrase(t *testing.T) {
	for status, want := range map[int]string{
		100: "Trying", 180: "Ringing", 155: "Progress", 200: "OK", 299: "Success", 302: "Moved Temporarily",
		399: "Redirection", 404: "Not Found", 416: "Unsupported URI Scheme", 481: "Call/Transaction Does Not Exist",
		488: "Not Acceptable Here", 499: "Client Error", 503: "Service Unavailable", 599: "Server Error",
		603: "Decline", 699: "Global Failure",
	} {
		equal(t, "phrase", sipmsg.ReasonPhrase(status), want)
	}
}
