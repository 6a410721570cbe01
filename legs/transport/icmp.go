package transport

import (
	"fmt"
	"syscall"
)

// An ICMPError is what the network has said about a message of ours. It unwraps
// to what the kernel makes of it: syscall.ECONNREFUSED for a port where nobody
// listens, syscall.EMSGSIZE for a datagram that was too long for a link on its
// way, syscall.EHOSTUNREACH, syscall.ENETUNREACH and others.
type ICMPError struct {
	V6         bool  // ICMPv6 (RFC 4443), else ICMP (RFC 792)
	Type, Code uint8 // as they came
	Errno      syscall.Errno
}

func (e *ICMPError) Error() string {
	name := "ICMP"
	if e.V6 {
		name = "ICMPv6"
	}
	return fmt.Sprintf("%s type %d code %d: %v", name, e.Type, e.Code, e.Errno)
}

// Unwrap returns the Errno.
func (e *ICMPError) Unwrap() error { return e.Errno }

// icmpReason sorts errors for the metric.
type icmpReason uint8

const (
	icmpOther icmpReason = iota
	icmpPort
	icmpHost
	icmpNetwork
	icmpProhibited
	icmpTooLong
	icmpExpired
	icmpReasons // how many there are
)

func (r icmpReason) String() string {
	return [icmpReasons]string{
		"other", "port_unreachable", "host_unreachable", "network_unreachable", "prohibited", "too_long", "expired",
	}[r]
}

// fatal reports whether the message is lost for good. A datagram that went in
// circles may find its way the next time (RFC 3261 §18.4: time exceeded is to be
// ignored).
func (r icmpReason) fatal() bool { return r != icmpExpired }

func (e *ICMPError) reason() icmpReason {
	if e.V6 {
		return reasonV6(e.Type, e.Code)
	}
	return reasonV4(e.Type, e.Code)
}

// reasonV4 reads RFC 792, RFC 1122 §3.2.2.1 and RFC 1812 §5.2.7.
func reasonV4(typ, code uint8) icmpReason {
	const unreachable, exceeded = 3, 11
	switch typ {
	case exceeded:
		return icmpExpired
	case unreachable:
	default:
		return icmpOther
	}
	switch code {
	case 0, 6, 11: // net unreachable, unknown, or for this service
		return icmpNetwork
	case 1, 7, 12: // host likewise
		return icmpHost
	case 3:
		return icmpPort
	case 4: // fragmentation needed
		return icmpTooLong
	case 9, 10, 13: // administratively prohibited
		return icmpProhibited
	}
	return icmpOther
}

// reasonV6 reads RFC 4443 §3.
func reasonV6(typ, code uint8) icmpReason {
	const unreachable, tooBig, exceeded = 1, 2, 3
	switch typ {
	case tooBig:
		return icmpTooLong
	case exceeded:
		return icmpExpired
	case unreachable:
	default:
		return icmpOther
	}
	switch code {
	case 0: // no route
		return icmpNetwork
	case 1, 5, 6: // prohibited, source address refused, route rejected
		return icmpProhibited
	case 2, 3: // beyond the scope, address unreachable
		return icmpHost
	case 4:
		return icmpPort
	}
	return icmpOther
}
