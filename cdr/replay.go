package cdr

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sort"
)

// A replay is what can be read from the segments of dead processes.
type replay struct {
	live     map[string]orphan // calls without an end
	lastSeen map[string]int64  // by run: its last sign of life, microseconds since 1970
	run      string            // of the segment being read
	entries  int
	damage   []Damage
}

// An orphan is a call whose process died.
type orphan struct {
	place place
	run   string
}

func newReplay() *replay {
	return &replay{live: map[string]orphan{}, lastSeen: map[string]int64{}}
}

// scan reads one segment's octets and returns the offset of a torn tail, or
// the length when there is none. Segments are scanned oldest first.
func (rp *replay) scan(seg *segment, b []byte) (end int64) {
	end = int64(len(b))
	damage := scanFrames(b, func(offset int64, payload []byte) {
		rp.entries++
		rp.entry(place{seg, offset, int64(frameHeader + len(payload))}, payload)
	})
	for _, d := range damage {
		d.Segment = filepath.Base(seg.path)
		rp.damage = append(rp.damage, d)
		if d.Tail {
			end = d.Offset
		} else {
			seg.damaged = true
		}
	}
	return end
}

func (rp *replay) entry(p place, payload []byte) {
	e, err := entryHead(payload)
	if err != nil {
		return // sound, but of a version that is not ours
	}
	if e.Run != "" {
		rp.run = e.Run
	}
	rp.lastSeen[rp.run] = max(rp.lastSeen[rp.run], e.At)
	switch e.Mark {
	case Started, Answered:
		rp.live[e.CallID] = orphan{p, rp.run}
	case Ended:
		delete(rp.live, e.CallID)
	case markSegment, markHeartbeat: // say who is alive, and when
	}
}

// restore reads the directory, ends the orphans in a new segment and has that
// on disk before it returns.
func (j *Journal) restore() error {
	if err := j.loadCheckpoint(); err != nil {
		return err
	}
	if err := j.findSegments(); err != nil {
		return err
	}
	rp := newReplay()
	for _, seg := range j.segments {
		if err := j.replaySegment(rp, seg); err != nil {
			return err
		}
	}
	j.recovered = Recovery{Segments: len(j.segments), Entries: rp.entries, Damage: rp.damage}
	for _, d := range rp.damage {
		j.cfg.Metrics.damage.Inc()
		j.cfg.Logger.Warn("journal: " + d.String())
	}
	for id, o := range rp.live {
		j.live[id] = o.place
		j.liveSize += o.place.size
		o.place.seg.live++
	}
	j.newest = max(j.newest, j.flushed.Segment)
	if err := j.endOrphans(rp); err != nil {
		return err
	}
	err := j.syncSegments()
	j.settle()
	if err != nil || len(j.pending)+len(j.owed) > 0 {
		return fmt.Errorf("cdr: journal %s cannot be written: %w", j.cfg.Dir, errors.Join(err, &lostError{len(j.pending) + len(j.owed)}))
	}
	if j.recovered.Segments > 0 {
		j.cfg.Logger.Info("journal replayed", "segments", j.recovered.Segments, "entries", j.recovered.Entries,
			"orphans", j.recovered.Orphans, "damage", len(rp.damage))
	}
	return nil
}

// findSegments lists the files of the directory, oldest first.
func (j *Journal) findSegments() error {
	names, err := os.ReadDir(j.cfg.Dir)
	if err != nil {
		return fmt.Errorf("cdr: journal: %w", err)
	}
	for _, n := range names {
		if seq, ok := segmentSeq(n.Name()); ok {
			j.segments = append(j.segments, &segment{
				seq: seq, path: filepath.Join(j.cfg.Dir, n.Name()), sealed: true, named: true,
			})
			j.newest = max(j.newest, seq)
		}
	}
	sort.Slice(j.segments, func(a, b int) bool { return j.segments[a].seq < j.segments[b].seq })
	return nil
}

// replaySegment reads one file and cuts off its torn tail.
func (j *Journal) replaySegment(rp *replay, seg *segment) error {
	f, err := j.cfg.disk.open(seg.path)
	if err != nil {
		return fmt.Errorf("cdr: journal: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, math.MaxInt64))
	if err != nil {
		return fmt.Errorf("cdr: journal: %s: %w", filepath.Base(seg.path), err)
	}
	end := rp.scan(seg, b)
	seg.written, seg.synced = end, end
	if end == int64(len(b)) {
		return nil
	}
	if err := errors.Join(f.Truncate(end), f.Sync()); err != nil {
		j.cfg.Logger.Warn("journal: torn tail cannot be cut off", "segment", filepath.Base(seg.path), "err", err)
	}
	return nil
}
