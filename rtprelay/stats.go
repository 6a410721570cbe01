package rtprelay

import (
	"net/netip"
	"time"
)

// Drop is a reason for which a received packet went nowhere.
type Drop uint8

// The reasons. They index Stats.Drops.
const (
	DropMalformed     Drop = iota // neither RTP nor RTCP version 2, or cut short
	DropStranger                  // not from the peer
	DropLearning                  // from a plausible source that is not trusted yet
	DropUnexpected                // RTCP where none was agreed, or RTP on the RTCP port
	DropNotReceiving              // Remote.Recv is off
	DropNotJoined                 // the stream is joined to no other
	DropNotSending                // the joined stream's Remote.Send is off
	DropNoDestination             // the joined stream knows no usable address of its peer
	DropSend                      // the operating system refused to send it
	NumDrops                      // how many reasons there are
)

// String is the lower-case word of the reason, as metrics spell it.
func (d Drop) String() string {
	names := [NumDrops]string{
		"malformed", "stranger", "learning", "unexpected", "not_receiving",
		"not_joined", "not_sending", "no_destination", "send",
	}
	if d < NumDrops {
		return names[d]
	}
	return "unknown"
}

// Stats is what a stream has counted so far. Received figures are of packets
// accepted from the peer, whether or not they could be relayed.
type Stats struct {
	SSRC        uint32        // of the last RTP packet accepted
	PayloadType int           // of the last RTP packet accepted; -1 when none came
	Packets     uint64        // RTP packets accepted
	Octets      uint64        // their header and payload, without UDP and IP
	Lost        int64         // RFC 3550 A.3: expected less received, over all SSRCs; negative with duplicates
	Jitter      time.Duration // RFC 3550 A.8; 0 when no clock rate is known
	RTCPPackets uint64        // RTCP packets accepted

	SentPackets     uint64 // RTP packets sent to the peer
	SentOctets      uint64
	SentRTCPPackets uint64

	Drops      [NumDrops]uint64 // packets received here that went nowhere, by reason
	ICMPErrors uint64           // the network told us that the peer's port or host is unreachable

	Remote      netip.AddrPort // where RTP goes: learned, else signalled; zero when unknown
	Latched     bool           // the source of RTP is known and locked
	LastArrival time.Time      // of the last RTP or RTCP packet accepted; zero when none came
}

// Dropped is the sum of s.Drops.
func (s Stats) Dropped() uint64 {
	var n uint64
	for _, d := range s.Drops {
		n += d
	}
	return n
}
