package sipmsg

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// URI is a SIP or SIPS URI in parts (RFC 3261 §19.1), or any other URI in two.
// The zero value is no URI.
type URI struct {
	Scheme string // lower case: "sip", "sips", "tel", …

	// User and Password are as they came, escapes included.
	User, Password string

	// Host is a name or an address; an IPv6 address stands without its brackets.
	Host string
	Port int // 0: none given

	Params  Params
	Headers string // what follows "?", as it came

	// Opaque is what follows the scheme's colon when it is neither sip nor sips.
	Opaque string
}

var (
	errScheme   = errors.New("URI without a scheme")
	errUser     = errors.New("malformed user part")
	errHost     = errors.New("malformed host")
	errPort     = errors.New("malformed port")
	errURIChars = errors.New("blank or control character in a URI")
)

// ParseURI reads one URI with nothing around it. Parameter names come out in
// lower case, everything else as it came. The error says what is wrong, not where.
func ParseURI(s string) (URI, error) {
	var u URI
	if err := u.parse(s, nil); err != nil {
		return URI{}, err
	}
	return u, nil
}

func (u *URI) parse(s string, room *paramRoom) error {
	scheme, rest, ok := cutScheme(s)
	if !ok || rest == "" {
		return errScheme
	}
	if u.Scheme = scheme; !isSIP(scheme) {
		if !all(rest, uriChar) {
			return errURIChars
		}
		u.Opaque = rest
		return nil
	}
	if at := strings.IndexByte(rest, '@'); at >= 0 {
		user := rest[:at]
		rest = rest[at+1:]
		n := span(user, userInfoChar)
		if u.User = user[:n]; n < len(user) && user[n] == ':' {
			u.Password = user[n+1:]
		} else if n < len(user) {
			return errUser
		}
		// An empty user is not legal, but is how some gateways withhold a number.
		if u.User == "" && (user != "" || strings.IndexByte(rest, '@') >= 0) || !all(u.Password, uriChar) || strings.IndexByte(u.Password, '"') >= 0 {
			return errUser
		}
	}
	var err error
	if u.Host, u.Port, rest, err = cutHostPort(rest, false); err != nil || rest == "" {
		return err
	}
	if rest[0] != ';' && rest[0] != '?' {
		return errHost
	}
	headers := len(rest)
	for i := 0; i < len(rest); i++ {
		if classes[rest[i]]&uriChar == 0 {
			return errURIChars // in a quoted parameter or a header
		}
		if rest[i] == '?' && headers == len(rest) {
			headers, u.Headers = i, rest[i+1:]
		}
	}
	u.Params, err = room.parse(rest[:headers])
	return err
}

// cutScheme cuts at the first colon; the scheme comes out in lower case.
func cutScheme(s string) (scheme, rest string, ok bool) {
	if strings.HasPrefix(s, "sip:") {
		return "sip", s[4:], true
	}
	scheme, rest, ok = strings.Cut(s, ":")
	return lower(scheme), rest, ok && isScheme(scheme)
}

// IsSIP reports whether u is a sip or sips URI.
func (u URI) IsSIP() bool { return isSIP(u.Scheme) }

func isSIP(scheme string) bool { return scheme == "sip" || scheme == "sips" }

// String returns u as it is written.
func (u URI) String() string {
	var room [128]byte
	return string(u.append(room[:0]))
}

// Append appends u to dst as it is written.
func (u URI) Append(dst []byte) []byte { return u.append(dst) }

func (u *URI) append(dst []byte) []byte {
	if u.Scheme != "" {
		dst = append(append(dst, u.Scheme...), ':')
	}
	if u.Opaque != "" {
		return append(dst, u.Opaque...)
	}
	if u.User != "" {
		dst = append(dst, u.User...)
		if u.Password != "" {
			dst = append(append(dst, ':'), u.Password...)
		}
		dst = append(dst, '@')
	}
	dst = appendHostPort(dst, u.Host, u.Port)
	dst = u.Params.append(dst)
	if u.Headers != "" {
		dst = append(append(dst, '?'), u.Headers...)
	}
	return dst
}

// HostPort returns host, or host:port when there is a port; an IPv6 address is in
// brackets.
func (u URI) HostPort() string { return string(appendHostPort(nil, u.Host, u.Port)) }

// EscapeUser returns s for use as the user part of a URI: every byte that is
// neither unreserved nor user-unreserved is escaped (RFC 3261 §25.1), so that
// digits from policy cannot become a host, a parameter or a header.
func EscapeUser(s string) string {
	i := 0
	for i < len(s) && classes[s[i]]&userChar != 0 {
		i++
	}
	if i == len(s) {
		return s
	}
	const hex = "0123456789ABCDEF"
	b := append(make([]byte, 0, len(s)+8), s[:i]...)
	for ; i < len(s); i++ {
		if c := s[i]; classes[c]&userChar != 0 {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}

// UnescapeUser undoes the escapes of a user part. It is false, and s unchanged,
// when an escape is malformed or hides a control character.
func UnescapeUser(s string) (string, bool) {
	if strings.IndexByte(s, '%') < 0 {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			if i+2 >= len(s) {
				return s, false
			}
			n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil || n < ' ' || n == 0x7f {
				return s, false
			}
			c = byte(n)
			i += 2
		}
		b = append(b, c)
	}
	return string(b), true
}

func isScheme(s string) bool {
	for i := 0; i < len(s); i++ {
		if classes[s[i]]&alnumChar == 0 && strings.IndexByte("+-.", s[i]) < 0 {
			return false
		}
	}
	return s != "" && lowerByte(s[0]) >= 'a' && lowerByte(s[0]) <= 'z'
}

// cutHostPort reads host [ ":" port ] at the start of s. With blanks, those after
// host, colon and port are passed over: Via's sent-by may have them. Port 0 means
// none.
func cutHostPort(s string, blanks bool) (host string, port int, rest string, err error) {
	if s != "" && s[0] == '[' {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", 0, "", errHost
		}
		host, rest = s[1:end], s[end+1:]
		a, err := netip.ParseAddr(host)
		if err != nil || !a.Is6() || a.Zone() != "" {
			return "", 0, "", errHost
		}
	} else {
		n := span(s, hostChar)
		if n == 0 {
			return "", 0, "", errHost
		}
		host, rest = s[:n], s[n:]
	}
	if blanks {
		rest = trimLeft(rest)
	}
	if rest == "" || rest[0] != ':' {
		return host, 0, rest, nil
	}
	if rest = rest[1:]; blanks {
		rest = trimLeft(rest)
	}
	n := 0
	for n < len(rest) && '0' <= rest[n] && rest[n] <= '9' {
		n++
	}
	p, ok := parseUint(rest[:n], 65535)
	if !ok {
		return "", 0, "", errPort
	}
	if rest = rest[n:]; blanks {
		rest = trimLeft(rest)
	}
	return host, int(p), rest, nil
}

func appendHostPort(dst []byte, host string, port int) []byte {
	if strings.IndexByte(host, ':') >= 0 && host[0] != '[' {
		dst = append(append(append(dst, '['), host...), ']')
	} else {
		dst = append(dst, host...)
	}
	if port != 0 {
		dst = strconv.AppendInt(append(dst, ':'), int64(port), 10)
	}
	return dst
}
