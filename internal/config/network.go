package config

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// DefaultNetwork is the name of the network that sip and media make.
const DefaultNetwork = "default"

// NetworkList returns all networks, the default first and the others by name,
// with everything filled in that they take over from sip and media.
func (c *Config) NetworkList() []Network {
	list := []Network{{
		Name:      DefaultNetwork,
		Listen:    c.SIP.Listen,
		Advertise: c.SIP.Advertise,
		Unknown:   c.SIP.Unknown,
		Media:     NetworkMedia{Addresses: c.Media.Addresses, Advertise: c.Media.Advertise, Ports: c.Media.Ports},
	}}
	for _, name := range slices.Sorted(maps.Keys(c.Networks)) {
		if name == DefaultNetwork {
			continue // Validate refuses it
		}
		n := c.Networks[name]
		n.Name = name
		if n.Unknown == "" {
			n.Unknown = c.SIP.Unknown
		}
		if n.Media.Ports == (PortRange{}) {
			n.Media.Ports = c.Media.Ports
		}
		list = append(list, n)
	}
	return list
}

// MediaAddress returns the address of one family that the relay binds, and the
// address to write into SDP for it, which differs behind NAT. Both are zero
// when the network has no address of that family.
func (n Network) MediaAddress(v6 bool) (bind, advertise netip.Addr) {
	i := slices.IndexFunc(n.Media.Addresses, func(a netip.Addr) bool { return a.Is6() == v6 })
	if i < 0 {
		return netip.Addr{}, netip.Addr{}
	}
	bind = n.Media.Addresses[i]
	for _, text := range []string{n.Media.Advertise, n.Advertise} {
		if a, err := netip.ParseAddr(hostOf(text)); err == nil && a.Is6() == v6 {
			return bind, a
		}
	}
	return bind, bind
}

// A Listen is one entry of a listen key.
type Listen struct {
	Transport   string         // udp, tcp, tls, ws or wss
	Addr        netip.AddrPort // port 0 takes a free one
	Certificate string         // name of the certificate, tls and wss only
}

// ParseListen reads "transport://address:port[?certificate=name]". The error
// says what the text must be.
func ParseListen(text string) (Listen, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.Fragment != "" {
		return Listen{}, errors.New("must be transport://address:port, like udp://192.0.2.1:5060")
	}
	l := Listen{Transport: u.Scheme}
	if !slices.Contains([]string{"udp", "tcp", "tls", "ws", "wss"}, l.Transport) {
		return Listen{}, errors.New("must begin with udp://, tcp://, tls://, ws:// or wss://")
	}
	if l.Addr, err = netip.ParseAddrPort(u.Host); err != nil || l.Addr.Addr().Zone() != "" {
		return Listen{}, errors.New("must have an IP address and a port from 0 to 65535, like udp://192.0.2.1:5060 or udp://[2001:db8::1]:5060")
	}
	for key, values := range u.Query() {
		if key != "certificate" || len(values) != 1 || (l.Transport != "tls" && l.Transport != "wss") {
			return Listen{}, fmt.Errorf("must not have the option %s", key)
		}
		l.Certificate = values[0]
	}
	return l, nil
}

// hostOf returns the host of "host" or "host:port", brackets removed.
func hostOf(text string) string {
	host, _, err := splitHostPort(text)
	if err != nil {
		return ""
	}
	return host
}

// splitHostPort reads "host", "host:port", "[v6]:port", "[v6]" and "v6"; port
// is 0 when there is none.
func splitHostPort(text string) (host string, port int, err error) {
	if _, err := netip.ParseAddr(text); err == nil {
		return text, 0, nil
	}
	host = text
	if i := strings.LastIndexByte(text, ':'); i > strings.LastIndexByte(text, ']') {
		n, err := strconv.ParseUint(text[i+1:], 10, 16)
		if err != nil || n == 0 {
			return "", 0, errors.New("must have a port from 1 to 65535 or none")
		}
		host, port = text[:i], int(n)
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		if host, ok = strings.CutSuffix(inner, "]"); !ok {
			return "", 0, errors.New("must be a host or host:port")
		}
	}
	return host, port, nil
}
