package sdp

import (
	"net/netip"
	"strconv"
	"strings"
)

// Address returns where the writer wants the media: the m-line's own c= or the
// session's. It is the zero Addr when that is a host name, and unspecified
// (0.0.0.0, [::]) in the old form of hold; see [Media.Flow].
func (m *Media) Address() netip.Addr { return parseAddr(connectionHost(m.connection())) }

// RTPAddress returns Address and Port together, as a place to send to. It is
// the zero AddrPort when there is none: the m-line is disabled or bundle-only,
// or the address is a host name, unspecified (a kernel takes 0.0.0.0 for this
// host), broadcast or multicast.
func (m *Media) RTPAddress() netip.AddrPort {
	return place(m.Address(), uint16(m.Port()))
}

// RTCP returns where the writer wants RTCP when it is not multiplexed: a=rtcp
// (RFC 3605), else the next port (RFC 3550 §11). It is the zero AddrPort when
// there is no such place: not RTP, no next port, or as for RTPAddress.
func (m *Media) RTCP() netip.AddrPort {
	rtp := m.RTPAddress()
	if !rtp.IsValid() || !m.RTP() {
		return netip.AddrPort{}
	}
	if value, ok := m.Attribute("rtcp"); ok {
		if at := parseRTCP(value, rtp.Addr()); at.IsValid() {
			return at
		}
	}
	return place(rtp.Addr(), rtp.Port()+1)
}

func place(addr netip.Addr, port uint16) netip.AddrPort {
	broadcast := addr == netip.AddrFrom4([4]byte{255, 255, 255, 255})
	if !addr.IsValid() || port == 0 || addr.IsUnspecified() || addr.IsMulticast() || broadcast {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr, port)
}

// Mux reports whether the writer offers or accepts RTP and RTCP on one port
// (RFC 5761 §5.1.1, RFC 8858). In an answer it counts only when offered.
func (m *Media) Mux() bool {
	_, mux := m.Attribute("rtcp-mux")
	_, only := m.Attribute("rtcp-mux-only")
	return mux || only
}

// SetAddress makes the m-line point at rtp, with RTCP at rtcp.
//
// The address goes into the m-line's own c= when it has one or when the
// session's c= says something else; see [Session.Relay] for the session's. For
// RTP, a=rtcp is written when rtcp is not the port after rtp, and rewritten
// where it stands when there was one; a zero rtcp removes it. a=rtcp-mux is
// there exactly when mux is set. The number of ports becomes one; a
// bundle-only m-line becomes an ordinary one. A disabled m-line stays disabled.
func (m *Media) SetAddress(rtp, rtcp netip.AddrPort, mux bool) {
	if m.Disabled() {
		m.Disable()
		return
	}
	m.lines = removeAttribute(m.lines, "bundle-only")
	m.setPort(int(rtp.Port()))
	m.setConnection(rtp.Addr())
	if !m.RTP() {
		m.lines = removeAttribute(m.lines, "rtcp") // means nothing here, but would name an address
		return
	}
	m.setRTCP(rtp, rtcp)
	m.lines = removeAttribute(m.lines, "rtcp-mux-only")
	if mux {
		m.lines = setAttribute(m.lines, "rtcp-mux", "a=rtcp-mux")
	} else {
		m.lines = removeAttribute(m.lines, "rtcp-mux")
	}
}

func (m *Media) setConnection(addr netip.Addr) {
	said, own := "", indexType(m.lines, 'c') >= 0
	if i := indexType(m.session.lines, 'c'); i >= 0 {
		said = m.session.lines[i]
	}
	if line := connectionLine(said, addr); own || line != said {
		m.lines = setLine(m.lines, line, "mi")
	}
}

func (m *Media) setRTCP(rtp, rtcp netip.AddrPort) {
	_, had := m.Attribute("rtcp")
	isDefault := rtcp.Addr() == rtp.Addr() && rtcp.Port() == rtp.Port()+1
	switch {
	case !rtcp.IsValid():
		m.lines = removeAttribute(m.lines, "rtcp")
	case isDefault && !had:
	default:
		var buf [96]byte
		m.lines = setAttribute(m.lines, "rtcp", string(appendRTCP(buf[:0], rtp, rtcp)))
	}
}

// connection returns the value of the c= line that holds for the m-line, "".
func (m *Media) connection() string {
	lines := m.lines
	i := indexType(lines, 'c')
	if i < 0 {
		lines = m.session.lines
		i = indexType(lines, 'c')
	}
	if i < 0 {
		return ""
	}
	return lines[i][2:]
}

// connectionHost returns the address of "IN IP4 host/ttl/count" without what
// follows the slash (RFC 8866 §5.7).
func connectionHost(value string) string {
	_, rest := nextField(value)
	_, rest = nextField(rest)
	host, _ := nextField(rest)
	host, _, _ = strings.Cut(host, "/")
	return host
}

// parseRTCP reads the value of a=rtcp: "port" or "port IN IP4 address" (RFC
// 3605 §2.1); addr holds when the value has none.
func parseRTCP(value string, addr netip.Addr) netip.AddrPort {
	number, rest := nextField(value)
	port, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return netip.AddrPort{}
	}
	if host := connectionHost(rest); host != "" {
		addr = parseAddr(host)
	}
	return place(addr, uint16(port))
}
