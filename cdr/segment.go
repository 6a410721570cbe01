package cdr

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// A segment is one file of the journal. Only the newest is written to.
type segment struct {
	seq  uint64
	path string

	// Guarded by Journal.mu.
	file    file  // open while it can be written or needs a sync
	written int64 // octets
	synced  int64 // octets that have reached the disk
	sealed  bool  // nothing will be added
	failed  error // a write or sync went wrong: what lies behind synced is written again elsewhere
	named   bool  // its name has reached the disk
	damaged bool  // keep the file when it is retired
	syncing bool  // a sync is under way
	held    int   // things under way that need the file open

	// Whose turn it is.
	begin   int64 // length of the first entry, markSegment
	live    int   // calls whose newest entry is here
	leaving int   // entries here whose successor elsewhere is not synced
	stuck   bool  // a live entry could not be read back
}

// place is where an entry lies.
type place struct {
	seg    *segment
	offset int64
	size   int64
}

// cursor is a place in the journal between two entries.
type cursor struct {
	Segment uint64 `json:"segment"`
	Offset  int64  `json:"offset"`
}

func (c cursor) before(d cursor) bool {
	return c.Segment < d.Segment || c.Segment == d.Segment && c.Offset < d.Offset
}

const segmentSuffix = ".seg"

func segmentName(seq uint64) string { return fmt.Sprintf("cdr-%010d%s", seq, segmentSuffix) }

// segmentSeq returns the number in a segment's file name.
func segmentSeq(name string) (seq uint64, ok bool) {
	if !strings.HasPrefix(name, "cdr-") || !strings.HasSuffix(name, segmentSuffix) {
		return 0, false
	}
	if n, err := fmt.Sscanf(name, "cdr-%d.seg", &seq); err != nil || n != 1 {
		return 0, false
	}
	return seq, segmentName(seq) == name
}

// newRun returns a name that no other process has.
func newRun() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return hex.EncodeToString(b[:])
}

// newSegment makes the next file and writes its first entry.
func (j *Journal) newSegment() (*segment, error) {
	j.mu.Lock()
	j.newest++
	seq := j.newest
	j.mu.Unlock()

	seg := &segment{seq: seq, path: filepath.Join(j.cfg.Dir, segmentName(seq))}
	head, err := encodeEntry(entry{
		Mark: markSegment, At: j.cfg.Now().UnixMicro(), Run: j.run, NodeID: j.cfg.NodeID, Version: formatVersion,
	})
	if err != nil {
		return nil, err
	}
	if seg.file, err = j.cfg.disk.create(seg.path); err != nil {
		return nil, err
	}
	if _, err = seg.file.Write(head); err != nil {
		return nil, errors.Join(err, seg.file.Close(), j.cfg.disk.remove(seg.path))
	}
	seg.begin = int64(len(head))
	seg.written = seg.begin

	j.mu.Lock()
	defer j.mu.Unlock()
	j.segments = append(j.segments, seg)
	return seg, nil
}

// readEntry reads one entry back.
func (j *Journal) readEntry(p place) ([]byte, error) {
	f, err := j.cfg.disk.open(p.seg.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, p.size)
	if _, err := f.ReadAt(b, p.offset); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if _, _, ok := firstFrame(b); !ok {
		return nil, fmt.Errorf("cdr: %s: no sound entry at offset %d", filepath.Base(p.seg.path), p.offset)
	}
	return b, nil
}

// closeFiles closes every segment that is still open.
func (j *Journal) closeFiles() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var errs []error
	for _, seg := range j.segments {
		if seg.file != nil {
			errs = append(errs, seg.file.Close())
			seg.file = nil
		}
	}
	return errors.Join(errs...)
}
