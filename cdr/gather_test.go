package cdr

import (
	"testing"
	"testing/synctest"
	"time"
)

// Entries that come slower than one a rest never wait, even a few at a time;
// faster ones do, from the eighth on; a pause ends it.
func TestGatherer(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, c := range []struct {
		name    string
		entries int // of each write
		every   time.Duration
		writes  int
		rested  int
	}{
		{"200 a second", 1, 5 * ms, 100, 0},
		{"half of what counts as fast", 1, 4 * ms, 100, 0},
		{"three at a time", 3, 15 * ms, 100, 0},
		{"2000 a second", 1, ms / 2, 100, 93},
		{"a batch a rest", 4, 2 * ms, 100, 99},
		{"one burst", 100, time.Second, 1, 1},
		{"nothing came", 0, ms, 10, 0},
	} {
		g := gatherer{rest: 2 * ms}
		now, rested := epoch, 0
		for range c.writes {
			switch d := g.wrote(c.entries, now); d {
			case 0:
			case g.rest:
				rested++
			default:
				t.Errorf("%s: rests %v", c.name, d)
			}
			now = now.Add(c.every)
		}
		if rested != c.rested {
			t.Errorf("%s: rested %d times, want %d", c.name, rested, c.rested)
		}
		if d := g.wrote(1, now.Add(time.Second)); d != 0 {
			t.Errorf("%s: rests %v after a pause", c.name, d)
		}
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
		{500 * time.Microsecond, 90, 2, 120},
		{5 * time.Millisecond, 400, 0, 400},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := &faultDisk{}
			j := openJournal(t, JournalConfig{Dir: t.TempDir(), Gather: 2 * time.Millisecond, disk: d})
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
