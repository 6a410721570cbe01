package cdr

import "fmt"

// A barrier waits until all entries written before it are on disk.
type barrier struct {
	lsn     uint64
	reached chan<- cursor // gets the end of the journal at that moment
}

// await sends the end of the journal to reached (of capacity 1) once all that
// was appended before is on disk. It returns false when the journal is closed.
func (j *Journal) await(reached chan<- cursor) bool {
	ok := j.queue.addAlways(item{reached: reached})
	j.Commit()
	return ok
}

// settle looks at what has been synced: entries on disk are forgotten, entries
// of a segment whose sync failed are written again.
func (j *Journal) settle() {
	if !j.forget() {
		return
	}
	var moved []item
	keep := j.pending[:0]
	j.mu.Lock()
	for _, it := range j.pending {
		if it.seg.failed != nil {
			j.pendSize -= int64(len(it.frame))
			moved = append(moved, it)
		} else {
			keep = append(keep, it)
		}
	}
	j.mu.Unlock()
	clear(j.pending[len(keep):])
	j.pending = keep
	j.rewrite(moved)
	j.passBarriers()
}

// forget lets go of the entries that are on disk, and reports whether there are
// any that have to be written again.
func (j *Journal) forget() (lost bool) {
	keep := j.pending[:0]
	j.mu.Lock()
	for _, it := range j.pending {
		if it.end <= it.seg.synced {
			j.pendSize -= int64(len(it.frame))
			j.unhold(&it)
			continue
		}
		lost = lost || it.seg.failed != nil
		keep = append(keep, it)
	}
	j.mu.Unlock()
	clear(j.pending[len(keep):])
	j.pending = keep
	j.passBarriers()
	return lost
}

// passBarriers lets those go whose entries are all on disk.
func (j *Journal) passBarriers() {
	if len(j.barriers) == 0 {
		return
	}
	oldest := j.lsn + 1
	for _, list := range [][]item{j.pending, j.owed} {
		for i := range list {
			oldest = min(oldest, list[i].lsn)
		}
	}
	keep := j.barriers[:0]
	for _, b := range j.barriers {
		if b.lsn < oldest {
			b.reached <- j.end()
		} else {
			keep = append(keep, b)
		}
	}
	j.barriers = keep
}

// end returns the place behind the last entry.
func (j *Journal) end() cursor {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.segments) == 0 {
		return cursor{}
	}
	last := j.segments[len(j.segments)-1]
	return cursor{last.seq, last.synced}
}

// lostError is what Close returns when the disk did not take everything.
type lostError struct{ entries int }

func (e *lostError) Error() string {
	return fmt.Sprintf("cdr: journal closed with %d entries that may not be on disk", e.entries)
}
