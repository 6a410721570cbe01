package sipmsg

import (
	"net/netip"
	"strconv"
	"strings"
)

// defaultPort and defaultTLSPort are where SIP lives when nobody says (RFC 3261
// §18.2.2, §19.1.2).
const (
	defaultPort    = 5060
	defaultTLSPort = 5061
)

// StampReceived writes where a request came from into its topmost Via: received
// when sent-by is not that address (RFC 3261 §18.2.1), received and rport when
// the client asked with an rport parameter (RFC 3581 §4). What the client itself
// claimed in them is replaced. Call it right after [Parse], before the message is
// shared; a response or a message without Via is left alone.
func StampReceived(m *Message, src netip.AddrPort) {
	if !m.IsRequest() || len(m.Vias) == 0 {
		return
	}
	v := &m.Vias[0]
	ip := src.Addr().Unmap().WithZone("")
	_, asked := v.RPort()
	sentBy, err := netip.ParseAddr(v.Host)
	differs := err != nil || sentBy.Unmap() != ip
	claimed := v.Params.Has("received")
	if !differs && !asked && !claimed {
		return
	}
	params := v.Params
	if claimed {
		params = params.Without("received")
	}
	if differs || asked {
		params = params.With("received", ip.String())
	}
	if asked {
		params = params.With("rport", strconv.Itoa(int(src.Port())))
	}
	v.Params, v.Raw = params, ""
}

// ResponseDestination returns where a response goes that has via on top (as
// [StampReceived] left it), for a request that came from src. Over a connection
// that is src. Over UDP it is maddr when there is one; else the source address,
// with the source port when the client asked for it by rport (RFC 3581 §4), and
// with sent-by's port otherwise, by default 5060 (RFC 3261 §18.2.2).
func ResponseDestination(via Via, src netip.AddrPort) netip.AddrPort {
	src = netip.AddrPortFrom(src.Addr().Unmap(), src.Port())
	if via.Transport != "UDP" {
		return src
	}
	if _, asked := via.RPort(); asked {
		return src
	}
	port := via.Port
	if port == 0 {
		port = defaultPort
	}
	if maddr, ok := via.Params.Get("maddr"); ok {
		if ip, err := netip.ParseAddr(strings.Trim(maddr, "[]")); err == nil && ip.IsMulticast() {
			return netip.AddrPortFrom(ip, uint16(port))
		}
	}
	return netip.AddrPortFrom(src.Addr(), uint16(port))
}
