package rtprelay

import "encoding/binary"

// Sizes of RFC 3550 §5.1 and §6.4.
const (
	rtpHeaderSize  = 12
	rtcpHeaderSize = 8 // the common header and the sender's SSRC
)

// rtpHeader is what the relay reads of an RTP packet.
type rtpHeader struct {
	payloadType uint8
	sequence    uint16
	timestamp   uint32
	ssrc        uint32
}

// parseRTP reads the fixed header in place (RFC 3550 §5.1). It refuses other
// versions and packets that are shorter than their CSRC list and header
// extension say. Padding is not looked at: SRTP encrypts its length.
func parseRTP(b []byte) (h rtpHeader, ok bool) {
	if len(b) < rtpHeaderSize || b[0]>>6 != 2 {
		return h, false
	}
	size := rtpHeaderSize + 4*int(b[0]&0x0f)
	if b[0]&0x10 != 0 { // header extension, RFC 3550 §5.3.1
		if len(b) < size+4 {
			return h, false
		}
		size += 4 + 4*int(binary.BigEndian.Uint16(b[size+2:]))
	}
	if len(b) < size {
		return h, false
	}
	return rtpHeader{
		payloadType: b[1] & 0x7f,
		sequence:    binary.BigEndian.Uint16(b[2:]),
		timestamp:   binary.BigEndian.Uint32(b[4:]),
		ssrc:        binary.BigEndian.Uint32(b[8:]),
	}, true
}

// parseRTCP reads the SSRC of the first packet of a compound. Only that packet
// is checked (version, type, length): in SRTCP the rest is encrypted.
func parseRTCP(b []byte) (ssrc uint32, ok bool) {
	if len(b) < rtcpHeaderSize || b[0]>>6 != 2 || b[1] < 192 || b[1] > 223 {
		return 0, false
	}
	size := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1) // RFC 3550 §6.4.1: words less one
	if size < rtcpHeaderSize || len(b) < size {
		return 0, false
	}
	return binary.BigEndian.Uint32(b[4:]), true
}

// muxedRTCP tells RTCP from RTP on a port that carries both: an RTP payload
// type of 64 to 95 is RTCP (RFC 5761 §4).
func muxedRTCP(b []byte) bool {
	return len(b) > 1 && b[1]&0x7f >= 64 && b[1]&0x7f <= 95
}

// reservedForRTCP are the payload types that no RTP packet may have, so that
// RTCP on an RTP port is recognised even where it was not agreed (RFC 3551 §6).
func reservedForRTCP(payloadType uint8) bool { return payloadType >= 72 && payloadType <= 76 }

// staticClockRate is RFC 3551 §6's rate in Hz of a static payload type, 0 when
// it has none.
func staticClockRate(payloadType uint8) uint32 {
	switch payloadType {
	case 0, 3, 4, 5, 7, 8, 9, 12, 13, 15, 18: // G.722 counts in 8000 too
		return 8000
	case 6:
		return 16000
	case 10, 11:
		return 44100
	case 14, 25, 26, 28, 31, 32, 33, 34:
		return 90000
	case 16:
		return 11025
	case 17:
		return 22050
	default:
		return 0
	}
}
