package rtprelay

import "time"

// Constants of RFC 3550 A.1.
const (
	seqMod      = 1 << 16
	maxDropout  = 3000
	maxMisorder = 100
)

// maxTransitStep is the change of transit time above which a sender has
// restarted its timestamps rather than been delayed.
const maxTransitStep = 5 * time.Second

// quality is the receiver's book-keeping of RFC 3550 Appendix A for what one
// stream accepts. A change of SSRC, or a restart of the sequence, starts a new
// count whose losses add to those before. The zero value has seen nothing.
type quality struct {
	ssrc     uint32
	started  bool
	settled  bool // transit is valid
	maxSeq   uint16
	cycles   uint32 // sequence wraps, times seqMod; good for 2.7 years of 20 ms packets
	baseSeq  uint32
	badSeq   uint32 // the sequence number that would confirm a restart; seqMod+1 = none
	received uint64
	past     int64 // lost before the last restart

	rate    uint32 // of transit and jitter, Hz
	transit uint32
	jitter  uint32 // RFC 3550 A.8, times 16
}

// update takes an accepted packet. A rate of 0 leaves the jitter alone.
func (q *quality) update(h rtpHeader, rate uint32, now time.Duration) {
	if !q.started || q.ssrc != h.ssrc {
		q.restart(h)
		q.settled, q.jitter = false, 0
	}
	q.sequence(h)
	if rate != 0 {
		q.arrival(h.timestamp, rate, now)
	}
}

// restart is init_seq of RFC 3550 A.1.
func (q *quality) restart(h rtpHeader) {
	q.past = q.lost()
	q.ssrc, q.started = h.ssrc, true
	q.baseSeq, q.maxSeq = uint32(h.sequence), h.sequence
	q.badSeq = seqMod + 1
	q.cycles, q.received = 0, 0
}

// sequence is update_seq of RFC 3550 A.1. There is no probation: the latch has
// decided already that the source is the peer.
func (q *quality) sequence(h rtpHeader) {
	switch delta := h.sequence - q.maxSeq; {
	case delta < maxDropout: // in order, with a permissible gap
		if h.sequence < q.maxSeq {
			q.cycles += seqMod
		}
		q.maxSeq = h.sequence
	case delta <= seqMod-maxMisorder:
		if uint32(h.sequence) != q.badSeq { // a very large jump
			q.badSeq = (uint32(h.sequence) + 1) & (seqMod - 1)
			return
		}
		q.restart(h) // two in a row: the sender restarted without telling
	default: // duplicate or reordered
	}
	q.received++
}

// lost is RFC 3550 A.3, over all counts. It is negative with duplicates.
func (q *quality) lost() int64 {
	if !q.started {
		return q.past
	}
	expected := int64(q.cycles) + int64(q.maxSeq) - int64(q.baseSeq) + 1
	return q.past + expected - int64(q.received)
}

// arrival is RFC 3550 A.8 in integers. Packets of another clock rate, and jumps
// of the timestamp that no network explains, start the comparison anew.
func (q *quality) arrival(timestamp, rate uint32, now time.Duration) {
	seconds, rest := uint64(now/time.Second), uint64(now%time.Second)
	arrived := uint32(seconds*uint64(rate) + rest*uint64(rate)/uint64(time.Second))
	transit := arrived - timestamp
	if !q.settled || rate != q.rate {
		if rate != q.rate {
			q.jitter = 0
		}
		q.settled, q.rate, q.transit = true, rate, transit
		return
	}
	step := int32(transit - q.transit)
	q.transit = transit
	distance := uint32(step)
	if step < 0 {
		distance = -distance
	}
	if uint64(distance) > uint64(rate)*uint64(maxTransitStep/time.Second) {
		return
	}
	q.jitter += distance - (q.jitter+8)>>4
}

// jitterTime is the jitter as a time; 0 before two packets have come.
func (q *quality) jitterTime() time.Duration {
	if q.rate == 0 {
		return 0
	}
	return time.Duration(uint64(q.jitter>>4) * uint64(time.Second) / uint64(q.rate))
}
