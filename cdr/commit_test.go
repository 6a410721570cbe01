package cdr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// handJournal opens a journal with a slow hand and a segment that has its name on
// disk, so that the hand may write. It belongs into a bubble.
func handJournal(t *testing.T, cfg JournalConfig) (*Journal, *slowHand, *faultDisk) {
	t.Helper()
	h, d := &slowHand{bell: make(chan struct{}, 1)}, &faultDisk{}
	cfg.Dir, cfg.disk, cfg.hands = t.TempDir(), d, func() (hand, error) { return h, nil }
	j := openJournal(t, cfg)
	mustAppend(t, j, Ended, endedRecord(0))
	onDisk(t, j)
	time.Sleep(time.Second)
	synctest.Wait()
	return j, h, d
}

// told counts entries of which the journal said how they went.
type told struct{ well, ill atomic.Int32 }

func (c *told) done(err error) {
	if err != nil {
		c.ill.Add(1)
	} else {
		c.well.Add(1)
	}
}

// queue queues entries of ended calls, from number n on.
func (c *told) queue(t *testing.T, j *Journal, from, n int) {
	t.Helper()
	for i := range n {
		if !j.Queue(Ended, endedRecord(from+i), c.done) {
			t.Fatal("refused")
		}
	}
}

// expect waits until everybody is at rest and compares.
func (c *told) expect(t *testing.T, when string, well int) {
	t.Helper()
	synctest.Wait()
	if c.well.Load() != int32(well) || c.ill.Load() != 0 {
		t.Errorf("%s: %d written, want %d; %d not", when, c.well.Load(), well, c.ill.Load())
	}
}

// reopened closes the journal and returns how many ended calls another one finds
// in it.
func reopened(t *testing.T, j *Journal) int {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	after := openJournal(t, JournalConfig{Dir: j.cfg.Dir})
	defer after.Close()
	if found := after.Recovered(); len(found.Damage) > 0 || found.Orphans > 0 {
		t.Errorf("%+v", found)
	}
	var sink memorySink
	flushAll(t, after, &sink)
	return len(sink.rows)
}

// Nothing is written before Commit, one Commit is one write, and what is
// committed during a write gathers for the next.
func TestCommitGathers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, h, d := handJournal(t, JournalConfig{HeartbeatEvery: time.Hour})
		writes, goOn := 0, make(chan struct{})
		d.set(func(d *faultDisk) { d.write = func(string) error { writes++; return nil } })
		h.before = func(write bool) {
			if write {
				<-goOn
			}
		}
		var c told
		c.queue(t, j, 1, 10)
		time.Sleep(time.Minute)
		c.expect(t, "before Commit", 0)
		j.Commit()
		for i := range 10 {
			c.queue(t, j, 11+i, 1)
			j.Commit()
		}
		c.expect(t, "during the first write", 0)
		goOn <- struct{}{}
		c.expect(t, "after the first write", 10)
		goOn <- struct{}{}
		c.expect(t, "after the second write", 20)
		if writes != 2 {
			t.Errorf("%d writes, want 2", writes)
		}
		close(goOn)
		if n := reopened(t, j); n != 21 {
			t.Errorf("%d calls, want 21", n)
		}
	})
}

// A disk that hangs holds nobody up who queues, commits or comes by; Close waits
// for it.
func TestHandHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, h, _ := handJournal(t, JournalConfig{})
		goOn := make(chan struct{})
		h.before = func(bool) { <-goOn }
		var c told
		for i := range 100 {
			c.queue(t, j, 1+i, 1)
			j.Commit()
			j.Beat(i%2 == 0)
		}
		c.expect(t, "while the disk hangs", 0)
		begin := time.Now()
		time.AfterFunc(time.Minute, func() { close(goOn) })
		if n := reopened(t, j); n != 101 || time.Since(begin) < time.Minute {
			t.Errorf("%d calls, want 101, after %v", n, time.Since(begin))
		}
		c.expect(t, "after Close", 100)
	})
}

// Who comes by tells; nobody else is woken before he says that he will not come
// again. What is written meanwhile is synced in time by the writes themselves, and
// what is left then, by itself.
func TestBeat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, _, d := handJournal(t, JournalConfig{HeartbeatEvery: time.Hour})
		var c told
		const beats, beat = 100, 4 * time.Millisecond
		var waiting []time.Time // writes that no sync has begun for
		syncs, latest := 0, time.Duration(0)
		d.set(func(d *faultDisk) {
			d.sync = func(string) error {
				for _, at := range waiting {
					latest = max(latest, time.Since(at))
				}
				waiting, syncs = nil, syncs+1
				return nil
			}
			d.write = func(string) error { waiting = append(waiting, time.Now()); return nil }
		})
		for i := range beats {
			j.Beat(true)
			c.expect(t, fmt.Sprintf("after beat %d", i), 3*i)
			c.queue(t, j, 1+3*i, 3)
			j.Commit()
			c.expect(t, fmt.Sprintf("before beat %d", i+1), 3*i)
			time.Sleep(beat)
		}
		j.Beat(false)
		c.expect(t, "after the last beat", 3*beats)
		time.Sleep(20 * time.Millisecond)
		synctest.Wait()
		if len(waiting) > 0 || latest > 10*time.Millisecond || syncs < 30 || syncs > 40 {
			t.Errorf("%d writes not synced, one waited %v, %d syncs", len(waiting), latest, syncs)
		}
		c.queue(t, j, 1+3*beats, 1)
		j.Commit()
		c.expect(t, "when nobody comes by", 3*beats+1)
		if n := reopened(t, j); n != 3*beats+2 {
			t.Errorf("%d calls, want %d", n, 3*beats+2)
		}
	})
}

