package resolve

import (
	"net/netip"
	"slices"
	"strings"
)

// literal returns the address that host is, if it is one.
func literal(host string) (netip.Addr, bool) {
	if len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' {
		host = host[1 : len(host)-1]
	}
	addr, err := netip.ParseAddr(host)
	return addr.Unmap(), err == nil
}

// usable drops what no packet can be sent to and what is there twice, and keeps
// the order, which is the DNS's and RFC 6724's.
func usable(addrs []netip.Addr, limit int) []netip.Addr {
	out := make([]netip.Addr, 0, min(len(addrs), limit))
	for _, a := range addrs {
		a = a.Unmap()
		if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || slices.Contains(out, a) {
			continue
		}
		if len(out) == limit {
			break
		}
		out = append(out, a)
	}
	return out
}

// answer gives every address the port of the request.
func answer(addrs []netip.Addr, q Request) Answer {
	port, ok := portOf(q)
	switch {
	case !ok:
		return Answer{Err: ErrPort}
	case len(addrs) == 0:
		return Answer{Err: ErrHost}
	}
	targets := make([]netip.AddrPort, len(addrs))
	for i, a := range addrs {
		targets[i] = netip.AddrPortFrom(a, port)
	}
	return Answer{Targets: targets}
}

// portOf returns the port to send to: RFC 3261 §19.1.2, RFC 7118 §5.3.
func portOf(q Request) (uint16, bool) {
	switch {
	case q.Port < 0 || q.Port > 65535:
		return 0, false
	case q.Port > 0:
		return uint16(q.Port), true
	}
	switch strings.ToLower(q.Transport) {
	case "tls":
		return 5061, true
	case "ws":
		return 80, true
	case "wss":
		return 443, true
	default:
		return 5060, true
	}
}
