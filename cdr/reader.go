package cdr

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// readChunk is how many octets the flusher reads at a time; one entry may
// need more.
const readChunk = 256 << 10

// A reader walks over the synced entries of a journal. It belongs to the
// flusher's goroutine.
type reader struct {
	j    *Journal
	at   cursor
	seg  *segment // whose file is open
	file file

	window []byte // what load has read last
}

// A batch is what a reader found.
type batch struct {
	records []Record
	broken  [][]byte // payloads of ended calls that are no records
	next    cursor   // behind the last entry looked at
}

// read returns the next ended records, at most limit of them, or fewer when
// the end of what is synced is reached.
func (r *reader) read(limit int) (batch, error) {
	b := batch{next: r.at}
	for len(b.records) < limit {
		seg, end, ok := r.segment(&b.next)
		if !ok {
			break
		}
		err := r.open(seg)
		if errors.Is(err, os.ErrNotExist) {
			r.named(seg, b.next.Offset, end)
			b.next.Offset = end
			continue
		}
		if err != nil {
			return b, err
		}
		if err := r.readWindow(&b, end, limit); err != nil {
			return b, err
		}
	}
	return b, nil
}

// segment returns the segment that c points into and the end of what is
// synced in it; it moves c on to the next one where a segment is finished.
func (r *reader) segment(c *cursor) (seg *segment, end int64, ok bool) {
	r.j.mu.Lock()
	defer r.j.mu.Unlock()
	for _, seg := range r.j.segments {
		if seg.seq < c.Segment {
			continue
		}
		if seg.seq > c.Segment { // the one before is finished, or gone
			*c = cursor{Segment: seg.seq}
		}
		if c.Offset < seg.synced {
			return seg, seg.synced, true
		}
		if finished := seg.sealed && (seg.synced == seg.written || seg.failed != nil); !finished {
			return nil, 0, false
		}
	}
	return nil, 0, false
}

func (r *reader) open(seg *segment) error {
	if r.seg == seg {
		return nil
	}
	r.close()
	f, err := r.j.cfg.disk.open(seg.path)
	if err != nil {
		return fmt.Errorf("cdr: journal: %w", err)
	}
	r.seg, r.file = seg, f
	return nil
}

// close lets go of the file.
func (r *reader) close() {
	if r.file != nil {
		_ = r.file.Close() // only read from
	}
	r.seg, r.file, r.window = nil, nil, nil
}

// readWindow reads one chunk of the open segment, from b.next towards end.
func (r *reader) readWindow(b *batch, end int64, limit int) error {
	window, err := r.load(b.next.Offset, min(end, b.next.Offset+readChunk))
	if err != nil {
		return err
	}
	if len(window) == 0 { // shorter than it was
		return r.skipDamage(b, end)
	}
	for len(window) > 0 && len(b.records) < limit {
		payload, need, ok := firstFrame(window)
		if !ok && need > len(window) && b.next.Offset+int64(len(window)) < end {
			if need <= readChunk && b.next.Offset+int64(need) <= end {
				return nil // it begins the next window
			}
			return r.readLarge(b, end)
		}
		if !ok {
			return r.skipDamage(b, end)
		}
		r.take(b, payload)
		window = window[need:]
		b.next.Offset += int64(need)
	}
	return nil
}

// readLarge reads an entry that is larger than a chunk.
func (r *reader) readLarge(b *batch, end int64) error {
	window, err := r.load(b.next.Offset, min(end, b.next.Offset+frameHeader+maxPayload))
	if err != nil {
		return err
	}
	payload, need, ok := firstFrame(window)
	if !ok {
		return r.skipDamage(b, end)
	}
	r.take(b, payload)
	b.next.Offset += int64(need)
	return nil
}

// skipDamage moves to the next sound entry of the segment, or to its end.
func (r *reader) skipDamage(b *batch, end int64) error {
	rest, err := r.load(b.next.Offset, end)
	if err != nil {
		return err
	}
	_, skipped, ok := nextFrame(rest)
	next := b.next.Offset + int64(skipped)
	if !ok {
		next = end
	}
	r.named(r.seg, b.next.Offset, next)
	b.next.Offset = next
	return nil
}

// named logs damage, unless the segment's was named at start.
func (r *reader) named(seg *segment, from, to int64) {
	r.j.mu.Lock()
	known := seg.damaged
	seg.damaged = true
	r.j.mu.Unlock()
	if !known {
		d := Damage{Segment: filepath.Base(seg.path), Offset: from, Size: to - from}
		r.j.cfg.Metrics.damage.Inc()
		r.j.cfg.Logger.Warn("journal: " + d.String())
	}
}

// load reads octets of the open segment; the next load overwrites them.
func (r *reader) load(from, to int64) ([]byte, error) {
	if int64(cap(r.window)) < to-from {
		r.window = make([]byte, to-from)
	}
	window := r.window[:to-from]
	n, err := r.file.ReadAt(window, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("cdr: journal: %w", err)
	}
	return window[:n], nil
}

// take keeps the record of an ended call and passes over everything else.
func (r *reader) take(b *batch, payload []byte) {
	if !hasEnded(payload) {
		return
	}
	if rec := r.j.shelf.take(b.next); rec != nil {
		b.records = append(b.records, *rec)
		return
	}
	rec, err := decodeRecord(payload)
	if err != nil {
		b.broken = append(b.broken, bytes.Clone(payload))
		return
	}
	b.records = append(b.records, *rec)
}
