package sdp

import (
	"net/netip"
	"strconv"
	"strings"
)

// An Origin is the o= line (RFC 8866 §5.2). Each leg has its own, never the
// other leg's: ID stays for the life of the leg, Version grows by one whenever
// the description changes (see [Digest]).
type Origin struct {
	Username string     // "" is written "-"
	ID       uint64     // session id
	Version  uint64     // session version
	Address  netip.Addr // our address; the zero Addr is written 0.0.0.0
}

// Origin reads the o= line. A number or address that does not fit the field's
// type (a host name, say) reads as zero.
func (s *Session) Origin() Origin {
	i := indexType(s.lines, 'o')
	if i < 0 {
		return Origin{}
	}
	f, _ := splitOrigin(s.lines[i][2:])
	return Origin{Username: f.username, ID: number(f.id), Version: number(f.version), Address: parseAddr(f.address)}
}

// number reads a number; 0 when it is none or does not fit.
func number(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// SetOrigin replaces the o= line.
func (s *Session) SetOrigin(o Origin) {
	s.lines = setLine(s.lines, o.line(), "v")
}

func (o Origin) line() string {
	var buf [128]byte
	return string(o.append(buf[:0]))
}

func (o Origin) append(b []byte) []byte {
	username := o.Username
	if username == "" || strings.ContainsAny(username, " \t\r\n\x00") {
		username = "-"
	}
	b = append(append(append(b, "o="...), username...), ' ')
	b = append(strconv.AppendUint(b, o.ID, 10), ' ')
	b = append(strconv.AppendUint(b, o.Version, 10), ' ')
	return appendAddress(b, o.Address)
}

type originFields struct {
	username, id, version, address string
}

// splitOrigin cuts the value of an o= line from its end, because some phones
// put spaces into the user name.
func splitOrigin(value string) (f originFields, ok bool) {
	rest := value
	var fields [5]string
	for i := len(fields) - 1; i >= 0; i-- {
		rest = trimRight(rest)
		cut := len(rest) - 1
		for cut >= 0 && !isBlank(rest[cut]) {
			cut--
		}
		if cut < 0 {
			return f, false
		}
		fields[i], rest = rest[cut+1:], rest[:cut]
	}
	rest = strings.Trim(rest, blank)
	f = originFields{username: rest, id: fields[0], version: fields[1], address: fields[4]}
	return f, rest != ""
}

// appendAddress writes "IN IP4 192.0.2.1" or "IN IP6 2001:db8::1".
func appendAddress(b []byte, addr netip.Addr) []byte {
	addr = plainAddr(addr)
	switch {
	case !addr.IsValid():
		return append(b, "IN IP4 0.0.0.0"...)
	case addr.Is4():
		return addr.AppendTo(append(b, "IN IP4 "...))
	default:
		return addr.AppendTo(append(b, "IN IP6 "...))
	}
}

// plainAddr is an address as another host may know it.
func plainAddr(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// connectionLine returns line when it says c= with the address, else one that
// does.
func connectionLine(line string, addr netip.Addr) string {
	var buf [64]byte
	b := appendAddress(append(buf[:0], "c="...), addr)
	if string(b) == line {
		return line
	}
	return string(b)
}

// parseAddr reads an address literal; the zero Addr means that it is none. A
// zone says nothing to another host and makes the address unusable.
func parseAddr(host string) netip.Addr {
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}
	}
	return addr.Unmap()
}
