package rtprelay

import (
	"net/netip"
	"time"
)

// Remote is what signalling says about a stream's peer. The zero value knows
// no peer: everything received is dropped, nothing is sent.
type Remote struct {
	RTP  netip.AddrPort // where the peer wants RTP; invalid, wildcard or port 0 = not known
	RTCP netip.AddrPort // where it wants RTCP when Mux is off; likewise
	Mux  bool           // RTP and RTCP share the RTP port on this side (RFC 5761)
	Send bool           // RTP may be sent to this peer; RTCP always may (RFC 3264 §5.1)
	Recv bool           // RTP from this peer is relayed; RTCP always is

	// Learn lets the stream latch on a source other than RTP: one with RTP's IP
	// address or within Prefixes, within the learn window.
	Learn    bool
	Prefixes []netip.Prefix

	PayloadTypes [2]uint64        // bit set of the payload types a learned source may use; zero = any
	ClockRates   map[uint8]uint32 // Hz by payload type, for jitter; 0 = not measured; absent = RFC 3551's static rate, if any
}

// SetPayloadType adds pt (0..127) to r.PayloadTypes.
func (r *Remote) SetPayloadType(pt uint8) { r.PayloadTypes[pt>>6&1] |= 1 << (pt & 63) }

// control is a Remote as the packet path reads it, with the stream's join: all
// that control code may change about a stream. It is immutable; a change is a
// new control behind the stream's one atomic pointer.
type control struct {
	generation uint32 // moves when the latch must start again; 0 = no SetRemote yet
	remote     Remote // addresses cleaned: valid and usable, or zero
	opened     time.Duration
	peer       *Stream
}
