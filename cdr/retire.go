package cdr

import (
	"errors"
	"os"
	"path/filepath"
)

// retire deletes segments from the oldest on: a segment can go when the
// flusher has passed it, no live call has its newest entry in it, and what
// took the place of its entries has reached the disk. Segments go in order
// only; otherwise the start of a call could outlive its end and the call
// would come back after a crash.
func (j *Journal) retire() {
	removed := false
	for {
		seg, ok := j.oldestFlushed()
		if !ok || seg.live > 0 || seg.leaving > 0 {
			break
		}
		j.removeSegment(seg)
		removed = true
	}
	if removed {
		if err := j.cfg.disk.syncDir(j.cfg.Dir); err != nil {
			j.cfg.Metrics.diskErrors.WithLabelValues("remove").Inc()
		}
	}
	j.carry()
}

// oldestFlushed returns the oldest segment if all its ended calls are saved.
func (j *Journal) oldestFlushed() (*segment, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.segments) == 0 {
		return nil, false
	}
	seg := j.segments[0]
	return seg, seg != j.current && seg.file == nil && seg.seq < j.flushed.Segment
}

func (j *Journal) removeSegment(seg *segment) {
	j.mu.Lock()
	damaged := seg.damaged
	j.mu.Unlock()
	var err error
	if damaged {
		err = j.cfg.disk.rename(seg.path, seg.path+".damaged") // evidence
	} else {
		err = j.cfg.disk.remove(seg.path)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		j.cfg.Metrics.diskErrors.WithLabelValues("remove").Inc()
		j.cfg.Logger.Warn("journal segment cannot be removed", "segment", filepath.Base(seg.path), "err", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.segments = j.segments[1:]
}

// carry writes the live entries of the oldest segment again at the end of the
// journal once that is worth it: while flushed segments hold more than four
// segments' worth and twice what the live calls need. One chunk at a time, so
// that no answer waits for it.
func (j *Journal) carry() {
	seg, ok := j.oldestFlushed()
	if !ok || seg.live == 0 || seg.stuck {
		j.carrying = nil
		return
	}
	if len(j.carrying) == 0 {
		if j.flushedSize() <= 4*j.cfg.SegmentSize+2*j.liveSize {
			return
		}
		for id, p := range j.live {
			if p.seg == seg {
				j.carrying = append(j.carrying, id)
			}
		}
	}
	var items []item
	for size := int64(0); len(j.carrying) > 0 && size < writeChunk/4; {
		last := len(j.carrying) - 1
		id := j.carrying[last]
		j.carrying = j.carrying[:last]
		p, live := j.live[id]
		if !live || p.seg != seg {
			continue
		}
		frame, err := j.readEntry(p)
		if err != nil {
			j.cfg.Logger.Error("journal entry of a live call cannot be read back; its segment stays",
				"call_id", id, "err", err)
			seg.stuck = true
			continue
		}
		size += p.size
		items = append(items, item{mark: Answered, callID: id, frame: frame})
	}
	if j.put(items) == nil && len(items) > 0 {
		notify(j.wake)
	}
}

// flushedSize returns the octets of segments that only live calls keep.
func (j *Journal) flushedSize() (size int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, seg := range j.segments {
		if seg != j.current && seg.seq < j.flushed.Segment {
			size += seg.written
		}
	}
	return size
}

// measure sets the gauges.
func (j *Journal) measure() {
	var size, behind int64
	j.mu.Lock()
	for _, seg := range j.segments {
		size += seg.written
		switch {
		case seg.seq > j.flushed.Segment:
			behind += seg.written
		case seg.seq == j.flushed.Segment:
			behind += max(0, seg.written-j.flushed.Offset)
		}
	}
	n := len(j.segments)
	j.mu.Unlock()
	j.cfg.Metrics.segments.Set(float64(n))
	j.cfg.Metrics.size.Set(float64(size))
	j.cfg.Metrics.live.Set(float64(len(j.live)))
	j.cfg.Metrics.backlog.Set(float64(behind))
}
