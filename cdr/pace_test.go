package cdr

import (
	"testing"
	"testing/synctest"
	"time"
)

// A sync is asked for at once when the last is long ago, and else when it will be.
func TestPace(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	p := pace{every: 10 * ms}
	for _, c := range []struct {
		at       time.Duration
		unsynced bool
		ask      bool
		look     time.Duration
	}{
		{0, false, false, 0},
		{1 * ms, true, true, 0},
		{2 * ms, true, false, 9 * ms},
		{3 * ms, false, false, 0},
		{10 * ms, true, false, 1 * ms},
		{11 * ms, true, true, 0},
		{time.Second, true, true, 0},
	} {
		if ask, look := p.written(c.unsynced, epoch.Add(c.at)); ask != c.ask || look != c.look {
			t.Errorf("after %v: %v, %v; want %v, %v", c.at, ask, look, c.ask, c.look)
		}
	}
}

// Whatever the rate, the sync of a written entry begins within SyncEvery, at
// most about one of it.
func TestSyncWithinSyncEvery(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		every             time.Duration
		maxSyncs, maxLate int // of 400 entries; milliseconds
	}{
		{100 * time.Microsecond, 5, 10},
		{500 * time.Microsecond, 25, 10},
		{1900 * time.Microsecond, 85, 10},
		{3 * time.Millisecond, 135, 10},
		{15 * time.Millisecond, 400, 10},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := &faultDisk{}
			j := openJournal(t, JournalConfig{Dir: t.TempDir(), disk: d, HeartbeatEvery: time.Hour})
			mustAppend(t, j, Ended, endedRecord(0)) // the segment is there
			time.Sleep(time.Second)
			var waiting []time.Time // when entries were written that no sync has begun for
			syncs, latest := 0, time.Duration(0)
			d.set(func(d *faultDisk) {
				d.sync = func(string) error {
					for _, at := range waiting {
						latest = max(latest, time.Since(at))
					}
					waiting = nil
					syncs++
					return nil
				}
			})
			for i := range 400 {
				j.Append(Ended, endedRecord(i+1), func(error) {
					d.set(func(*faultDisk) { waiting = append(waiting, time.Now()) })
				})
				time.Sleep(c.every)
			}
			time.Sleep(c.every + 20*time.Millisecond)
			synctest.Wait()
			if len(waiting) > 0 {
				t.Errorf("an entry every %v: the last %d are not synced", c.every, len(waiting))
			}
			if syncs > c.maxSyncs || latest > time.Duration(c.maxLate)*time.Millisecond {
				t.Errorf("an entry every %v: %d syncs, want at most %d; one waited %v", c.every, syncs, c.maxSyncs, latest)
			}
			if err := j.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
