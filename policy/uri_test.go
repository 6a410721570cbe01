package policy

import (
	"net/netip"
	"strings"
	"testing"
)

func TestParseGatewayURI(t *testing.T) {
	for _, tc := range []struct {
		uri, host string
		port      uint16
	}{
		{"sip:192.0.2.1", "192.0.2.1", 0},
		{"sip:127.0.0.1:5061", "127.0.0.1", 5061},
		{"SIP:PBX.example.com:1", "pbx.example.com", 1},
		{"sip:pbx", "pbx", 0},
		{"sip:example.com.", "example.com.", 0},
		{"sip:[2001:db8::1]", "2001:db8::1", 0},
		{"sip:[2001:db8::1]:65535;transport=udp", "2001:db8::1", 65535},
		{"sip:pbx;Transport=UDP", "pbx", 0},
		{"sip:a-b.c1:05060", "a-b.c1", 5060},
	} {
		a, err := parseGatewayURI(tc.uri)
		if err != nil {
			t.Errorf("%s: %v", tc.uri, err)
			continue
		}
		if a.host != tc.host || a.port != tc.port {
			t.Errorf("%s: host %q port %d, want %q %d", tc.uri, a.host, a.port, tc.host, tc.port)
		}
		if ip, err := netip.ParseAddr(tc.host); (err == nil) != a.ip.IsValid() || err == nil && ip != a.ip {
			t.Errorf("%s: ip %v", tc.uri, a.ip)
		}
	}
}

func TestParseGatewayURIRefuses(t *testing.T) {
	for uri, says := range map[string]string{
		"":                                       "must be a SIP URI",
		"192.0.2.1":                              "must be a SIP URI",
		"192.0.2.1:5060":                         "must begin with sip: and not with",
		"sips:pbx":                               "must begin with sip: in this build, not sips",
		"tel:+33":                                "must begin with sip: and not with",
		"sip:bob@pbx":                            "no user",
		"sip:pbx?Subject=x":                      "no headers",
		"sip:pbx;transport=ws":                   `transport "ws" is not supported`,
		"sip:pbx;transport=tls":                  `transport "tls" is not supported`,
		"sip:pbx;transport":                      "is not supported",
		"sip:pbx;transport=udp;lr":               `parameter "lr"`,
		"sip:pbx;":                               "parameter",
		"sip:pbx;transport=udp;transport=udp":    "once",
		"sip:":                                   "host",
		"sip:pbx:":                               "port",
		"sip:pbx:0":                              "port from 1 to 65535",
		"sip:pbx:65536":                          "port from 1 to 65535",
		"sip:pbx:+5060":                          "port",
		"sip:pbx:000005060":                      "port",
		"sip:pbx: 5060":                          "port",
		"sip:1.2.3":                              "host",
		"sip:1.2.3.999":                          "host",
		"sip:-pbx":                               "host",
		"sip:pbx-.com":                           "host",
		"sip:p_b_x":                              "host",
		"sip:a..b":                               "host",
		"sip:2001:db8::1":                        "host",
		"sip:[2001:db8::1":                       "closing bracket",
		"sip:[2001:db8::1]5060":                  "nothing but a port",
		"sip:[fe80::1%eth0]":                     "zone",
		"sip:[192.0.2.1]":                        "IPv6 address",
		"sip:0.0.0.0":                            "unicast",
		"sip:224.0.0.1":                          "unicast",
		"sip:[::]":                               "unicast",
		"sip:" + strings.Repeat("a", 64):         "host",
		"sip:" + strings.Repeat("a.", 260) + "b": "at most 512",
		"sip:pbx\r\nVia: x":                      "host",
	} {
		_, err := parseGatewayURI(uri)
		if err == nil {
			t.Errorf("%q is accepted", uri)
		} else if !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %q does not say %q", uri, err, says)
		}
	}
}

func TestSameGateway(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"sip:192.0.2.1", "sip:192.0.2.1:5060", true},
		{"sip:192.0.2.1", "sip:192.0.2.1;transport=udp", true},
		{"sip:192.0.2.1", "sip:192.0.2.1:5061", false},
		{"sip:[2001:db8::1]", "sip:[2001:DB8:0::1]", true},
		{"sip:pbx", "sip:PBX.", true},
		{"sip:pbx", "sip:pbx:5060", false}, // SRV is not port 5060
	} {
		a, errA := parseGatewayURI(tc.a)
		b, errB := parseGatewayURI(tc.b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if a.same(b) != tc.want || b.same(a) != tc.want {
			t.Errorf("%s and %s: same is not %v", tc.a, tc.b, tc.want)
		}
	}
}

// FuzzParseGatewayURI: what is accepted holds nothing that could end a line or
// begin a user, and a port and host within their bounds.
func FuzzParseGatewayURI(f *testing.F) {
	for _, seed := range []string{"sip:192.0.2.1:5060", "sip:[2001:db8::1]:5060;transport=udp", "sips:x", "sip:a@b", "sip:pbx."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseGatewayURI(s)
		if err != nil {
			return
		}
		if a.host == "" || strings.ContainsAny(s, "\r\n\x00 @<>\"") || !a.same(a) {
			t.Fatalf("%q is accepted as %+v", s, a)
		}
	})
}
