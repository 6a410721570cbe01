package cdr

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// A flight is what the hand has under way: one write and one sync at most. It
// belongs to whoever has [Journal.turn].
type flight struct {
	write  *load // nil when there is none
	spare  *load // of an earlier one
	failed error // of the write, which is the goroutine's now
	waited bool  // the write keeps the goroutine from something
	landed *load // written, and to be told

	sync    *segment  // nil when there is none
	due     time.Time // when the sync was to begin, for the metric
	begins  time.Time // the sync, or later; zero when its mark has come
	marked  bool      // what ends before the mark of the sync is in it, whenever that is heard of
	covered int64     // octets of the segment that are in it
	open    time.Time // since when something is written that is in no sync; zero when nothing is
}

// A load is a batch of entries on its way into a segment.
type load struct {
	items []item // as they were queued
	good  []item // those of them that can be written
	chunk []byte // what one write(2) takes
	seg   *segment
	file  file
	began time.Time
	begun bool   // the hand has been at it
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
		return j.flight.failed == nil // its end goes on
	}
	if j.queue.empty() {
		return true
	}
	f := j.handy()
	if f == nil || j.pendSize >= j.cfg.Unsynced {
		return false
	}
	l := j.flight.spare
	if l == nil {
		l = j.newLoad()
	}
	l.take(&j.queue)
	l.seg, l.file, l.chunk = j.current, f, l.chunk[:0]
	for i := range l.good {
		l.chunk = append(l.chunk, l.good[i].frame...)
	}
	j.flight.write, j.flight.spare = l, nil
	j.hold(l.seg)
	err := j.hand.write(f, l.chunk)
	l.began, l.begun, j.flight.failed = time.Now(), err == nil, err
	if l.begun && j.flight.sync == nil { // else that may cover it
		j.uncovered(l.began)
	}
	return l.begun
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
	for {
		err := j.hand.wait()
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err != nil {
			j.cfg.Logger.Error("what the journal has written is not heard of", "err", err)
			return
		}
		j.toldOf(j.took(true))
	}
}

// A follower is somebody who comes by to look what the hand has done.
type follower struct {
	mu    sync.Mutex // guards the following fields and the hand's silence
	again bool       // he comes again
	gone  bool       // nobody follows any more
}

// Beat takes note of what has been written, and tells the callers, for somebody
// who comes by anyway. While again is true nobody else is woken for it: who says so
// comes back within a few milliseconds, until he says no. It waits for nothing, and
// does nothing once the journal is closing.
func (j *Journal) Beat(again bool) {
	if j.hand == nil {
		return
	}
	if j.follow(again) {
		j.toldOf(j.took(false))
	}
}

// follow takes note of whether somebody comes again, and reports false when it is
// too late for that.
func (j *Journal) follow(again bool) bool {
	f := &j.follower
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gone {
		return false
	}
	if f.again != again {
		f.again = again
		j.hand.silence(again)
	}
	if !again { // the goroutine takes what this one may not get to
		_ = j.hand.rouse() // the bell is there until nobody follows
	}
	return true
}

// followed reports whether somebody comes by.
func (j *Journal) followed() bool {
	j.follower.mu.Lock()
	defer j.follower.mu.Unlock()
	return j.follower.again
}

// unfollow has nobody follow any more: what is done is heard of by the goroutine.
func (j *Journal) unfollow() {
	if j.hand == nil {
		return
	}
	f := &j.follower
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gone = true
	j.hand.silence(false)
	_ = j.hand.rouse() // as above
}

// took takes note of what has ended and begins what has gathered meanwhile, when
// it has the turn, which only the goroutine waits for. It returns whose callers are
// to be told.
func (j *Journal) took(wait bool) *load {
	if wait {
		j.turn.Lock()
	} else if !j.turn.TryLock() {
		return nil // the next beat, or the goroutine, which has been roused
	}
	defer j.turn.Unlock()
	if !wait && j.ended {
		return nil
	}
	j.hand.take(j.handled)
	if j.flight.failed != nil || j.flight.write == nil && (j.flight.waited || !j.begin()) {
		j.flight.waited = false
		notify(j.wake)
	}
	l := j.flight.landed
	if j.flight.landed = nil; l != nil {
		j.telling.Add(1)
	}
	return l
}

