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
	for beat := false; ; beat = false {
		select {
		case <-j.wake:
		case <-look.C:
		case <-tick.C:
			beat = true
		case <-j.closing:
			j.last()
			return
		}
		look.Stop()
		if next := j.look(beat); next > 0 {
			look.Reset(next)
		}
	}
}

// look does what there is to do, unless the hand is writing: then it is called
// again after that. It returns when to look again for the sake of a sync; 0 is
// never.
func (j *Journal) look(beat bool) time.Duration {
	j.turn.Lock()
	defer j.turn.Unlock()
	j.beat = j.beat || beat
	j.takeBack()
	if j.busy() {
		return 0
	}
	j.settle()
	j.syncOpen(time.Now())
	if j.beat {
		j.beat = false
		j.heartbeat()
		j.payOwed()
		j.measure()
	}
	j.drain()
	j.retire()
	now, next := j.pace.written(j.unsynced, time.Now())
	if now {
		j.unsynced = false
		notify(j.dirty)
	}
	return next
}

// last writes what is left.
func (j *Journal) last() {
	j.unfollow()
	j.turn.Lock()
	defer j.turn.Unlock()
	j.ended = true
	for {
		j.takeBack()
		if !j.busy() {
			break
		}
		j.turn.Unlock()
		<-j.wake
		j.turn.Lock()
	}
	for more := true; more; {
		more = j.drain()
		j.settle()
	}
	j.payOwed()
	j.retire()
}

// busy reports whether the hand is writing. The goroutine is woken after that.
func (j *Journal) busy() bool {
	j.flight.waited = j.flight.write != nil
	return j.flight.waited
}

// drain writes what is queued, unless too much waits for its sync already:
// then the syncer's wake continues it. It reports whether it left any.
func (j *Journal) drain() (more bool) {
	for {
		if !j.ended && j.pendSize >= j.cfg.Unsynced { // at the end there is no limit
			return true
		}
		l := j.own
		if !l.take(&j.queue) {
			return false
		}
		j.concluded(l, j.put(l.good))
		j.cfg.Together(l.tell)
		l.clear()
	}
}

// concluded takes note of what became of a load. What the disk would not take is
// owed when it must not be lost.
func (j *Journal) concluded(l *load, failed error) {
	if l.err = failed; failed != nil {
		j.cfg.Metrics.failed.Add(float64(len(l.good)))
		var ended []item
		for _, it := range l.good {
			if it.mark == Ended {
				ended = append(ended, it)
			}
		}
		j.owe(ended)
	}
	for i := range l.items {
		if reached := l.items[i].reached; reached != nil {
			j.barriers = append(j.barriers, barrier{j.lsn, reached})
		}
	}
	j.passBarriers()
}

// tellAll tells the callers of entries how it went.
func (j *Journal) tellAll(items []item, failed error) {
	for i := range items {
		it := &items[i]
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
	b := j.own.chunk[:0]
	for i := range items {
		b = append(b, items[i].frame...)
	}
	j.own.chunk = b
	if _, err := f.Write(b); err != nil {
		j.writeFailed(seg, f, err)
		return fmt.Errorf("cdr: journal: %w", err)
	}
	j.written(seg, items, len(b))
	j.unsynced = true
	return nil
}

// written takes note of items that stand at the end of seg now.
func (j *Journal) written(seg *segment, items []item, size int) {
	j.cfg.Metrics.writes.Inc()
	j.placeAll(seg, items)
	j.mu.Lock()
	defer j.mu.Unlock()
	seg.written += int64(size)
	if seg.written >= j.cfg.SegmentSize {
		seg.sealed = true
		if j.current == seg {
			j.current = nil
		}
	}
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
