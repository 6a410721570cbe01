package cdr

import (
	"cmp"
	"fmt"
	"path/filepath"
	"time"
)

// writeChunk bounds one write(2): it is about as many octets as a disk takes
// in the time one answer may wait.
const writeChunk = 1 << 20

// write is the journal's goroutine.
func (j *Journal) write() {
	defer close(j.wrote)
	tick := time.NewTicker(j.cfg.HeartbeatEvery)
	defer tick.Stop()
	look := time.NewTimer(0)
	defer look.Stop()
	rested := make(chan struct{})
	close(rested)
	wake := j.wake
	for {
		select {
		case <-wake: // or rested
		case <-look.C:
		case <-tick.C:
			j.heartbeat()
			j.payOwed()
			j.measure()
		case <-j.closing:
			for more := true; more; {
				_, more = j.drain()
				j.settle()
			}
			j.payOwed()
			j.retire()
			return
		}
		j.settle()
		n, _ := j.drain()
		j.retire()
		next := j.pace.wrote(n, j.unsynced, time.Now())
		if next.sync {
			j.unsynced = false
			notify(j.dirty)
		}
		look.Stop()
		switch {
		case next.deaf && j.rest.Sleep(min(next.look, j.cfg.HeartbeatEvery)) == nil:
			wake = rested
			continue
		case next.look > 0:
			look.Reset(next.look)
		}
		if wake = j.wake; next.deaf {
			wake = nil
		}
	}
}

// drain writes what is queued, unless too much waits for its sync already:
// then the syncer's wake continues it. It returns how many entries it took and
// whether it left any.
func (j *Journal) drain() (n int, more bool) {
	for {
		select {
		case <-j.closing: // the last chance: no limit
		default:
			if j.pendSize >= j.cfg.Unsynced {
				return n, true
			}
		}
		if j.batch = j.queue.take(j.batch[:0], writeChunk); len(j.batch) == 0 {
			return n, false
		}
		n += len(j.batch)
		j.writeBatch(j.batch)
		clear(j.batch)
	}
}

// writeBatch writes a batch and tells every entry's caller how it went.
func (j *Journal) writeBatch(batch []item) {
	good := j.good[:0]
	for i := range batch {
		if batch[i].frame != nil {
			good = append(good, batch[i])
		}
	}
	failed := j.put(good)
	if failed != nil {
		j.cfg.Metrics.failed.Add(float64(len(good)))
		var ended []item
		for _, it := range good {
			if it.mark == Ended {
				ended = append(ended, it)
			}
		}
		j.owe(ended)
	}
	j.told, j.failed = batch, failed
	j.cfg.Together(j.tell)
	clear(good)
	j.good = good[:0]
}

// tellAll tells the callers of the batch in hand how it went.
func (j *Journal) tellAll() {
	batch, failed := j.told, j.failed
	j.told, j.failed = nil, nil
	for i := range batch {
		it := &batch[i]
		switch {
		case it.frame != nil && failed == nil:
			j.cfg.Metrics.entries[it.mark].Inc()
		case it.err != nil:
			j.cfg.Metrics.failed.Inc()
			j.cfg.Logger.Error("journal entry cannot be encoded", "call_id", it.callID, "err", it.err)
		}
		if it.done != nil {
			it.done(cmp.Or(it.err, failed))
		}
	}
}

// put appends the items to the current segment, or, when that fails, to a new
// one. Either all of them are written or none counts as written.
func (j *Journal) put(items []item) error {
	if len(items) == 0 {
		return nil
	}
	err := j.putOnce(items)
	if err != nil {
		err = j.putOnce(items)
	}
	switch {
	case err != nil:
		j.cfg.Metrics.diskErrors.WithLabelValues("write").Inc()
		if !j.failing {
			j.cfg.Logger.Error("journal cannot be written; calls are refused until it can", "err", err)
		}
	case j.failing:
		j.cfg.Logger.Info("journal is written again")
	}
	j.failing = err != nil
	return err
}

func (j *Journal) putOnce(items []item) error {
	f := j.writable()
	if f == nil {
		seg, err := j.newSegment()
		if err != nil {
			return fmt.Errorf("cdr: journal: %w", err)
		}
		j.current, f = seg, seg.file
	}
	seg := j.current
	size := 0
	for i := range items {
		size += len(items[i].frame)
	}
	b := j.chunk[:0]
	for i := range items {
		b = append(b, items[i].frame...)
	}
	if cap(b) <= writeChunk {
		j.chunk = b
	}
	if _, err := f.Write(b); err != nil {
		j.writeFailed(seg, f, err)
		return fmt.Errorf("cdr: journal: %w", err)
	}
	j.cfg.Metrics.writes.Inc()
	j.placeAll(seg, items)
	j.mu.Lock()
	seg.written += int64(size)
	full := seg.written >= j.cfg.SegmentSize
	seg.sealed = full
	j.mu.Unlock()
	if full {
		j.current = nil
	}
	j.unsynced = true
	return nil
}

