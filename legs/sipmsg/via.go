package sipmsg

import (
	"errors"
	"strings"
)

// Via is one Via value (RFC 3261 §20.42).
type Via struct {
	Transport string // upper case: "UDP", "TCP", "TLS", "WS", …

	// Host and Port are sent-by. An IPv6 address stands without its brackets;
	// port 0 means that none was given.
	Host string
	Port int

	Params Params

	// Raw is the value as it came, and what is written when it is not empty.
	// Whoever changes another field clears it.
	Raw string
}

var (
	errVia     = errors.New("malformed Via")
	errVersion = errors.New("Via of another protocol version")
)

// ParseVia reads one Via value, with white space wherever the grammar has LWS:
// "SIP / 2.0 / UDP host : 5060 ; branch = x".
func ParseVia(s string) (Via, error) {
	var v Via
	if err := v.parse(trim(s), nil); err != nil {
		return Via{}, err
	}
	return v, nil
}

func (v *Via) parse(s string, room *paramRoom) error {
	v.Raw = s
	version, rest, ok := "2.0", "", strings.HasPrefix(s, "SIP/2.0/")
	if ok {
		rest = s[len("SIP/2.0/"):]
	} else if version, rest, ok = cutProtocol(s); !ok {
		return errVia
	}
	rest = trimLeft(rest)
	n := span(rest, tokenChar)
	if n == 0 || n == len(rest) || !isBlank(rest[n]) {
		return errVia
	}
	v.Transport = upper(rest[:n])
	var err error
	if v.Host, v.Port, rest, err = cutHostPort(trimLeft(rest[n:]), true); err != nil {
		return err
	}
	if rest != "" {
		if v.Params, err = room.parse(rest); err != nil {
			return err
		}
	}
	if version != "2.0" {
		return errVersion // the rest is good, for the 505
	}
	return nil
}

// cutProtocol reads "SIP", slash, version and slash with blanks wherever.
func cutProtocol(s string) (version, rest string, ok bool) {
	protocol, rest, ok1 := strings.Cut(s, "/")
	version, rest, ok2 := strings.Cut(rest, "/")
	version = trim(version)
	return version, rest, ok1 && ok2 && same(trimRight(protocol), "SIP") && isToken(version)
}

// upper returns the transport in capitals without allocating for the usual ones.
func upper(s string) string {
	for _, known := range [...]string{"UDP", "TCP", "TLS", "WS", "WSS"} {
		if same(s, known) {
			return known
		}
	}
	return strings.ToUpper(s)
}

// Branch returns the branch parameter, or "" (RFC 2543 peers).
func (v Via) Branch() string {
	return v.Params.value("branch")
}

// RPort returns the value of the rport parameter, 0 when it has none, and whether
// the parameter is there (RFC 3581).
func (v Via) RPort() (port int, ok bool) {
	s, ok := v.Params.Get("rport")
	n, _ := parseUint(s, 65535)
	return int(n), ok
}

// Received returns the received parameter, or "".
func (v Via) Received() string {
	return v.Params.value("received")
}

// SentBy returns host or host:port in lower case, an IPv6 address in brackets:
// what a transaction is matched by (RFC 3261 §17.2.3).
func (v Via) SentBy() string {
	if v.Port == 0 && strings.IndexByte(v.Host, ':') < 0 {
		return lower(v.Host)
	}
	return lower(string(appendHostPort(nil, v.Host, v.Port)))
}

// String returns v as it is written.
func (v Via) String() string {
	if v.Raw != "" {
		return v.Raw
	}
	return string(v.append(nil))
}

func (v *Via) append(dst []byte) []byte {
	if v.Raw != "" {
		return append(dst, v.Raw...)
	}
	dst = append(append(append(dst, "SIP/2.0/"...), v.Transport...), ' ')
	dst = appendHostPort(dst, v.Host, v.Port)
	return v.Params.append(dst)
}
