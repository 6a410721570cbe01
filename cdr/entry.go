package cdr

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"
)

// Marks of the journal's own: every segment begins with one markSegment, and a
// markHeartbeat is written at intervals while calls are live.
const (
	markSegment Mark = iota + Ended + 1
	markHeartbeat
)

// String returns the mark's name.
func (m Mark) String() string {
	switch m {
	case Started:
		return "started"
	case Answered:
		return "answered"
	case Ended:
		return "ended"
	case markSegment:
		return "segment"
	case markHeartbeat:
		return "heartbeat"
	default:
		return "mark(" + strconv.Itoa(int(m)) + ")"
	}
}

// entryPrefix begins every entry, and says of which version it is. The mark, in
// one octet, and the fields follow.
var entryPrefix = []byte("cdr2")

const formatVersion = 2

// An entry is what a frame holds. Its record stands last, as [coder.record]
// writes it.
type entry struct {
	Mark    Mark
	At      int64  // microseconds since 1970, when it was queued
	Run     string // segment, heartbeat: the process that wrote it
	NodeID  string // segment
	Version int    // segment: of this format
	CallID  string // started, answered, ended: read from the record
}

const tagRecord = 5

// head is all of an entry but its record.
func (c *coder) head(e *entry) {
	codeInt(c, 1, &e.At)
	c.text(2, &e.Run)
	c.text(3, &e.NodeID)
	codeInt(c, 4, &e.Version)
}

// begin writes the room of a frame's header and the head of an entry.
func (c *coder) begin(e *entry) {
	var header [frameHeader]byte
	*c = coder{b: append(append(append(c.b[:0], header[:]...), entryPrefix...), byte(e.Mark))}
	c.head(e)
}

// readEntryHead reads an entry without its record and returns the coder
// that goes on with that.
func readEntryHead(payload []byte) (e entry, c coder) {
	c = coder{b: payload, reading: true}
	if len(payload) <= len(entryPrefix) || !bytes.HasPrefix(payload, entryPrefix) {
		c.fail()
		return e, c
	}
	e.Mark = Mark(payload[len(entryPrefix)])
	c.b = payload[len(entryPrefix)+1:]
	c.head(&e)
	return e, c
}

// entryHead returns an entry, and the id of its call, without reading the rest
// of the record.
func entryHead(payload []byte) (entry, error) {
	if isVersion1(payload) {
		return entryHead1(payload)
	}
	e, c := readEntryHead(payload)
	if c.open(tagRecord, true) {
		c.text(1, &e.CallID)
	}
	return e, c.err
}

// decodeRecord returns the record of an entry.
func decodeRecord(payload []byte) (*Record, error) {
	if isVersion1(payload) {
		return decodeRecord1(payload)
	}
	_, c := readEntryHead(payload)
	if !c.open(tagRecord, true) {
		return nil, errors.Join(errors.New("cdr: journal entry without record"), c.err)
	}
	var r Record
	c.record(&r)
	c.close()
	if c.err != nil {
		return nil, c.err
	}
	return &r, nil
}

// looksLikeEntry reports whether it is worth to compute the sum of a payload.
func looksLikeEntry(payload []byte) bool {
	return bytes.HasPrefix(payload, entryPrefix) || isVersion1(payload)
}

// hasEnded reports whether an entry is that of an ended call.
func hasEnded(payload []byte) bool {
	n := len(entryPrefix)
	return len(payload) > n && payload[n] == byte(Ended) && bytes.HasPrefix(payload, entryPrefix) || hasEnded1(payload)
}

// encodeEntry returns the frame of one of the journal's own marks.
func encodeEntry(e entry) ([]byte, error) {
	var c coder
	c.begin(&e)
	return sealFrame(c.b)
}

// coders are those that nobody uses.
type coders struct{ pool sync.Pool }

// keptCoder is the most room that one may have to be used again.
const keptCoder = 16 << 10

func (p *coders) frame(mark Mark, r *Record, at time.Time) (frame []byte, exact bool, err error) {
	c, _ := p.pool.Get().(*coder)
	if c == nil {
		c = &coder{b: make([]byte, 0, 2<<10)}
	}
	frame, exact, err = c.frame(mark, r, at)
	if cap(c.b) <= keptCoder {
		p.pool.Put(c)
	}
	return frame, exact, err
}

// encodeRecord is [coder.frame] with a coder of its own.
func encodeRecord(mark Mark, r *Record, at time.Time) (frame []byte, exact bool, err error) {
	return new(coder).frame(mark, r, at)
}

// frame returns the frame of one mark of a call. It is exact when reading it
// back gives the same record.
func (c *coder) frame(mark Mark, r *Record, at time.Time) (frame []byte, exact bool, err error) {
	if mark < Started || mark > Ended {
		return nil, false, fmt.Errorf("cdr: unknown %s", mark)
	}
	if r.CallID == "" {
		return nil, false, errors.New("cdr: record without call_id")
	}
	if (mark == Ended) != (r.EndedAt != nil) {
		return nil, false, fmt.Errorf("cdr: call %s: mark %s does not fit its ended_at", r.CallID, mark)
	}
	c.begin(&entry{Mark: mark, At: at.UnixMicro()})
	c.open(tagRecord, true)
	c.record(r)
	c.close()
	if c.err != nil {
		return nil, false, fmt.Errorf("cdr: call %s: %w", r.CallID, c.err)
	}
	frame, err = sealFrame(bytes.Clone(c.b)) // no larger than it is: it may wait long
	return frame, !c.changed, err
}
