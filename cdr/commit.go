package cdr

import (
	"errors"
	"io"
	"time"
)

// A flight is what the hand has under way: one write and one sync at most. It
// belongs to whoever has [Journal.turn].
type flight struct {
	write   *load     // nil when there is none
	spare   *load     // of an earlier one
	refused error     // the write has not begun: the goroutine ends it
	waited  bool      // the write keeps the goroutine from something
	landed  *load     // written, and to be told
	last    time.Time // when the hand was last told to write

	sync    *segment  // nil when there is none
	begins  time.Time // the sync, or later
	covered int64     // octets of the segment that are in it
	open    time.Time // when the first write began that is in no sync; zero when there is none
}

// A load is a batch of entries on its way into a segment.
type load struct {
	items []item // as they were queued
	good  []item // those of them that can be written
	chunk []byte // what one write(2) takes
	seg   *segment
	file  file
	began time.Time
	sync  bool   // the segment is synced as soon as it is written
	err   error  // why it was not written
	tell  func() // tells the callers
}

func (j *Journal) newLoad() *load {
	l := &load{}
	l.tell = func() { j.tellAll(l.items, l.err) }
	return l
}

// take fills the load from the queue, and reports whether there was anything.
func (l *load) take(q *queue) bool {
	l.items, l.good, l.err = q.take(l.items[:0], writeChunk), l.good[:0], nil
	for i := range l.items {
		if l.items[i].frame != nil {
			l.good = append(l.good, l.items[i])
		}
	}
	return len(l.items) > 0
}

// clear lets go of what the load was about.
func (l *load) clear() {
	clear(l.items)
	clear(l.good)
	if l.seg, l.file = nil, nil; cap(l.chunk) > writeChunk {
		l.chunk = nil
	}
}

// Commit begins to write what is queued and waits for nothing: call it when what
// belongs together has been queued. While a write is under way, what comes
// gathers for the next.
func (j *Journal) Commit() {
	if j.queue.empty() {
		return
	}
	begun := false
	if j.turn.TryLock() {
		begun = j.begin()
		j.turn.Unlock()
	}
	if !begun { // somebody has the turn, or it is for the goroutine
		notify(j.wake)
	}
}

// begin has the hand write what is queued, and reports false when it may not.
func (j *Journal) begin() bool {
	if j.flight.write != nil {
		return j.flight.refused == nil // its end goes on
	}
	f := j.handy()
	if f == nil || j.pendSize >= j.cfg.Unsynced {
		return false
	}
	l := j.flight.spare
	if l == nil {
		l = j.newLoad()
	}
	j.flight.spare = l
	if !l.take(&j.queue) {
		return true
	}
	l.seg, l.file, l.chunk = j.current, f, l.chunk[:0]
	for i := range l.good {
		l.chunk = append(l.chunk, l.good[i].frame...)
	}
	now := time.Now()
	l.began, l.sync = now, j.syncDue(now)
	j.flight.last = now
	j.flight.write, j.flight.spare = l, nil
	j.hold(l.seg)
	if err := j.hand.write(f, l.chunk, l.sync); err != nil {
		l.sync, j.flight.refused = false, err
		return false
	}
	if l.sync {
		j.hold(l.seg)
		j.flight.sync, j.flight.begins, j.flight.covered = l.seg, now, 0
	}
	return true
}

// syncDue reports whether a write that begins now is the last one that is not too
// late for the sync of those before it. Else, while somebody comes back by himself,
// the next write will be.
func (j *Journal) syncDue(now time.Time) bool {
	f := &j.flight
	return j.followed.Load() && f.sync == nil && !f.open.IsZero() && now.Sub(f.open)+now.Sub(f.last) > j.cfg.SyncEvery
}

// handy returns the file of the current segment when the hand may write to it.
// The goroutine makes segments, and sees to it that their names last.
func (j *Journal) handy() file {
	if j.hand == nil || j.ended || j.current == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.current.sealed || !j.current.named {
		return nil
	}
	return j.current.file
}

// reap is the goroutine of what the hand has done.
func (j *Journal) reap() {
	defer close(j.reaped)
	for j.hand.wait() == nil {
		j.turn.Lock()
		l := j.reapNow()
		j.turn.Unlock()
		j.toldOf(l)
	}
}

