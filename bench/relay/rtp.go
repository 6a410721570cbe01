package main

import "encoding/binary"

// The packets: 20 ms of G.711 in an RTP packet of 172 bytes (RFC 3550 §5.1,
// RFC 3551 §4.5.14). The beginning of the payload says which packet it is and
// when it was sent.
const (
	packetSize = 12 + 160
	packetTime = 160 // RTP timestamp units, 8000 Hz

	numberAt = 12
	stampAt  = 16
	ssrcBase = 0x62320000 // the SSRC of stream 0
)

// fill writes what stays the same in all packets of a stream.
func fill(packet []byte, stream int) {
	clear(packet)
	packet[0] = 2 << 6 // version 2; payload type 0, PCMU
	binary.BigEndian.PutUint32(packet[8:], ssrcBase+uint32(stream))
	for i := numberAt; i < packetSize; i++ {
		packet[i] = 0xd5 // silence
	}
}

// mark makes packet the one with this number, sent at stamp nanoseconds.
func mark(packet []byte, number uint32, stamp int64) {
	binary.BigEndian.PutUint16(packet[2:], uint16(number))
	binary.BigEndian.PutUint32(packet[4:], number*packetTime)
	binary.BigEndian.PutUint32(packet[numberAt:], number)
	binary.BigEndian.PutUint64(packet[stampAt:], uint64(stamp))
}

// read returns what fill and mark wrote; ok is false when the packet is not
// what they write.
func read(packet []byte) (stream int, number uint32, stamp int64, ok bool) {
	if len(packet) != packetSize || packet[0] != 2<<6 || packet[1] != 0 {
		return 0, 0, 0, false
	}
	number = binary.BigEndian.Uint32(packet[numberAt:])
	if uint32(binary.BigEndian.Uint16(packet[2:])) != number&0xffff || binary.BigEndian.Uint32(packet[4:]) != number*packetTime {
		return 0, 0, 0, false
	}
	stream = int(binary.BigEndian.Uint32(packet[8:]) - ssrcBase)
	return stream, number, int64(binary.BigEndian.Uint64(packet[stampAt:])), true
}

// An account says what became of the packets of a window, each stream's
// numbers first..first+length-1.
type account struct {
	streams int
	first   uint32
	length  uint32
	seen    []uint64 // a bit for each packet, stream by stream

	received   int // of the window, once each
	duplicates int
	strays     int // not a packet of ours, or on the wrong side
}

func newAccount(streams int, first, length uint32) *account {
	return &account{streams: streams, first: first, length: length, seen: make([]uint64, (streams*int(length)+63)/64)}
}

// add books a packet that arrived and reports that it counts: that it is of
// the window, and the first of its kind.
func (a *account) add(stream int, number uint32) bool {
	if stream < 0 || stream >= a.streams {
		a.strays++
		return false
	}
	n := number - a.first
	if n >= a.length { // before or after the window
		return false
	}
	at := stream*int(a.length) + int(n)
	bit := uint64(1) << (at % 64)
	if a.seen[at/64]&bit != 0 {
		a.duplicates++
		return false
	}
	a.seen[at/64] |= bit
	a.received++
	return true
}

// sent is how many packets the window has.
func (a *account) sent() int { return a.streams * int(a.length) }

// lost is how many packets of the window have not arrived.
func (a *account) lost() int { return a.sent() - a.received }
