package cdr

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// A segment is a sequence of frames:
//
//	uint32 little-endian  length of the payload, never 0
//	uint32 little-endian  CRC-32C of the four length octets and the payload
//	payload               an entry, see entry.go
//
// A file system that loses power may leave a tail of zeros; the length of 0
// keeps those from being read as frames.
const (
	frameHeader = 8
	maxPayload  = 4 << 20
)

// ErrTooLarge is given to done when a record does not fit into one entry.
var ErrTooLarge = errors.New("cdr: record larger than 4 MiB")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sealFrame fills in the header of a frame whose payload follows it.
func sealFrame(b []byte) ([]byte, error) {
	n := len(b) - frameHeader
	if n > maxPayload {
		return nil, ErrTooLarge
	}
	binary.LittleEndian.PutUint32(b, uint32(n))
	binary.LittleEndian.PutUint32(b[4:], frameSum(b[:4], b[frameHeader:]))
	return b, nil
}

func frameSum(length, payload []byte) uint32 {
	return crc32.Update(crc32.Update(0, castagnoli, length), castagnoli, payload)
}

// firstFrame returns the payload of the frame that b begins with and the
// frame's size. need is the number of octets that the frame claims to have,
// 0 when that claim cannot be true. ok is false when b does not begin with a
// whole, sound frame.
func firstFrame(b []byte) (payload []byte, need int, ok bool) {
	if len(b) < frameHeader {
		return nil, frameHeader, false
	}
	n := binary.LittleEndian.Uint32(b)
	if n == 0 || n > maxPayload {
		return nil, 0, false
	}
	need = frameHeader + int(n)
	if len(b) < need {
		return nil, need, false
	}
	payload = b[frameHeader:need:need]
	if !looksLikeEntry(payload) { // spares the sum of what only looks like a length
		return nil, need, false
	}
	if frameSum(b[:4], payload) != binary.LittleEndian.Uint32(b[4:]) {
		return nil, need, false
	}
	return payload, need, true
}

// nextFrame returns the payload of the first sound frame of b and where it
// begins; skipped octets before it belong to no sound frame. When there is
// none, ok is false and skipped is len(b).
func nextFrame(b []byte) (payload []byte, skipped int, ok bool) {
	payload, need, ok := firstFrame(b)
	if ok {
		return payload, 0, true
	}
	// The usual damage is inside one payload: its length still leads to the
	// next frame. Otherwise every offset is tried; few look like a length.
	if need > 0 && need < len(b) {
		if payload, _, ok = firstFrame(b[need:]); ok {
			return payload, need, true
		}
	}
	for i := 1; i+frameHeader < len(b); i++ {
		if payload, _, ok = firstFrame(b[i:]); ok {
			return payload, i, true
		}
	}
	return nil, len(b), false
}

// Damage names octets of a segment that belong to no sound entry.
type Damage struct {
	Segment string // file name
	Offset  int64
	Size    int64
	Tail    bool // nothing sound follows: torn by a crash and cut off
}

// String says what was damaged and where, for the log.
func (d Damage) String() string {
	what := "damaged"
	if d.Tail {
		what = "torn"
	}
	return fmt.Sprintf("%s: %d octets %s at offset %d", d.Segment, d.Size, what, d.Offset)
}

// scanFrames calls found for every sound frame of a segment, in order, and
// returns what lies between and behind them. It never fails: any octets are a
// segment, if perhaps one without a sound frame.
func scanFrames(b []byte, found func(offset int64, payload []byte)) []Damage {
	var damage []Damage
	for at := 0; at < len(b); {
		payload, skipped, ok := nextFrame(b[at:])
		if skipped > 0 {
			damage = append(damage, Damage{Offset: int64(at), Size: int64(skipped), Tail: !ok})
		}
		at += skipped
		if !ok {
			break
		}
		found(int64(at), payload)
		at += frameHeader + len(payload)
	}
	return damage
}