// Whoever comes by without writing has what was written synced all the same, and
// what waits for room among what is not synced written.
func TestBeatsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, _, d := handJournal(t, JournalConfig{HeartbeatEvery: 24 * time.Hour, Unsynced: 2_000})
		syncs := 0
		d.set(func(d *faultDisk) { d.sync = func(string) error { syncs++; return nil } })
		var c told
		j.Beat(true)
		c.queue(t, j, 1, 50)
		j.Commit()
		for i := range 10 {
			time.Sleep(4 * time.Millisecond)
			j.Beat(true)
			if i == 0 {
				c.queue(t, j, 51, 1)
				j.Commit()
			}
		}
		c.expect(t, "after ten beats", 51)
		if syncs == 0 {
			t.Error("not synced")
		}
		// The last beat may come while somebody has the turn.
		c.queue(t, j, 52, 1)
		j.Commit()
		synctest.Wait()
		j.turn.Lock()
		j.Beat(false)
		j.turn.Unlock()
		c.expect(t, "after the last beat", 52)
		if n := reopened(t, j); n != 53 {
			t.Errorf("%d calls, want 53", n)
		}
	})
}

// Who comes by does not wait for the disk, neither for the goroutine that has the
// turn meanwhile nor for what follows a fault.
func TestBeatDoesNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, h, d := handJournal(t, JournalConfig{HeartbeatEvery: 24 * time.Hour})
		failed := false
		d.set(func(d *faultDisk) {
			d.write = func(string) error {
				if !failed {
					failed = true
					return syscall.EIO
				}
				return nil
			}
		})
		j.cfg.disk = slowDisk{d}
		var c told
		begin := time.Now()
		for i := range 3 {
			j.Beat(true)
			c.queue(t, j, 1+i, 1)
			j.Commit()
			synctest.Wait()
		}
		if took := time.Since(begin); took > 0 {
			t.Errorf("three beats took %v", took)
		}
		time.Sleep(time.Minute)
		j.Beat(false)
		c.expect(t, "in the end", 3)
		h.before = nil
		if n := reopened(t, j); n != 4 {
			t.Errorf("%d calls, want 4", n)
		}
	})
}

// slowDisk takes its time for a new file.
type slowDisk struct{ *faultDisk }

func (d slowDisk) create(path string) (file, error) {
	<-time.After(time.Second)
	return d.faultDisk.create(path)
}

// A sound disk lets Close end while nobody is woken, and nobody who comes by later
// finds anything.
func TestCloseInSilence(t *testing.T) {
	t.Parallel()
	for _, hands := range []func() (hand, error){newSlowHand, newHand} {
		j := openJournal(t, JournalConfig{Dir: t.TempDir(), hands: hands})
		mustAppend(t, j, Ended, endedRecord(0))
		onDisk(t, j)
		j.Beat(true)
		var c told
		c.queue(t, j, 1, 3)
		j.Commit()
		if n := reopened(t, j); n != 4 || c.well.Load() != 3 {
			t.Errorf("%d calls, want 4; %d told", n, c.well.Load())
		}
		j.Beat(true)
		j.Beat(false)
	}
}

// The hand and the syncer are not at the same file at once: the disk tells of an
// error once, and who does not hear of it would take its entries for safe.
func TestSyncAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, h, d := handJournal(t, JournalConfig{HeartbeatEvery: 24 * time.Hour})
		writes, failed, goOn := 0, false, make(chan struct{})
		d.set(func(d *faultDisk) {
			d.sync = func(string) error {
				if !failed {
					failed = true
					return syscall.EIO
				}
				return nil
			}
			d.write = func(string) error { writes++; return nil }
		})
		j.hand = &lateSyncs{h, goOn}
		var c told
		c.queue(t, j, 1, 1)
		j.Commit()
		time.Sleep(20 * time.Millisecond)
		notify(j.dirty) // as after a heartbeat
		synctest.Wait()
		close(goOn)
		time.Sleep(5 * time.Second) // a failed sync pauses
		c.expect(t, "in the end", 1)
		if writes != 3 { // with the head of another segment
			t.Errorf("%d writes, want 3: the first segment may be lost", writes)
		}
		if n := reopened(t, j); n != 2 {
			t.Errorf("%d calls, want 2", n)
		}
	})
}

