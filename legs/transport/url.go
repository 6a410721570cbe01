package transport

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// An Endpoint is a listener's URL, taken apart.
type Endpoint struct {
	Transport string         // udp, tcp, tls, ws or wss
	Addr      netip.AddrPort // port 0: any free one
	Params    url.Values     // what follows the ?, such as certificate=main
}

// defaultPorts knows every transport that a URL may name, RFC 3261 §19.1.2 and
// RFC 7118 §5.
var defaultPorts = map[string]uint16{"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}

// ParseURL reads a listener's URL: udp://127.0.0.1:5060, tls://[::1]?certificate=main.
// The host is an IP address, because a name may stand for several. A missing
// port is the transport's default. Errors name the URL and what is wrong with it.
func ParseURL(s string) (Endpoint, error) {
	bad := func(format string, args ...any) (Endpoint, error) {
		return Endpoint{}, fmt.Errorf("%q: %s", s, fmt.Sprintf(format, args...))
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return bad("not a listener URL such as udp://127.0.0.1:5060")
	}
	port, known := defaultPorts[u.Scheme]
	switch {
	case !known:
		return bad("unknown transport %q: udp, tcp, tls, ws or wss", u.Scheme)
	case u.User != nil || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return bad("only transport, address, port and parameters belong here")
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return bad("%q is not an IP address; an IPv6 one stands in brackets", u.Hostname())
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return bad("port %s: must be 0 to 65535", p)
		}
		port = uint16(n)
	}
	params, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return bad("parameters: %v", err)
	}
	return Endpoint{Transport: u.Scheme, Addr: netip.AddrPortFrom(addr.Unmap(), port), Params: params}, nil
}

// String is the URL of the address alone.
func (e Endpoint) String() string { return e.Transport + "://" + e.Addr.String() }

// advertise returns the host:port that stands for a bound address in Via and
// Contact. A wildcard address means nothing to a peer, so it needs a configured
// one. Errors name the configuration key.
func advertise(cfg ListenerConfig, bound netip.AddrPort) (string, error) {
	key := configKey(cfg.Network, "advertise")
	if cfg.Advertise == "" {
		if bound.Addr().IsUnspecified() {
			return "", fmt.Errorf("%s is empty: %s listens on every address, and peers must be told which one is ours", key, cfg.URL)
		}
		return netip.AddrPortFrom(bound.Addr().WithZone(""), bound.Port()).String(), nil
	}
	host, port := cfg.Advertise, strconv.Itoa(int(bound.Port()))
	if h, p, err := net.SplitHostPort(cfg.Advertise); err == nil {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return "", fmt.Errorf("%s: %q: port must be 1 to 65535", key, cfg.Advertise)
		}
		host, port = h, p
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.IsUnspecified() || addr.Zone() != "" {
			return "", fmt.Errorf("%s: %q is no address that a peer could use", key, cfg.Advertise)
		}
	} else if !isHostname(host) {
		return "", fmt.Errorf("%s: %q is neither an IP address nor a host name, with or without a port", key, cfg.Advertise)
	}
	return net.JoinHostPort(host, port), nil
}

// isHostname reports whether s can stand in a SIP URI as a host, RFC 3261 §25.1.
func isHostname(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > 253 {
		return false
	}
	letter := false // in the last label: 300.1.2.3 is a bad address, not a name
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		letter = false
		for i := range len(label) {
			c := label[i] | 0x20
			switch {
			case 'a' <= c && c <= 'z' && label[i] >= 'A':
				letter = true
			case '0' <= label[i] && label[i] <= '9', label[i] == '-':
			default:
				return false
			}
		}
	}
	return letter
}

// configKey names a key as it stands in the configuration file.
func configKey(network, field string) string {
	if network == "" || network == DefaultNetwork {
		return "sip." + field
	}
	return "networks." + network + "." + field
}
