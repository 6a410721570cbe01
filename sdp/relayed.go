package sdp

import (
	"net/netip"
	"strconv"
)

// A Local is where a relay receives what is sent to an m-line; see
// [Media.SetAddress]. The zero Local is no place: the m-line is disabled.
type Local struct {
	RTP, RTCP netip.AddrPort
	Mux       bool
}

// Relayed is what [Session.Anonymise], [Session.Relay] and, for each m-line,
// [Media.SetAddress] with its Local would make of the description, written with
// CRLF line ends. The description itself stays as it is. told is what an answer
// to the body has to fit, as [CheckAnswer] sees it: s itself unless an m-line is
// disabled, or its direction is said otherwise.
//
// What nearly all telephones say is written once, into one piece of memory.
func (s *Session) Relayed(o Origin, addr netip.Addr, at []Local) (told *Session, body []byte) {
	if !s.plain(at) {
		c := s.Clone()
		c.Anonymise(o)
		c.Relay(addr)
		for i, m := range c.media {
			if l := &at[i]; l.RTP.IsValid() {
				m.SetAddress(l.RTP, l.RTCP, l.Mux)
			} else {
				m.Disable()
			}
		}
		return c, c.Bytes()
	}
	var rooms [2][128]byte
	origin := o.append(rooms[0][:0])
	connection := appendAddress(append(rooms[1][:0], "c="...), addr)
	const more = 32 // for addresses and ports that are longer than theirs
	w := relayedWriter{body: make([]byte, 0, len(s.text)+len(origin)+more)}
	w.masks.id = o.ID
	w.said, w.above = plainAddr(addr), indexType(s.lines, 'c') >= 0
	w.body = s.appendHead(w.body, origin, connection)
	for i, m := range s.media {
		w.media(m, &at[i])
	}
	return s, w.body
}

// plain reports that Relayed has no more to do than to leave lines out and to put
// others in their place.
func (s *Session) plain(at []Local) bool {
	if indexType(s.lines, 'o') < 0 || indexType(s.lines, 's') < 0 {
		return false
	}
	for i, m := range s.media {
		f := m.fields()
		if f.port == 0 || !f.rtp() || !at[i].RTP.IsValid() || at[i].RTP.Port() == 0 || m.holdsByAddress() {
			return false
		}
	}
	return true
}

// A relayedWriter writes the m-lines of Relayed.
type relayedWriter struct {
	body  []byte
	said  netip.Addr // by the session's c= line,
	above bool       // if it has one
	masks cnames

	// what the m-line in hand has had of these
	connected, rtcp, mux bool
}

// media writes an m-line, and the lines under it, for a place of ours.
func (w *relayedWriter) media(m *Media, at *Local) {
	w.connected, w.rtcp, w.mux = false, false, false
	f := m.fields()
	if port := int(at.RTP.Port()); f.port == port && f.count == 0 {
		w.body = append(w.body, m.lines[0]...)
	} else {
		f.port, f.count = port, 0
		w.body = f.append(w.body)
	}
	w.end()
	if indexType(m.lines, 'c') < 0 && !(w.above && plainAddr(at.RTP.Addr()) == w.said) {
		w.connection(at)
	}
	for _, line := range m.lines[1:] {
		switch {
		case line[0] == 'a':
			w.attribute(line, at)
		case line[0] == 'i' || line[0] == 'c' && w.connected:
		case line[0] == 'c':
			w.connected = true
			w.connection(at)
		default:
			w.body = append(w.body, line...)
			w.end()
		}
	}
	if next := netip.AddrPortFrom(at.RTP.Addr(), at.RTP.Port()+1); !w.rtcp && at.RTCP != next {
		w.writeRTCP(at)
	}
	if !w.mux && at.Mux {
		w.body = append(w.body, "a=rtcp-mux"...)
		w.end()
	}
}

// connection writes the c= line of the m-line in hand.
func (w *relayedWriter) connection(at *Local) {
	w.body = appendAddress(append(w.body, "c="...), at.RTP.Addr())
	w.end()
}

// attribute writes an a= line of the m-line in hand, or what stands for it.
func (w *relayedWriter) attribute(line string, at *Local) {
	name, value, _ := attributeOf(line)
	switch {
	case name == "rtcp":
		if !w.rtcp {
			w.rtcp = true
			w.writeRTCP(at)
		}
		return
	case name == "rtcp-mux":
		if w.mux || !at.Mux {
			return
		}
		w.mux = true
		line = "a=rtcp-mux"
	case name == "rtcp-mux-only" || name == "bundle-only" || nameOfPeer(name) || nameOfTransport(name, value):
		return
	case w.masks.cover(line):
		w.body = w.masks.append(w.body)
		w.end()
		return
	}
	w.body = append(w.body, line...)
	w.end()
}

// writeRTCP writes a=rtcp, if there is such a place.
func (w *relayedWriter) writeRTCP(at *Local) {
	if at.RTCP.IsValid() {
		w.body = appendRTCP(w.body, at.RTP, at.RTCP)
		w.end()
	}
}

// end ends a line.
func (w *relayedWriter) end() { w.body = append(w.body, '\r', '\n') }

// appendRTCP writes a=rtcp (RFC 3605 §2.1), with the address when it is another
// than RTP's.
func appendRTCP(b []byte, rtp, rtcp netip.AddrPort) []byte {
	b = strconv.AppendUint(append(b, "a=rtcp:"...), uint64(rtcp.Port()), 10)
	if rtcp.Addr() == rtp.Addr() {
		return b
	}
	return appendAddress(append(b, ' '), rtcp.Addr())
}
