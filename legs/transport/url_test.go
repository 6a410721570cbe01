package transport

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	for _, tt := range []struct {
		in        string
		transport string
		addr      string
		params    string
		err       string // part of the message; "" means none
	}{
		{in: "udp://127.0.0.1:5060", transport: "udp", addr: "127.0.0.1:5060"},
		{in: "udp://127.0.0.1", transport: "udp", addr: "127.0.0.1:5060"},
		{in: "udp://127.0.0.1:5060/", transport: "udp", addr: "127.0.0.1:5060"},
		{in: "UDP://127.0.0.1:0", transport: "udp", addr: "127.0.0.1:0"},
		{in: "udp://0.0.0.0:5060", transport: "udp", addr: "0.0.0.0:5060"},
		{in: "udp://[::1]:5060", transport: "udp", addr: "[::1]:5060"},
		{in: "udp://[fe80::1%25eth0]:5060", transport: "udp", addr: "[fe80::1%eth0]:5060"},
		{in: "udp://[::ffff:10.0.0.1]:5060", transport: "udp", addr: "10.0.0.1:5060"},
		{in: "tcp://10.0.0.1", transport: "tcp", addr: "10.0.0.1:5060"},
		{in: "tls://[::]?certificate=main", transport: "tls", addr: "[::]:5061", params: "certificate=main"},
		{in: "wss://10.0.0.1", transport: "wss", addr: "10.0.0.1:443"},
		{in: "ws://10.0.0.1", transport: "ws", addr: "10.0.0.1:80"},

		{in: "", err: "not a listener URL"},
		{in: "127.0.0.1:5060", err: "not a listener URL"},
		{in: "udp:127.0.0.1:5060", err: "not a listener URL"},
		{in: "udp://", err: "not a listener URL"},
		{in: "udp://:5060", err: `"" is not an IP address`},
		{in: "sctp://127.0.0.1", err: `unknown transport "sctp"`},
		{in: "udp://sbc.example.com:5060", err: `"sbc.example.com" is not an IP address`},
		{in: "udp://300.0.0.1", err: "is not an IP address"},
		{in: "udp://::1", err: "stands in brackets"},
		{in: "udp://127.0.0.1:65536", err: "port 65536"},
		{in: "udp://127.0.0.1:sip", err: "not a listener URL"},
		{in: "udp://me@127.0.0.1", err: "only transport, address"},
		{in: "udp://127.0.0.1/path", err: "only transport, address"},
		{in: "udp://127.0.0.1#x", err: "only transport, address"},
		{in: "tls://127.0.0.1?a=%zz", err: "parameters"},
	} {
		ep, err := ParseURL(tt.in)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), `"`+tt.in+`"`) {
				t.Errorf("%q: error %v, want one that says %s and names the URL", tt.in, err, tt.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", tt.in, err)
			continue
		}
		if ep.Transport != tt.transport || ep.Addr != netip.MustParseAddrPort(tt.addr) || ep.Params.Encode() != tt.params {
			t.Errorf("%q is %+v", tt.in, ep)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{"udp://127.0.0.1:5060", "tls://[::1]:5061?certificate=main", "udp://[fe80::1%25eth0]", "ws://10.0.0.1/", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ep, err := ParseURL(s)
		if err != nil {
			return
		}
		if !ep.Addr.IsValid() || defaultPorts[ep.Transport] == 0 || ep.Addr.Addr().Is4In6() {
			t.Fatalf("%q is %+v", s, ep)
		}
		if ep.Addr.Addr().Zone() != "" {
			return // needs escaping, which only the URL itself carries
		}
		again, err := ParseURL(ep.String())
		if err != nil || again.Addr != ep.Addr || again.Transport != ep.Transport {
			t.Fatalf("%q reads back from %q as %+v: %v", s, ep.String(), again, err)
		}
	})
}

func TestAdvertise(t *testing.T) {
	for _, tt := range []struct {
		network, configured, bound string
		want, err                  string
	}{
		{bound: "127.0.0.1:5060", want: "127.0.0.1:5060"},
		{bound: "[::1]:5062", want: "[::1]:5062"},
		{bound: "[fe80::1%eth0]:5060", want: "[fe80::1]:5060"},
		{configured: "198.51.100.7", bound: "0.0.0.0:5060", want: "198.51.100.7:5060"},
		{configured: "198.51.100.7:5070", bound: "0.0.0.0:5060", want: "198.51.100.7:5070"},
		{configured: "sbc.example.com", bound: "10.0.0.1:5080", want: "sbc.example.com:5080"},
		{configured: "sbc.example.com.:5061", bound: "10.0.0.1:5080", want: "sbc.example.com.:5061"},
		{configured: "2001:db8::1", bound: "[::]:5060", want: "[2001:db8::1]:5060"},
		{configured: "[2001:db8::1]", bound: "[::]:5060", want: "[2001:db8::1]:5060"},
		{configured: "[2001:db8::1]:5070", bound: "[::]:5060", want: "[2001:db8::1]:5070"},

		{bound: "0.0.0.0:5060", err: "sip.advertise is empty"},
		{bound: "[::]:5060", err: "sip.advertise is empty"},
		{network: "default", bound: "0.0.0.0:5060", err: "sip.advertise is empty"},
		{network: "outside", bound: "0.0.0.0:5060", err: "networks.outside.advertise is empty"},
		{network: "outside", configured: "0.0.0.0", bound: "0.0.0.0:5060", err: "networks.outside.advertise"},
		{configured: "fe80::1%eth0", bound: "[::]:5060", err: "no address that a peer could use"},
		{configured: "sbc.example.com:0", bound: "10.0.0.1:5060", err: "port must be"},
		{configured: "sbc.example.com:70000", bound: "10.0.0.1:5060", err: "port must be"},
		{configured: "300.1.2.3", bound: "10.0.0.1:5060", err: "neither an IP address nor a host name"},
		{configured: "sbc example", bound: "10.0.0.1:5060", err: "neither"},
		{configured: "sbc\r\nVia", bound: "10.0.0.1:5060", err: "neither"},
		{configured: "-sbc.example", bound: "10.0.0.1:5060", err: "neither"},
		{configured: "sbc..example", bound: "10.0.0.1:5060", err: "neither"},
		{configured: "udp://sbc.example", bound: "10.0.0.1:5060", err: "port must be"},
		{configured: strings.Repeat("a", 64), bound: "10.0.0.1:5060", err: "neither"},
		{configured: strings.Repeat("a.", 130) + "a", bound: "10.0.0.1:5060", err: "neither"},
	} {
		cfg := ListenerConfig{URL: "udp://" + tt.bound, Network: tt.network, Advertise: tt.configured}
		got, err := advertise(cfg, netip.MustParseAddrPort(tt.bound))
		switch {
		case tt.err == "" && (err != nil || got != tt.want):
			t.Errorf("%+v: got %q, %v, want %q", cfg, got, err, tt.want)
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
			t.Errorf("%+v: got %q, %v, want an error that says %s", cfg, got, err, tt.err)
		}
	}
}

func TestEndpointString(t *testing.T) {
	ep := Endpoint{Transport: "tls", Addr: netip.MustParseAddrPort("[::1]:5061"), Params: url.Values{"a": {"b"}}}
	if got := ep.String(); got != "tls://[::1]:5061" {
		t.Errorf("got %q", got)
	}
}