// Beat takes note of what has been written, and tells the callers, for somebody
// who comes by anyway. While again is true nobody else is woken for it: who says so
// comes back within a few milliseconds, until he says no. It waits for nothing.
func (j *Journal) Beat(again bool) {
	if j.hand == nil {
		return
	}
	if j.followed.Swap(again) != again {
		j.hand.silence(again)
	}
	if !j.turn.TryLock() {
		if !again {
			_ = j.hand.rouse() // fails when the hand is gone
		}
		return
	}
	l := j.reapNow()
	if !again && !j.flight.open.IsZero() {
		j.syncOpen(time.Now())
	}
	j.turn.Unlock()
	j.toldOf(l)
}

// reapNow takes note of what has ended and begins what has gathered meanwhile. It
// returns whose callers are to be told, when nobody has the turn.
func (j *Journal) reapNow() *load {
	j.hand.take(j.handled)
	if j.flight.write == nil && (j.flight.waited || !j.begin()) {
		j.flight.waited = false
		notify(j.wake)
	}
	l := j.flight.landed
	j.flight.landed = nil
	return l
}

func (j *Journal) handled(h handled) {
	if h.sync {
		j.syncEnded(h.err)
	} else {
		j.land(h)
	}
}

// toldOf tells the callers of a load that has landed.
func (j *Journal) toldOf(l *load) {
	if l == nil {
		return
	}
	j.cfg.Together(l.tell)
	l.clear()
	j.turn.Lock()
	j.flight.spare = l
	j.turn.Unlock()
}

// takeBack ends a write that the hand has refused.
func (j *Journal) takeBack() {
	if err := j.flight.refused; err != nil {
		j.flight.refused = nil
		j.land(handled{err: err})
		l := j.flight.landed
		j.flight.landed = nil
		j.cfg.Together(l.tell)
		l.clear()
	}
}

// land is the end of the write under way.
func (j *Journal) land(h handled) {
	l := j.flight.write
	j.flight.write, j.flight.landed = nil, l
	err := h.err
	if err == nil && h.n < len(l.chunk) {
		err = io.ErrShortWrite
	}
	if err == nil {
		j.written(l.seg, l.good, len(l.chunk))
		j.cover(l)
	} else {
		j.writeFailed(l.seg, l.file, err)
		err = j.put(l.good) // once more, elsewhere
	}
	j.release(l.seg)
	j.concluded(l, err)
	j.settle()
}

// cover sees to it that a sync covers what has just been written.
func (j *Journal) cover(l *load) {
	f := &j.flight
	switch {
	case l.sync:
		f.covered, f.open = l.seg.written, time.Time{}
	case f.sync == l.seg && time.Now().Before(f.begins):
		f.covered = l.seg.written
	default:
		if f.open.IsZero() {
			f.open = l.began
		}
		if !j.followed.Load() { // or the next write syncs
			j.syncOpen(time.Now())
		}
	}
}

// syncOpen has the hand sync what no sync covers before it is SyncEvery old, after
// the sync that may be under way.
func (j *Journal) syncOpen(now time.Time) {
	f := &j.flight
	if f.sync != nil {
		return
	}
	since := f.open
	f.open = time.Time{}
	file, seg := j.handy(), j.current
	if file != nil {
		after := max(0, since.Add(j.cfg.SyncEvery*7/8).Sub(now))
		j.hold(seg)
		if err := j.hand.sync(file, after); err == nil {
			f.sync, f.begins, f.covered = seg, now.Add(after), seg.written
			return
		}
		j.release(seg)
	}
	notify(j.dirty) // the syncer does it
}

// syncEnded is the end of the sync under way.
func (j *Journal) syncEnded(err error) {
	f := &j.flight
	seg, now := f.sync, time.Now()
	f.sync = nil
	j.cfg.Metrics.syncs.Observe(now.Sub(f.begins).Seconds())
	switch {
	case errors.Is(err, errNotBegun):
		notify(j.dirty) // the syncer does it
	case err != nil:
		j.syncFailed(seg, err)
	default:
		j.mu.Lock()
		if seg.failed == nil {
			seg.synced = max(seg.synced, f.covered)
		}
		j.mu.Unlock()
	}
	j.release(seg)
	if !f.open.IsZero() && !j.followed.Load() {
		j.syncOpen(now)
	}
	if f.write == nil { // or settle may write meanwhile
		j.settle()
	}
	notify(j.readable)
}

// hold keeps the file of a segment open.
func (j *Journal) hold(seg *segment) {
	j.mu.Lock()
	defer j.mu.Unlock()
	seg.held++
}

// release lets the syncer close the file when nothing will be added to it.
func (j *Journal) release(seg *segment) {
	j.mu.Lock()
	defer j.mu.Unlock()
	seg.held--
	if seg.sealed {
		notify(j.dirty)
	}
}