// lateSyncs is a hand that tells late of its syncs.
type lateSyncs struct {
	*slowHand
	goOn chan struct{}
}

func (h *lateSyncs) sync(f file, after time.Duration, _ bool) error {
	return h.begin(func() {
		time.AfterFunc(after, func() {
			err := f.Sync()
			<-h.goOn
			h.tell(handled{sync: true, err: err})
		})
	})
}

// Whatever goes wrong under the hand, every entry is written in the end, once as
// far as a reader can tell, and its caller hears of it.
func TestHandFails(t *testing.T) {
	t.Parallel()
	full := errors.New("it is full")
	for name, c := range map[string]struct {
		beat   bool
		refuse func(n int) error // the nth thing to begin
		cut    func(n int) bool  // the nth write takes half
		write  func(n int) error // the nth write
		sync   func(n int) error
	}{
		"write refused":        {refuse: func(n int) error { return onceAt(n, 3, syscall.EAGAIN) }},
		"all refused":          {refuse: func(int) error { return syscall.EAGAIN }},
		"all refused, beat":    {beat: true, refuse: func(int) error { return syscall.EAGAIN }},
		"write fails":          {write: func(n int) error { return onceAt(n, 5, full) }},
		"write fails, beat":    {beat: true, write: func(n int) error { return onceAt(n%3, 1, full) }},
		"write is short":       {cut: func(n int) bool { return n == 5 }},
		"write is short, beat": {beat: true, cut: func(n int) bool { return n%5 == 0 }},
		"sync fails":           {sync: func(n int) error { return onceAt(n, 2, io.ErrUnexpectedEOF) }},
		"syncs fail, beat":     {beat: true, sync: func(n int) error { return onceAt(n%3, 1, io.ErrUnexpectedEOF) }},
		"both fail, and beat":  {beat: true, write: func(n int) error { return onceAt(n%4, 1, full) }, sync: func(n int) error { return onceAt(n%3, 1, full) }},
	} {
		synctest.Test(t, func(t *testing.T) {
			j, h, d := handJournal(t, JournalConfig{SegmentSize: 4_000})
			begun, writes, syncs, cuts := 0, 0, 0, 0
			if c.cut != nil {
				h.cut = func() bool { cuts++; return c.cut(cuts) }
			}
			if c.refuse != nil {
				h.refuse = func() error { begun++; return c.refuse(begun) }
			}
			d.set(func(d *faultDisk) {
				if c.write != nil {
					d.write = func(string) error { writes++; return c.write(writes) }
				}
				if c.sync != nil {
					d.sync = func(string) error { syncs++; return c.sync(syncs) }
				}
			})
			var all told
			const rounds = 60
			for i := range rounds {
				all.queue(t, j, 1+2*i, 2)
				j.Commit()
				time.Sleep(4 * time.Millisecond)
				if c.beat {
					j.Beat(i < rounds-1)
				}
			}
			d.set(func(d *faultDisk) { d.write, d.sync = nil, nil })
			time.Sleep(5 * time.Second) // failed syncs pause
			all.expect(t, name, 2*rounds)
			if n := reopened(t, j); n != 2*rounds+1 {
				t.Errorf("%s: %d calls, want %d", name, n, 2*rounds+1)
			}
		})
	}
}

func onceAt(n, at int, err error) error {
	if n == at {
		return err
	}
	return nil
}

// With the hand that the system has, or without, and many who queue and commit, everything is
// written, told and saved, over many segments.
func TestRing(t *testing.T) {
	t.Parallel()
	j := openJournal(t, JournalConfig{Dir: t.TempDir(), SegmentSize: 100_000, hands: newHand})
	var sink memorySink
	f := NewFlusher(j, &sink, FlusherConfig{Batch: 100, Every: 1})
	f.Start()
	defer f.Stop()
	const writers, rounds, each = 4, 100, 5
	var c told
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range rounds {
				done := make(chan struct{}, each)
				for k := range each {
					n := (w*rounds+i)*each + k
					if !j.Queue(Ended, endedRecord(n), func(err error) { c.done(err); done <- struct{}{} }) {
						t.Error("refused")
						return
					}
				}
				j.Commit()
				if w == 0 {
					j.Beat(i%10 < 5 && i < rounds-1)
				}
				if w != 0 || i%10 >= 5 { // else somebody has to come by
					for range each {
						<-done
					}
				}
			}
		})
	}
	wg.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := f.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if got := len(sink.ids()); got != writers*rounds*each || c.ill.Load() != 0 {
		t.Errorf("%d saved, want %d; %d failed", got, writers*rounds*each, c.ill.Load())
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}
