package cdr

import (
	"testing"
	"testing/synctest"
	"time"
)

// Entries that come slower than about 500 a second never wait, even a few at a
// time; faster ones do, from the eighth on; a pause ends it.
func TestPace(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, c := range []struct {
		name    string
		entries int // of each write
		every   time.Duration
		writes  int
		deaf    int
	}{
		{"200 a second", 1, 5 * ms, 100, 0},
		{"400 a second", 1, 5 * ms / 2, 100, 0},
		{"three at a time", 3, 15 * ms, 100, 0},
		{"2000 a second", 1, ms / 2, 100, 93},
		{"three a rest", 3, 5 * ms, 100, 98},
		{"one burst", 100, time.Second, 1, 1},
		{"nothing came", 0, ms, 10, 0},
	} {
		p := pace{gather: 5 * ms, every: 10 * ms}
		now, deaf := epoch, 0
		for range c.writes {
			s := p.wrote(c.entries, false, now)
			if s.deaf != (s.look == p.gather) || s.sync {
				t.Errorf("%s: %+v", c.name, s)
			}
			if s.deaf {
				deaf++
			}
			now = now.Add(c.every)
		}
		if deaf != c.deaf {
			t.Errorf("%s: deaf %d times, want %d", c.name, deaf, c.deaf)
		}
		if s := p.wrote(1, false, now.Add(time.Second)); s.deaf || s.look != 0 {
			t.Errorf("%s: %+v after a pause", c.name, s)
		}
	}
}

// Whatever the rate, the sync of a written entry begins within SyncEvery, at
// most about one of it, and at once when the last one is long ago. While
// entries are fast no look is for the sync alone.
func TestSyncWithinSyncEvery(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		every             time.Duration
		maxSyncs, maxLate int // of 400 entries; milliseconds
	}{
		{100 * time.Microsecond, 5, 10},
		{500 * time.Microsecond, 15, 10},
		{1900 * time.Microsecond, 60, 10},
		{3 * time.Millisecond, 125, 10},
		{15 * time.Millisecond, 400, 0},
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

// Of entries that come fast many share a write, and none waits longer than
// Gather; of entries that come slowly none waits.
func TestGather(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		every              time.Duration
		minWrites, maxDone int // of 400 entries; milliseconds
		maxWrites          int
	}{
		{500 * time.Microsecond, 35, 5, 60},
		{5 * time.Millisecond, 400, 0, 400},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := &faultDisk{}
			j := openJournal(t, JournalConfig{Dir: t.TempDir(), disk: d})
			mustAppend(t, j, Ended, endedRecord(0)) // the segment is there
			time.Sleep(time.Second)
			writes, longest := 0, time.Duration(0)
			d.set(func(d *faultDisk) { d.write = func(string) error { writes++; return nil } })
			for i := range 400 {
				begin := time.Now()
				j.Append(Ended, endedRecord(i+1), func(error) { longest = max(longest, time.Since(begin)) })
				time.Sleep(c.every)
			}
			synctest.Wait()
			if err := j.Close(); err != nil {
				t.Error(err)
			}
			if writes < c.minWrites || writes > c.maxWrites {
				t.Errorf("an entry every %v: %d writes of 400 entries, want %d to %d", c.every, writes, c.minWrites, c.maxWrites)
			}
			if longest > time.Duration(c.maxDone)*time.Millisecond {
				t.Errorf("an entry every %v: one waited %v", c.every, longest)
			}
		})
	}
}

// Close does not wait for the rest to end, and writes what came during it.
func TestCloseEndsRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := openJournal(t, JournalConfig{Dir: t.TempDir(), Gather: time.Hour, disk: &faultDisk{}})
		for i := range gatherCount {
			mustAppend(t, j, Ended, endedRecord(i))
		}
		told := false
		j.Append(Ended, endedRecord(99), func(error) { told = true })
		begin := time.Now()
		if err := j.Close(); err != nil || !told {
			t.Errorf("Close: %v; told %v", err, told)
		}
		if d := time.Since(begin); d > time.Second {
			t.Errorf("Close took %v", d)
		}
	})
}
