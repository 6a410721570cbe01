package sdp

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// Digest is a number that written descriptions share which differ in nothing but
// their o= line, and others hardly ever: what is left of a description that need
// not be kept. It is never 0. When the digests of two descriptions for one peer
// are equal, the o= version must not grow; when they differ it must (RFC 3264
// §8). The body has CRLF line ends, as all that this package writes.
func Digest(body []byte) uint64 {
	rest := body
	var h uint64
	if i := bytes.Index(body, []byte("\r\no=")); i >= 0 {
		h, rest = mix(h, body[:i]), body[i+2:]
		rest = rest[max(bytes.IndexByte(rest, '\n'), 0):]
	}
	return max(mix(h, rest), 1)
}

// mix adds octets to a sum, eight at a time.
func mix(h uint64, b []byte) uint64 {
	const k0, k1 = 0xa0761d6478bd642f, 0xe7037ed1a0b428db // odd, as many bits set as not
	h ^= k0 * (uint64(len(b)) + 1)
	for ; len(b) >= 8; b = b[8:] {
		hi, lo := bits.Mul64(h^binary.LittleEndian.Uint64(b), k1)
		h = hi ^ lo ^ k0
	}
	var last [8]byte
	copy(last[:], b)
	hi, lo := bits.Mul64(h^binary.LittleEndian.Uint64(last[:]), k1)
	return hi ^ lo
}