func (j *Journal) handled(h handled) {
	switch {
	case h.begins:
		j.flight.marked, j.flight.begins = false, time.Time{} // what ends from now on is in the next
	case h.sync:
		j.syncEnded(h.err)
	default:
		j.land(h)
	}
}

// toldOf tells the callers of a load that has landed.
func (j *Journal) toldOf(l *load) {
	if l == nil {
		return
	}
	defer j.telling.Done()
	j.cfg.Together(l.tell)
	l.clear()
	if j.turn.TryLock() { // or there is a new one next time
		j.flight.spare = l
		j.turn.Unlock()
	}
}

// land is the end of the write under way. What has failed is left to the
// goroutine, which may wait for the disk.
func (j *Journal) land(h handled) {
	l := j.flight.write
	err := h.err
	if err == nil && h.n < len(l.chunk) {
		err = io.ErrShortWrite
	}
	if err != nil {
		j.flight.failed = err
		return
	}
	j.flight.write, j.flight.landed = nil, l
	j.written(l.seg, l.good, len(l.chunk))
	j.cover(l)
	j.release(l.seg)
	j.concluded(l, nil)
}

// takeBack writes what the hand has failed to.
func (j *Journal) takeBack() {
	failed := j.flight.failed
	if failed == nil {
		return
	}
	l := j.flight.write
	j.flight.write, j.flight.failed = nil, nil
	if l.begun {
		j.writeFailed(l.seg, l.file, failed)
	}
	j.release(l.seg)
	j.concluded(l, j.put(l.good))
	j.cfg.Together(l.tell)
	l.clear()
	j.flight.spare = l
}

// cover sees to it that a sync covers what has just been written.
func (j *Journal) cover(l *load) {
	f := &j.flight
	if f.sync == l.seg && (f.marked || time.Now().Before(f.begins)) {
		f.covered = l.seg.written
		return
	}
	j.uncovered(l.began)
}

// uncovered has something synced that was begun to be written then.
func (j *Journal) uncovered(since time.Time) {
	if j.flight.open.IsZero() {
		j.flight.open = since
	}
	j.syncOpen(time.Now())
}

// syncOpen has the hand sync what no sync covers before it is SyncEvery old. While
// another sync is under way that has to wait: an error of the disk is told to one of
// them only.
func (j *Journal) syncOpen(now time.Time) {
	f := &j.flight
	if f.sync != nil || f.open.IsZero() {
		return
	}
	seg, file := j.current, j.handy()
	if file == nil { // sealed meanwhile, or at its end: it is the syncer's
		f.open = time.Time{}
		notify(j.dirty)
		return
	}
	if !j.beginSync(seg) {
		return // the syncer is at it, and wakes the goroutine
	}
	after := max(0, f.open.Add(j.cfg.SyncEvery*7/8).Sub(now))
	f.open = time.Time{}
	mark := after > 0 && j.followed()
	if err := j.hand.sync(file, after, mark); err != nil {
		j.endSync(seg)
		notify(j.dirty)
		return
	}
	j.hold(seg)
	f.sync, f.begins, f.marked, f.covered = seg, now.Add(after), mark, seg.written
	f.due = f.begins
}

// syncEnded is the end of the sync under way.
func (j *Journal) syncEnded(err error) {
	f := &j.flight
	seg, now := f.sync, time.Now()
	f.sync = nil
	j.cfg.Metrics.syncs.Observe(max(0, now.Sub(f.due)).Seconds())
	if err != nil {
		j.syncFailed(seg, err)
	}
	j.mu.Lock()
	if seg.failed == nil {
		seg.synced = max(seg.synced, f.covered)
	}
	more := seg.synced < seg.written
	j.mu.Unlock()
	j.endSync(seg)
	j.release(seg)
	if more && f.open.IsZero() {
		f.open = now
	}
	j.syncOpen(now)
	if j.forget() {
		notify(j.wake)
	}
	notify(j.readable)
}

// beginSync reports false when a sync of the segment is under way.
func (j *Journal) beginSync(seg *segment) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	begin := !seg.syncing
	seg.syncing = true
	return begin
}

func (j *Journal) endSync(seg *segment) {
	j.mu.Lock()
	defer j.mu.Unlock()
	seg.syncing = false
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
