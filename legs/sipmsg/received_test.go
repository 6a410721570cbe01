package sipmsg_test

import (
	"net/netip"
	"testing"

	"b2bua/legs/sipmsg"
)

// TestWayBack: what the topmost Via says after the stamp, and where the response
// goes (RFC 3261 §18.2, RFC 3581 §4).
func TestWayBack(t *testing.T) {
	for _, c := range []struct{ name, via, src, stamped, to string }{
		{
			"sent-by is the source", "SIP/2.0/UDP 192.0.2.1:5070;branch=b", "192.0.2.1:4000",
			"SIP/2.0/UDP 192.0.2.1:5070;branch=b", "192.0.2.1:5070",
		},
		{
			"no port", "SIP/2.0/UDP 192.0.2.1;branch=b", "192.0.2.1:4000",
			"SIP/2.0/UDP 192.0.2.1;branch=b", "192.0.2.1:5060",
		},
		{
			"name", "SIP/2.0/UDP pc33.example.com:5070;branch=b", "192.0.2.1:4000",
			"SIP/2.0/UDP pc33.example.com:5070;branch=b;received=192.0.2.1", "192.0.2.1:5070",
		},
		{
			"another address", "SIP/2.0/UDP 10.1.1.1;branch=b", "192.0.2.1:4000",
			"SIP/2.0/UDP 10.1.1.1;branch=b;received=192.0.2.1", "192.0.2.1:5060",
		},
		{
			"rport", "SIP/2.0/UDP 10.1.1.1:4540;rport;branch=b", "192.0.2.1:9988",
			"SIP/2.0/UDP 10.1.1.1:4540;rport=9988;branch=b;received=192.0.2.1", "192.0.2.1:9988",
		},
		{
			"rport and the same address", "SIP/2.0/UDP 192.0.2.1:5060;branch=b;RPORT", "192.0.2.1:5060",
			"SIP/2.0/UDP 192.0.2.1:5060;branch=b;rport=5060;received=192.0.2.1", "192.0.2.1:5060",
		},
		{
			"claims", "SIP/2.0/UDP 192.0.2.1;received=203.0.113.9;rport=53;branch=b", "192.0.2.1:4000",
			"SIP/2.0/UDP 192.0.2.1;rport=4000;branch=b;received=192.0.2.1", "192.0.2.1:4000",
		},
		{
			"claim without need", "SIP/2.0/UDP 192.0.2.1;received=203.0.113.9;branch=b", "192.0.2.1:4000",
			"SIP/2.0/UDP 192.0.2.1;branch=b", "192.0.2.1:5060",
		},
		{
			"maddr is not obeyed", "SIP/2.0/UDP 192.0.2.1;maddr=203.0.113.9;branch=b", "192.0.2.1:4000",
			"SIP/2.0/UDP 192.0.2.1;maddr=203.0.113.9;branch=b", "192.0.2.1:5060",
		},
		{
			"IPv6", "SIP/2.0/UDP [2001:db8::9:1];branch=b", "[2001:db8::9:1]:4000",
			"SIP/2.0/UDP [2001:db8::9:1];branch=b", "[2001:db8::9:1]:5060",
		},
		{
			"IPv6, spelled otherwise", "SIP/2.0/UDP [2001:DB8:0::9:1]:5070", "[2001:db8::9:1]:4000",
			"SIP/2.0/UDP [2001:DB8:0::9:1]:5070", "[2001:db8::9:1]:5070",
		},
		{
			"IPv6, another address and rport", "SIP/2.0/UDP [fd00::1];rport", "[2001:db8::9:1]:4000",
			"SIP/2.0/UDP [fd00::1];rport=4000;received=2001:db8::9:1", "[2001:db8::9:1]:4000",
		},
		{
			"IPv4 on an IPv6 socket", "SIP/2.0/UDP 192.0.2.1", "[::ffff:192.0.2.1]:4000",
			"SIP/2.0/UDP 192.0.2.1", "192.0.2.1:5060",
		},
		{
			"connection", "SIP/2.0/TCP 10.1.1.1:5070;branch=b", "192.0.2.1:33000",
			"SIP/2.0/TCP 10.1.1.1:5070;branch=b;received=192.0.2.1", "192.0.2.1:33000",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := mustParse(t, options("Via: "+c.via, "Via: SIP/2.0/UDP other;rport"))
			src := netip.MustParseAddrPort(c.src)
			sipmsg.StampReceived(m, src)
			equal(t, "Via", m.Vias[0].String(), c.stamped)
			equal(t, "second Via", m.Vias[1].String(), "SIP/2.0/UDP other;rport")
			equal(t, "destination", sipmsg.ResponseDestination(m.Vias[0], src), netip.MustParseAddrPort(c.to))
			v, err := sipmsg.ParseVia(c.stamped)
			equal(t, "error", err, nil)
			equal(t, "read again", v.String(), c.stamped)
		})
	}
}

func TestStampLeavesAlone(t *testing.T) {
	src := netip.MustParseAddrPort("203.0.113.1:1")
	m := mustParse(t, options("=SIP/2.0 200 OK"))
	sipmsg.StampReceived(m, src)
	equal(t, "a response", m.Vias[0].Received(), "")
	sipmsg.StampReceived(&sipmsg.Message{}, src)
}
