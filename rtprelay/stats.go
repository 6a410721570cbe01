package rtprelay

import (
	"net/netip"
	"sync/atomic"
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

// counters is a stream's book as its worker keeps it and anybody reads it. Only
// the worker writes, so each figure is exact; two read together may be a packet
// apart.
type counters struct {
	packets, octets, rtcpPackets             atomic.Uint64
	sentPackets, sentOctets, sentRTCPPackets atomic.Uint64
	drops                                    [NumDrops]atomic.Uint64
	icmpErrors                               atomic.Uint64
	lost                                     atomic.Int64
	jitter                                   atomic.Int64  // a Duration
	last                                     atomic.Uint64 // SSRC<<8 | payload type of the last RTP packet; meaningless before the first
	lastArrival                              atomic.Int64  // since the relay started, never 0 once something came
	latched                                  atomic.Pointer[netip.AddrPort]
}

// accept counts a packet from the peer. q has been updated with it when it is
// RTP.
func (n *counters) accept(v *verdict, size int, q *quality, now time.Duration) {
	n.lastArrival.Store(max(int64(now), 1))
	if v.rtcp {
		n.rtcpPackets.Add(1)
		return
	}
	n.packets.Add(1)
	n.octets.Add(uint64(size))
	// A store costs more than a load; these seldom change or are cheap to compare.
	if lost := q.lost(); lost != n.lost.Load() {
		n.lost.Store(lost)
	}
	if jitter := int64(q.jitterTime()); jitter != n.jitter.Load() {
		n.jitter.Store(jitter)
	}
	if last := uint64(v.header.ssrc)<<8 | uint64(v.header.payloadType); last != n.last.Load() {
		n.last.Store(last)
	}
}

// sent counts a packet to the peer.
func (n *counters) sent(rtcp bool, size int) {
	if rtcp {
		n.sentRTCPPackets.Add(1)
		return
	}
	n.sentPackets.Add(1)
	n.sentOctets.Add(uint64(size))
}

// stats reads the counters; start is when the relay started.
func (n *counters) stats(start time.Time) Stats {
	s := Stats{
		PayloadType: -1,
		Packets:     n.packets.Load(), Octets: n.octets.Load(), RTCPPackets: n.rtcpPackets.Load(),
		SentPackets: n.sentPackets.Load(), SentOctets: n.sentOctets.Load(), SentRTCPPackets: n.sentRTCPPackets.Load(),
		Lost: n.lost.Load(), Jitter: time.Duration(n.jitter.Load()), ICMPErrors: n.icmpErrors.Load(),
	}
	if s.Packets > 0 {
		last := n.last.Load()
		s.SSRC, s.PayloadType = uint32(last>>8), int(last&0x7f)
	}
	for i := range n.drops {
		s.Drops[i] = n.drops[i].Load()
	}
	if at := n.lastArrival.Load(); at != 0 {
		s.LastArrival = start.Add(time.Duration(at))
	}
	if a := n.latched.Load(); a != nil {
		s.Remote, s.Latched = *a, true
	}
	return s
}
