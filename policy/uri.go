package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// maxURILength bounds a gateway's URI, in octets.
const maxURILength = 512

// defaultSIPPort is where an IP address without a port is called,
// RFC 3263 §4.2.
const defaultSIPPort = 5060

// A gatewayAddress is what policy reads from a gateway's URI.
type gatewayAddress struct {
	host string     // lower case, IPv6 without brackets
	ip   netip.Addr // zero when host is a name
	port uint16     // 0 when the URI has none
	tcp  bool
}

// callPort returns the port that an IP gateway calls from as well as is
// called on, as far as one can tell.
func (a gatewayAddress) callPort() uint16 {
	if a.port == 0 {
		return defaultSIPPort
	}
	return a.port
}

// parseGatewayURI reads sip:host[:port][;transport=udp|tcp]. The user of a request
// is the called number, so a gateway has none. Errors say what would be right.
func parseGatewayURI(s string) (gatewayAddress, error) {
	var a gatewayAddress
	if len(s) > maxURILength {
		return a, fmt.Errorf("must be at most %d characters long", maxURILength)
	}
	scheme, rest, ok := strings.Cut(s, ":")
	switch {
	case !ok || scheme == "":
		return a, errors.New("must be a SIP URI like sip:192.0.2.1:5060")
	case strings.EqualFold(scheme, "sips"):
		return a, errors.New("must begin with sip: in this build, not sips")
	case !strings.EqualFold(scheme, "sip"):
		return a, fmt.Errorf("must begin with sip: and not with %q", cut(scheme))
	case strings.Contains(rest, "@"):
		return a, errors.New("must have no user: the called number is put there")
	case strings.Contains(rest, "?"):
		return a, errors.New("must have no headers")
	}
	hostPort, params, hasParams := strings.Cut(rest, ";")
	tcp := false
	if hasParams {
		var err error
		if tcp, err = gatewayTransport(params); err != nil {
			return a, err
		}
	}
	a, err := parseHostPort(hostPort)
	a.tcp = tcp
	return a, err
}

// gatewayTransport accepts transport=udp or transport=tcp, once, and nothing else.
func gatewayTransport(params string) (tcp bool, err error) {
	seen := false
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		switch {
		case !strings.EqualFold(name, "transport"):
			return false, fmt.Errorf("parameter %q is not supported; only transport=udp and transport=tcp are", cut(name))
		case seen:
			return false, errors.New("must name transport once")
		case !strings.EqualFold(value, "udp") && !strings.EqualFold(value, "tcp"):
			return false, fmt.Errorf("transport %q is not supported by this build; use udp or tcp", cut(value))
		}
		seen, tcp = true, strings.EqualFold(value, "tcp")
	}
	return tcp, nil
}

func parseHostPort(s string) (a gatewayAddress, err error) {
	host, port, hasPort := s, "", false
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return a, errors.New("has an IPv6 address without a closing bracket")
		}
		host, port = s[1:end], s[end+1:]
		if port, hasPort = strings.CutPrefix(port, ":"); !hasPort && port != "" {
			return a, errors.New("must have nothing but a port after the IPv6 address")
		}
		a.ip, err = netip.ParseAddr(host)
		if err != nil || !a.ip.Is6() || a.ip.Zone() != "" {
			return a, errors.New("must have an IPv6 address without zone between the brackets")
		}
		a.ip = a.ip.Unmap()
	} else {
		host, port, hasPort = strings.Cut(s, ":")
		a.ip, _ = netip.ParseAddr(host)
		if !a.ip.IsValid() && !validHostname(host) {
			return a, errors.New("must have an IPv4 address, an IPv6 address in brackets or a DNS name as host")
		}
	}
	if a.ip.IsValid() && (a.ip.IsUnspecified() || a.ip.IsMulticast()) {
		return a, errors.New("must have a unicast address that can be called")
	}
	a.host = strings.ToLower(host)
	if hasPort {
		if a.port, err = parsePort(port); err != nil {
			return a, err
		}
	}
	return a, nil
}

func parsePort(s string) (uint16, error) {
	port, err := strconv.ParseUint(s, 10, 16)
	if err != nil || port == 0 || len(s) > 5 {
		return 0, errors.New("must have a port from 1 to 65535")
	}
	return uint16(port), nil
}

// validHostname checks RFC 3261 §25.1 hostname within the lengths of RFC 1035
// §2.3.4. A last label that begins with a digit is no name: that is how
// mistyped IPv4 addresses look.
func validHostname(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > 253 {
		return false
	}
	last := ""
	for label := range strings.SplitSeq(s, ".") {
		if !validLabel(label) {
			return false
		}
		last = label
	}
	return !isDigit(last[0])
}

func validLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if !isAlnum(s[i]) && s[i] != '-' {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isAlnum(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// same reports whether both are called at the same place, by the same transport. An IP address
// without a port is called at 5060; a name without one is looked up as SRV
// (RFC 3263 §4.2), which is not the same as port 5060.
func (a gatewayAddress) same(b gatewayAddress) bool {
	if a.tcp != b.tcp {
		return false
	}
	if a.ip.IsValid() && b.ip.IsValid() {
		return a.ip == b.ip && a.callPort() == b.callPort()
	}
	return strings.TrimSuffix(a.host, ".") == strings.TrimSuffix(b.host, ".") && a.port == b.port
}
