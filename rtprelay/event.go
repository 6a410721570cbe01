package rtprelay

import (
	"net/netip"
	"time"
)

// EventKind says what a worker noticed.
type EventKind uint8

// The kinds of event. The zero value is none of them.
const (
	_ EventKind = iota
	// Latched: the stream has locked on the source that its peer really sends
	// RTP from. It comes again after a SetRemote that opened the stream again.
	Latched
	// Conflict: RTP or RTCP came from a source that is not the peer's and was refused.
	// At most one per stream and SetRemote; Stats counts all of them. A stream
	// locked on its peer is mostly guarded by the kernel, which refuses
	// strangers without telling us.
	Conflict
	// Timeout: nothing was accepted on either of the joined streams for the
	// session's timeout. Stream is nil. At most one per SetTimeout.
	Timeout
)

// String is the lower-case word of the kind.
func (k EventKind) String() string {
	switch k {
	case Latched:
		return "latched"
	case Conflict:
		return "conflict"
	case Timeout:
		return "timeout"
	default:
		return "unknown"
	}
}

// An Event is something that a worker noticed, in the order it did.
type Event struct {
	Ref    uint64         // SessionConfig.Ref
	Index  int            // SessionConfig.Index
	Kind   EventKind      // what happened
	Stream *Stream        // on which stream; nil for Timeout
	Source netip.AddrPort // Latched, Conflict: where the packet came from
	At     time.Time      // when
}
