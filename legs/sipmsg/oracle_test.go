package sipmsg_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
	"pgregory.net/rapid"

	"b2bua/legs/sipmsg"
)

// TestValuesAsSipgo: what sipgo's own header parsers read, we read the same. Left
// out of the messages is what they get wrong (defect_test.go): quoted parameters,
// blanks around the separators of a Via, parameter names in capitals, parameters
// behind the brackets of a Route and behind an address that has none, display
// names without quotes, escaped quotes, parameters given twice.
func TestValuesAsSipgo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := drawMessage(t)
		theirs, err := sip.ParseMessage([]byte(text))
		if err != nil {
			t.Fatalf("sipgo: %v\n%s", err, text)
		}
		m, err := sipmsg.Parse([]byte(text))
		if err != nil {
			t.Fatalf("ours: %v\n%s", err, text)
		}
		if a, b := sipgoValues(theirs), values(m); a != b {
			t.Fatalf("%s\nsipgo:\n%s\nours:\n%s", text, a, b)
		}
	})
}

func drawMessage(t *rapid.T) string {
	some := func(what, pattern string) string { return rapid.StringMatching(pattern).Draw(t, what) }
	params := func() (list string) {
		for i := range rapid.IntRange(0, 3).Draw(t, "params") {
			list += fmt.Sprintf("%s%d%s", some("param", `;[a-z][a-z-]{0,6}`), i, some("value", `(=[A-Za-z0-9._+~-]{1,8})?`))
		}
		return list
	}
	uri := func() string {
		return some("uri", `sips?:([a-z0-9+*#-]{1,9}(:[a-z]{1,5})?@)?([a-z][a-z0-9.-]{0,9}|192\.0\.2\.[1-9])(:[1-9][0-9]{0,3})?`) + params()
	}
	address := func() string { return some("display", `("[A-Za-z0-9 .,;<>@]{1,9}" )?`) + "<" + uri() + ">" }
	method := rapid.SampledFrom([]string{"INVITE", "BYE", "OPTIONS"}).Draw(t, "method")
	body := rapid.StringMatching(`([a-z]=[ -~]{0,9}\r\n){0,3}`).Draw(t, "body")
	name := func(long, compact string) string {
		return rapid.SampledFrom([]string{long, compact, strings.ToUpper(long), strings.ToLower(long)}).Draw(t, "name") + ": "
	}
	lines := []string{
		method + " " + uri() + " SIP/2.0",
		name("Via", "v") + some("via", `SIP/2\.0/(UDP|TCP|TLS) ([a-z][a-z0-9.]{0,9}|192\.0\.2\.[1-9])(:[1-9][0-9]{0,3})?;branch=z9hG4bK[a-z0-9]{1,9}`) + params(),
		name("From", "f") + address() + ";tag=" + some("tag", `[A-Za-z0-9]{1,9}`) + params(),
		name("To", "t") + address() + params(),
		name("Call-ID", "i") + some("call", `[!-~]{1,20}`),
		name("CSeq", "cseq") + some("cseq", `[1-9][0-9]{0,8}`) + " " + method,
		name("Max-Forwards", "max-forwards") + some("hops", `[1-9][0-9]?`),
		name("Contact", "m") + address() + params(),
		name("Route", "route") + "<" + uri() + ">",
		name("Record-Route", "record-route") + "<" + uri() + ">",
		name("Content-Type", "c") + "text/plain",
		name("Content-Length", "l") + fmt.Sprint(len(body)),
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + body + "more"
}

func sipgoValues(msg sip.Message) string {
	r := msg.(*sip.Request)
	params := func(p sip.HeaderParams) string {
		if len(p) == 0 {
			return ""
		}
		return ";" + p.ToString(';')
	}
	uri := func(u *sip.Uri) string {
		return fmt.Sprintf("%s|%s|%s|%s|%d|%s", u.Scheme, u.User, u.Password, u.Host, u.Port, params(u.UriParams))
	}
	via, from, to, contact := r.Via(), r.From(), r.To(), r.Contact()
	return strings.Join([]string{
		string(r.Method), uri(&r.Recipient), fmt.Sprintf("%s|%s|%d|%s", via.Transport, via.Host, via.Port, params(via.Params)),
		from.DisplayName, uri(&from.Address), params(from.Params), to.DisplayName, uri(&to.Address), params(to.Params),
		string(*r.CallID()), fmt.Sprint(r.CSeq().SeqNo, r.CSeq().MethodName, r.MaxForwards().Val()),
		contact.DisplayName, uri(&contact.Address), params(contact.Params), uri(&r.Route().Address), uri(&r.RecordRoute().Address),
		string(*r.ContentType()), string(r.Body()),
	}, "\n")
}

func values(m *sipmsg.Message) string {
	uri := func(u sipmsg.URI) string {
		return fmt.Sprintf("%s|%s|%s|%s|%d|%s", u.Scheme, u.User, u.Password, u.Host, u.Port, u.Params)
	}
	via, contact := m.Vias[0], m.Contacts[0]
	return strings.Join([]string{
		m.Method, uri(m.URI), fmt.Sprintf("%s|%s|%d|%s", via.Transport, via.Host, via.Port, via.Params),
		m.From.Display, uri(m.From.URI), m.From.Params.String(), m.To.Display, uri(m.To.URI), m.To.Params.String(),
		m.CallID, fmt.Sprint(m.CSeq, m.Method, m.MaxForwards),
		contact.Display, uri(contact.URI), contact.Params.String(), uri(m.Routes[0].URI), uri(m.RecordRoutes[0].URI),
		m.ContentType, string(m.Body),
	}, "\n")
}
