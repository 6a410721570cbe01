package cdr

import (
	"errors"
	"path/filepath"
	"time"
)

// syncPause is the wait after a failed fsync: a broken disk must not be given
// a hundred new segments a second.
const syncPause = time.Second

// sync is the syncer's goroutine: one fsync for all that was written, when the
// journal's goroutine says so, or the hand leaves it to it. Whoever syncs a segment is
// alone with it.
func (j *Journal) sync() {
	defer close(j.synced)
	for {
		select {
		case <-j.dirty:
		case <-j.stopSync:
			return
		}
		err := j.syncSegments()
		notify(j.wake)
		notify(j.readable)
		if err != nil && !j.pauseSync() {
			return
		}
	}
}

// pauseSync waits after a failed fsync; false means that the journal closes.
func (j *Journal) pauseSync() bool {
	t := time.NewTimer(syncPause)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-j.stopSync:
		return false
	}
}

// syncSegments syncs every segment that needs it and closes those that will
// not be written again.
func (j *Journal) syncSegments() error {
	type work struct {
		seg    *segment
		file   file
		upTo   int64
		needed bool
		named  bool
		finish bool
	}
	var todo []work
	j.mu.Lock()
	for _, seg := range j.segments {
		if seg.file != nil && !seg.syncing && (seg.written > seg.synced || seg.sealed || seg.failed != nil) {
			seg.syncing = true
			todo = append(todo, work{
				seg, seg.file, seg.written, seg.failed == nil && seg.written > seg.synced, seg.named, seg.sealed || seg.failed != nil,
			})
		}
	}
	j.mu.Unlock()

	var errs []error
	for _, w := range todo {
		var err error
		if w.needed {
			err = j.syncFile(w.file, w.named)
			errs = append(errs, err)
		}
		if err != nil {
			j.syncFailed(w.seg, err)
		}
		j.mu.Lock()
		if err == nil && w.seg.failed == nil {
			w.seg.synced, w.seg.named = max(w.seg.synced, w.upTo), true
		}
		w.seg.syncing = false
		if (err != nil || w.finish) && w.seg.held == 0 {
			_ = w.file.Close() // synced or given up; nothing is buffered in it
			w.seg.file = nil
		}
		j.mu.Unlock()
	}
	return errors.Join(errs...)
}

// syncFailed gives up on a segment.
func (j *Journal) syncFailed(seg *segment, err error) {
	j.mu.Lock()
	seg.failed, seg.sealed = err, true
	j.mu.Unlock()
	j.cfg.Metrics.diskErrors.WithLabelValues("sync").Inc()
	j.cfg.Logger.Error("journal segment is read-only after a failed fsync; what it may have lost is written again",
		"segment", filepath.Base(seg.path), "err", err)
}

func (j *Journal) syncFile(f file, named bool) error {
	start := time.Now()
	err := f.Sync()
	j.cfg.Metrics.syncs.Observe(time.Since(start).Seconds())
	if err == nil && !named {
		err = j.cfg.disk.syncDir(j.cfg.Dir)
	}
	return err
}

// lastSync is the end of Close, when the goroutines are gone: it syncs, gives
// what a failed sync lost a second chance, and names what is left.
func (j *Journal) lastSync() error {
	err := j.syncSegments()
	j.settle()
	if err != nil {
		err = j.syncSegments()
		j.settle()
	}
	if n := len(j.pending) + len(j.owed); n > 0 {
		return errors.Join(err, &lostError{n})
	}
	return nil
}