// writeFailed cuts off what a failed write may have left. A segment that holds
// entries becomes read-only; a fresh one stays in use, so that a full disk is
// not filled with beginnings.
func (j *Journal) writeFailed(seg *segment, f file, err error) {
	cut := f.Truncate(seg.written)
	if cut == nil && seg.written == seg.begin {
		return
	}
	j.cfg.Logger.Warn("journal segment is read-only after a failed write",
		"segment", filepath.Base(seg.path), "err", err)
	j.mu.Lock()
	seg.sealed = true
	j.mu.Unlock()
	j.current = nil
	j.unsynced = true // once more, and to be closed
}

// writable returns the file of the current segment, or nil when there is none
// that can be added to.
func (j *Journal) writable() file {
	if j.current == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.current.sealed {
		return nil
	}
	return j.current.file
}

// placeAll remembers where items lie in seg, which holds them from its
// present end on.
func (j *Journal) placeAll(seg *segment, items []item) {
	at := seg.written
	for i := range items {
		it := items[i]
		size := int64(len(it.frame))
		if it.mark != 0 {
			it.seg, it.end = seg, at+size
			if it.lsn == 0 {
				j.lsn++
				it.lsn = j.lsn
			}
			j.placeCall(&it, place{seg, at, size})
			if it.rec != nil {
				j.shelf.put(cursor{seg.seq, at}, it.rec)
				it.rec = nil
			}
			j.pending = append(j.pending, it)
			j.pendSize += size
		}
		at += size
	}
}

// placeCall makes an entry the newest one of its call.
func (j *Journal) placeCall(it *item, p place) {
	if old, ok := j.live[it.callID]; ok {
		j.liveSize -= old.size
		old.seg.live--
		if old.seg != p.seg && it.from == nil {
			it.from = old.seg
			old.seg.leaving++
		}
	}
	if it.mark == Ended {
		delete(j.live, it.callID)
		return
	}
	j.live[it.callID] = p
	j.liveSize += p.size
	p.seg.live++
}

// heartbeat says that this process is alive, for the calls that depend on it.
func (j *Journal) heartbeat() {
	if len(j.live) == 0 {
		return
	}
	frame, err := encodeEntry(entry{Mark: markHeartbeat, At: j.cfg.Now().UnixMicro(), Run: j.run})
	if err == nil {
		err = j.put([]item{{frame: frame}})
	}
	if err == nil {
		j.cfg.Metrics.entries[markHeartbeat].Inc()
	}
}

// owe keeps entries that must not be lost until the disk takes them.
func (j *Journal) owe(items []item) {
	for _, it := range items {
		it.done, it.seg = nil, nil
		if it.lsn == 0 {
			j.lsn++
			it.lsn = j.lsn
		}
		if len(j.owed) >= j.cfg.Queue {
			j.cfg.Metrics.lost.Inc()
			j.cfg.Logger.Error("journal entry given up: too many wait for the disk",
				"call_id", it.callID, "mark", it.mark.String())
			j.unhold(&it)
			continue
		}
		j.owed = append(j.owed, it)
	}
	j.cfg.Metrics.owed.Set(float64(len(j.owed)))
}

// payOwed tries to write what is owed.
func (j *Journal) payOwed() {
	if len(j.owed) == 0 {
		return
	}
	owed := j.owed
	j.owed = nil
	j.rewrite(owed)
	j.cfg.Metrics.owed.Set(float64(len(j.owed)))
}

// rewrite writes entries again that were lost with their segment. What a
// newer entry of the same call has made needless is left out.
func (j *Journal) rewrite(items []item) {
	needed := items[:0]
	for _, it := range items {
		if _, live := j.live[it.callID]; it.mark == Ended || live {
			needed = append(needed, it)
		} else {
			j.unhold(&it)
		}
	}
	for len(needed) > 0 {
		n, size := 0, 0
		for ; n < len(needed) && size < writeChunk; n++ {
			size += len(needed[n].frame)
		}
		if err := j.put(needed[:n]); err != nil {
			j.owe(needed)
			return
		}
		needed = needed[n:]
	}
}

// unhold lets go of the older segment that it kept.
func (j *Journal) unhold(it *item) {
	if it.from != nil {
		it.from.leaving--
		it.from = nil
	}
}
