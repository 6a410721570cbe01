package sipmsg

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// defaultPort is where a response over UDP goes when sent-by has no port (RFC 3261
// §18.2.2).
const defaultPort = 5060

// StampReceived writes where a request came from into its topmost Via: received
// when sent-by is not that address (RFC 3261 §18.2.1), received and rport when
// the client asked with an rport parameter (RFC 3581 §4). What the client itself
// claimed in them is replaced. Call it right after [Parse], before the message is
// shared; a response or a message without Via is left alone.
func StampReceived(m *Message, src netip.AddrPort) { stamp(m, src, nil) }

// stamp is StampReceived with room for the parameters; it returns how much of that
// it has used.
func stamp(m *Message, src netip.AddrPort, room Params) (used int) {
	if !m.IsRequest() || len(m.Vias) == 0 {
		return 0
	}
	v := &m.Vias[0]
	ip := src.Addr().Unmap().WithZone("")
	var digits [64]byte
	text := ip.AppendTo(digits[:0])
	differs := string(text) != v.Host
	if differs { // or is spelled in another way
		sentBy, err := netip.ParseAddr(v.Host)
		differs = err != nil || sentBy.Unmap() != ip
	}
	asked := v.Params.Has("rport")
	if !differs && !asked && !v.Params.Has("received") {
		return 0
	}
	received, n := differs || asked, len(text)
	address, port := v.ownText(strconv.AppendUint(text, uint64(src.Port()), 10), n)
	if len(room) <= len(v.Params) {
		room = make(Params, len(v.Params)+1)
	}
	params := room[:0]
	for _, p := range v.Params {
		switch {
		case same(p.Name, "received"):
		case !same(p.Name, "rport"):
			params = append(params, p)
		case asked: // one more would be somebody else's
			params = append(params, Param{p.Name, port})
			asked = false
		}
	}
	if received {
		params = append(params, Param{"received", address})
	}
	v.Params, v.Raw = slices.Clip(params), ""
	return len(params)
}

// ownText is text as two strings, cut at n: an address and a port. Most peers stand
// where their Via says, so that the text is there already.
func (v *Via) ownText(text []byte, n int) (address, port string) {
	if len(v.Host) == n && string(text[:n]) == v.Host {
		_, after, _ := strings.Cut(v.Raw, v.Host)
		if end := 1 + len(text) - n; len(after) >= end && after[0] == ':' && string(text[n:]) == after[1:end] {
			return v.Host, after[1:end]
		}
	}
	all := string(text)
	return all[:n], all[n:]
}

// ReconnectDestination returns where a response goes when the connection that its
// request came over from src is gone: to the source address at the port of
// sent-by, or the transport's own when it names none (RFC 3261 §18.2.2).
func ReconnectDestination(via Via, src netip.AddrPort) netip.AddrPort {
	port := uint16(via.Port)
	if port == 0 {
		port = defaultPort
		if via.Transport == "TLS" || via.Transport == "WSS" {
			port = 5061
		}
	}
	return netip.AddrPortFrom(src.Addr().Unmap(), port)
}

// ResponseDestination returns where a response goes whose topmost Via is via, for
// a request that came from src. Over a connection that is src. Over UDP it is the
// source address: with the source port when the client asked for it by rport (RFC
// 3581 §4), otherwise with the port of sent-by, by default 5060 (RFC 3261
// §18.2.2). maddr is not obeyed: it would let anybody point answers at anybody.
func ResponseDestination(via Via, src netip.AddrPort) netip.AddrPort {
	port := src.Port()
	if _, asked := via.RPort(); via.Transport == "UDP" && !asked {
		if port = uint16(via.Port); port == 0 {
			port = defaultPort
		}
	}
	return netip.AddrPortFrom(src.Addr().Unmap(), port)
}
