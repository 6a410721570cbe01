package bridge

import (
	"strings"
	"testing"

	"b2bua/legs/sipmsg"
)

// The header policy knows headers by one spelling: sipmsg must give each that
// one, however it came.
func TestHeaderNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"Privacy", "Reason", "Accept-Language", "Subject", "Alert-Info", "User-to-User",
		"P-Asserted-Identity", "Remote-Party-ID", "Diversion", "Call-Info", "Organization", "Reply-To", "In-Reply-To",
		"Allow", "Supported", "Require", "Proxy-Require", "Unsupported", "Authorization", "Proxy-Authorization",
		"WWW-Authenticate", "Proxy-Authenticate", "Authentication-Info", "User-Agent", "Server", "Session-Expires", "Min-SE",
		"RSeq", "RAck", "Replaces", "Refer-To", "Timestamp", "Retry-After", "Warning", "P-Preferred-Identity",
		"Content-Disposition", "Content-Encoding", "MIME-Version",
	} {
		m, err := sipmsg.Parse([]byte("OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\n" +
			"Call-ID: 1\r\nCSeq: 1 OPTIONS\r\n" + strings.ToLower(name) + ": 1\r\n\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Headers) != 1 || m.Headers[0].Name != name || traits(m.Headers[0].Name) == 0 {
			t.Errorf("%s: %+v", name, m.Headers)
		}
	}
}
