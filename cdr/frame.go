package cdr

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"strconv"
	"time"
)

// A segment is a sequence of frames:
//
//	uint32 little-endian  length of the payload, never 0
//	uint32 little-endian  CRC-32C of the four length octets and the payload
//	payload               one JSON object, see entry
//
// A file system that loses power may leave a tail of zeros; the length of 0
// keeps those from being read as frames.
const (
	frameHeader = 8
	maxPayload  = 4 << 20
)

// ErrTooLarge is given to done when a record does not fit into one entry.
var ErrTooLarge = errors.New("cdr: record larger than 4 MiB")

// Names of the marks on disk. The last two are the journal's own: every
// segment begins with one markSegment, and a markHeartbeat is written at
// intervals while calls are live.
const (
	markStarted   = "started"
	markAnswered  = "answered"
	markEnded     = "ended"
	markSegment   = "segment"
	markHeartbeat = "heartbeat"
)

// String returns the mark's name in the journal.
func (m Mark) String() string {
	switch m {
	case Started:
		return markStarted
	case Answered:
		return markAnswered
	case Ended:
		return markEnded
	default:
		return "mark(" + strconv.Itoa(int(m)) + ")"
	}
}

// An entry is the payload of a frame. Record stands last and Mark first, so
// that what a reader needs to skip an entry is at its beginning.
type entry struct {
	Mark    string          `json:"mark"`
	At      int64           `json:"at"`                // microseconds since 1970, when it was queued
	CallID  string          `json:"call_id,omitempty"` // started, answered, ended
	Run     string          `json:"run,omitempty"`     // segment, heartbeat: the process that wrote it
	NodeID  string          `json:"node_id,omitempty"` // segment
	Version int             `json:"version,omitempty"` // segment: of this format
	Record  json.RawMessage `json:"record,omitempty"`  // started, answered, ended
}

const formatVersion = 1

// framePrefix is how every payload begins.
var framePrefix = []byte(`{"mark":"`)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encodeRecord is [encoder.frame] with an encoder of its own.
func encodeRecord(mark Mark, r *Record, at time.Time) (frame []byte, exact bool, err error) {
	return new(encoder).frame(mark, r, at)
}

// frame returns the frame of one mark of a call. It is exact when reading it
// back gives the same record.
func (e *encoder) frame(mark Mark, r *Record, at time.Time) (frame []byte, exact bool, err error) {
	if mark < Started || mark > Ended {
		return nil, false, fmt.Errorf("cdr: unknown %s", mark)
	}
	if r.CallID == "" {
		return nil, false, errors.New("cdr: record without call_id")
	}
	if (mark == Ended) != (r.EndedAt != nil) {
		return nil, false, fmt.Errorf("cdr: call %s: mark %s does not fit its ended_at", r.CallID, mark)
	}
	var header [frameHeader]byte
	e.b, e.changed, e.err = append(e.b[:0], header[:]...), false, nil
	e.text(`{"mark":`, mark.String())
	e.int(`,"at":`, at.UnixMicro())
	e.text(`,"call_id":`, r.CallID)
	e.raw(`,"record":`)
	e.record(r)
	e.raw(`}`)
	if e.err != nil {
		return nil, false, fmt.Errorf("cdr: call %s: %w", r.CallID, e.err)
	}
	frame, err = sealFrame(bytes.Clone(e.b)) // no larger than it is: it may wait long
	return frame, !e.changed, err
}

// encodeEntry returns the frame of one of the journal's own marks.
func encodeEntry(e entry) ([]byte, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("cdr: journal entry: %w", err)
	}
	return sealFrame(append(make([]byte, frameHeader, frameHeader+len(body)), body...))
}

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

// marshalRecord is json.Marshal, except that a figure JSON cannot carry (NaN,
// ±Inf) becomes 0: no statistic is worth a lost record.
func marshalRecord(r *Record) ([]byte, error) {
	body, err := json.Marshal(r)
	if _, bad := errors.AsType[*json.UnsupportedValueError](err); !bad {
		return body, err
	}
	return json.Marshal(finite(r))
}

// finite returns r, or a copy in which a figure that is none is 0.
func finite(r *Record) *Record {
	bad := func(f float64) bool { return math.IsNaN(f) || math.IsInf(f, 0) }
	if r.Media == nil || !slices.ContainsFunc(r.Media.Streams, func(s Stream) bool { return bad(s.JitterMS) }) {
		return r
	}
	r = r.Clone()
	for i := range r.Media.Streams {
		if s := &r.Media.Streams[i]; bad(s.JitterMS) {
			s.JitterMS = 0
		}
	}
	return r
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
	if !bytes.HasPrefix(payload, framePrefix) { // spares the sum of what only looks like a length
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
