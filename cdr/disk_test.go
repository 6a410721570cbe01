package cdr

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func fails(err error) func(string) error { return func(string) error { return err } }

// failsOn fails for one file only.
func failsOn(path string, err error) func(string) error {
	return func(p string) error {
		if p == path {
			return err
		}
		return nil
	}
}

// A write that fails makes its segment read-only; the entry goes into a new
// one and its caller notices nothing.
func TestFailedWriteGoesToNewSegment(t *testing.T) {
	t.Parallel()
	dir, d, reg := t.TempDir(), &faultDisk{}, prometheus.NewRegistry()
	j := openJournal(t, JournalConfig{Dir: dir, disk: d, Metrics: NewMetrics(reg)})
	mustAppend(t, j, Ended, endedRecord(1))
	first := segmentFiles(t, dir)[0]
	d.set(func(d *faultDisk) { d.write = failsOn(first, syscall.EIO) })
	mustAppend(t, j, Ended, endedRecord(2))
	mustAppend(t, j, Ended, endedRecord(3))
	if n := len(segmentFiles(t, dir)); n != 2 {
		t.Errorf("%d segments, want 2", n)
	}
	after := openJournal(t, JournalConfig{Dir: copyDir(t, dir)})
	if damage := after.Recovered().Damage; len(damage) != 0 {
		t.Errorf("the failed write left %v", damage)
	}
	var sink memorySink
	flushAll(t, after, &sink)
	if len(sink.rows) != 3 {
		t.Errorf("%d records, want 3", len(sink.rows))
	}
}

// A full disk: the caller of every entry is told, nothing is piled up on the
// disk, the ends of calls are kept and written once there is room.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir, d, reg, log := t.TempDir(), &faultDisk{}, prometheus.NewRegistry(), &logged{}
	j := openJournal(t, JournalConfig{
		Dir: dir, disk: d, Metrics: NewMetrics(reg), Logger: log.logger(), HeartbeatEvery: 5 * time.Millisecond,
	})
	mustAppend(t, j, Answered, answeredRecord(1))
	d.set(func(d *faultDisk) { d.write = fails(syscall.ENOSPC) })
	for i := range 20 {
		errs := appendAll(t, j, Ended, endedRecord(1+i))
		errs = append(errs, appendAll(t, j, Answered, answeredRecord(100+i))...)
		for _, err := range errs {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("done was given %v", err)
			}
		}
	}
	if n := len(segmentFiles(t, dir)); n > 2 {
		t.Errorf("%d segments on a full disk", n)
	}
	if n := strings.Count(log.String(), "cannot be written"); n != 1 {
		t.Errorf("%d log lines about it, want 1", n)
	}
	if got := counted(t, reg, "b2bua_journal_failed_total"); got != 40 {
		t.Errorf("failed entries counted: %v, want 40", got)
	}
	d.set(func(d *faultDisk) { d.write = nil })
	var sink memorySink
	flushAll(t, j, &sink) // waits for what is owed
	if len(sink.rows) != 20 {
		t.Errorf("%d records, want the 20 that ended", len(sink.rows))
	}
	if got := *sink.rows[endedRecord(1).CallID].EndReason; got != EndCompleted {
		t.Errorf("the call that was answered before ended as %s", got)
	}
	if got := counted(t, reg, "b2bua_journal_owed_entries"); got != 0 {
		t.Errorf("%v entries still owed", got)
	}
}

// What a full disk never takes is given up beyond the bound, counted and named.
func TestFullDiskIsBounded(t *testing.T) {
	t.Parallel()
	d, reg, log := &faultDisk{write: fails(syscall.ENOSPC)}, prometheus.NewRegistry(), &logged{}
	j, err := Open(JournalConfig{Dir: t.TempDir(), Queue: 10, disk: d, Metrics: NewMetrics(reg), Logger: log.logger(), hands: noHand})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 13 {
		appendAll(t, j, Ended, endedRecord(i))
	}
	if got := counted(t, reg, "b2bua_journal_lost_total"); got != 3 {
		t.Errorf("lost %v, want 3", got)
	}
	if !strings.Contains(log.String(), "given up") || !strings.Contains(log.String(), endedRecord(12).CallID) {
		t.Error("the lost call is not named")
	}
	var lost *lostError
	if err := j.Close(); !errors.As(err, &lost) || lost.entries != 10 {
		t.Errorf("Close: %v, want 10 entries named", err)
	}
}

// A failed fsync: its segment is read-only and what it may have lost is
// written again, so that a power cut afterwards loses nothing.
func TestFailedSyncIsWrittenAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir, d, log := t.TempDir(), &faultDisk{}, &logged{}
		j := openJournal(t, JournalConfig{Dir: dir, disk: d, Logger: log.logger()})
		mustAppend(t, j, Answered, answeredRecord(1))
		onDisk(t, j)
		first := segmentFiles(t, dir)[0]
		d.set(func(d *faultDisk) { d.sync = failsOn(first, syscall.EIO) })
		mustAppend(t, j, Answered, answeredRecord(2), answeredRecord(3))
		mustAppend(t, j, Ended, endedRecord(2), endedRecord(4))
		time.Sleep(50 * time.Millisecond) // the sync fails
		mustAppend(t, j, Answered, answeredRecord(5))
		onDisk(t, j)

		after, err := Open(JournalConfig{Dir: d.powerCut(t, dir), hands: noHand})
		if err != nil {
			t.Fatal(err)
		}
		if got := after.Recovered().Orphans; got != 3 {
			t.Errorf("%d live calls survived, want 1, 3 and 5", got)
		}
		var sink memorySink
		flushAll(t, after, &sink)
		if len(sink.rows) != 5 || *sink.rows[endedRecord(2).CallID].EndReason != EndCompleted {
			t.Errorf("saved %v", sink.ids())
		}
		if !strings.Contains(log.String(), filepath.Base(first)) {
			t.Error("the segment is not named in the log")
		}
		sink = memorySink{}
		flushAll(t, j, &sink) // past the segment that failed
		if len(sink.rows) != 2 {
			t.Errorf("saved %v, want calls 2 and 4", sink.ids())
		}
		if err := errors.Join(after.Close(), j.Close()); err != nil {
			t.Error(err)
		}
	})
}

// A disk whose fsync always fails stops the journal instead of filling memory
// or disk: the queue fills and Append says so.
func TestBrokenSyncIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir, d := t.TempDir(), &faultDisk{sync: fails(syscall.EIO)}
		j := openJournal(t, JournalConfig{Dir: dir, disk: d, Queue: 20, Unsynced: 2_000})
		refused := 0
		for i := range 600 {
			if !j.Append(Ended, endedRecord(i), nil) {
				refused++
			}
			time.Sleep(10 * time.Millisecond)
		}
		if refused < 500 {
			t.Errorf("%d of 600 refused", refused)
		}
		if n := len(segmentFiles(t, dir)); n > 10 {
			t.Errorf("%d segments after 6 s", n)
		}
		var lost *lostError
		if err := j.Close(); !errors.As(err, &lost) {
			t.Errorf("Close: %v", err)
		}
	})
}

// Nothing that was known to be on disk is lost when the power fails, at
// whatever moment that is.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	dir, d := t.TempDir(), &faultDisk{}
	j := openJournal(t, JournalConfig{Dir: dir, disk: d, SegmentSize: 800})
	for i := range 30 {
		mustAppend(t, j, Answered, answeredRecord(i))
		if i%3 == 0 {
			mustAppend(t, j, Ended, endedRecord(i))
		}
		onDisk(t, j)
		mustAppend(t, j, Answered, answeredRecord(1000+i)) // may be lost
		cut := d.powerCut(t, dir)
		after, err := Open(JournalConfig{Dir: cut, disk: instantDisk{}, SyncEvery: 1})
		if err != nil {
			t.Fatal(err)
		}
		var sink memorySink
		flushAll(t, after, &sink)
		for k := range i + 1 {
			got, ok := sink.rows[answeredRecord(k).CallID]
			want := EndNodeFailure
			if k%3 == 0 {
				want = EndCompleted
			}
			if !ok || *got.EndReason != want {
				t.Fatalf("power cut after call %d: call %d is %v", i, k, got.EndReason)
			}
		}
		if err := after.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// slowSync makes the next fsync of a file wait until it is let go and then
// return err.
func slowSync(d *faultDisk, path string, err error) (begun, letGo chan struct{}) {
	begun, letGo = make(chan struct{}), make(chan struct{})
	d.set(func(d *faultDisk) {
		d.sync = func(p string) error {
			if p == path {
				d.sync = nil
				d.mu.Unlock()
				close(begun)
				<-letGo
				d.mu.Lock()
				return err
			}
			return nil
		}
	})
	return begun, letGo
}

// An entry written while an fsync runs is not known to be on disk when it
// returns.
func TestWriteDuringSync(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir, d := t.TempDir(), &faultDisk{}
		j := openJournal(t, JournalConfig{Dir: dir, disk: d})
		mustAppend(t, j, Ended, endedRecord(1))
		onDisk(t, j)
		path := segmentFiles(t, dir)[0]
		begun, letGo := slowSync(d, path, nil)
		mustAppend(t, j, Ended, endedRecord(2))
		<-begun
		mustAppend(t, j, Ended, endedRecord(3))
		reached := make(chan cursor, 1)
		j.await(reached)
		synctest.Wait()
		d.set(func(d *faultDisk) { d.sync = fails(syscall.EIO) })
		close(letGo)
		synctest.Wait()
		select {
		case <-reached:
			t.Error("the entry counts as synced without a sync")
		default:
		}
		d.set(func(d *faultDisk) { d.sync = nil })
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A segment's sync fails when the call whose answer was in it has ended
// already: writing the answer again must not bring the call back.
func TestFailedSyncOfEndedCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir, d := t.TempDir(), &faultDisk{}
		j := openJournal(t, JournalConfig{Dir: dir, disk: d, hands: noHand, SegmentSize: 350, HeartbeatEvery: time.Hour})
		begun, letGo := slowSync(d, segmentPath(dir, 1), syscall.EIO)
		mustAppend(t, j, Answered, answeredRecord(1))
		<-begun
		mustAppend(t, j, Answered, answeredRecord(2)) // fills the first segment
		mustAppend(t, j, Ended, endedRecord(1))
		close(letGo)
		onDisk(t, j)
		after, err := Open(JournalConfig{Dir: d.powerCut(t, dir), hands: noHand})
		if err != nil {
			t.Fatal(err)
		}
		var sink memorySink
		flushAll(t, after, &sink)
		if got := after.Recovered().Orphans; got != 1 || *sink.rows[endedRecord(1).CallID].EndReason != EndCompleted {
			t.Errorf("%d live calls, want 1; saved %v", got, sink.rows)
		}
		if err := errors.Join(after.Close(), j.Close()); err != nil {
			t.Error(err)
		}
	})
}

// A segment stays until what took the place of its entries is synced: the
// power may fail between.
func TestSegmentStaysUntilSuccessorIsSynced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir, d := t.TempDir(), &faultDisk{}
		j := openJournal(t, JournalConfig{Dir: dir, disk: d, hands: noHand, SegmentSize: 350, HeartbeatEvery: time.Hour})
		f := NewFlusher(j, &memorySink{}, FlusherConfig{})
		f.Start()
		mustAppend(t, j, Started, startedRecord(1))
		mustAppend(t, j, Ended, endedRecord(2)) // fills the first segment
		mustAppend(t, j, Ended, endedRecord(3))
		if err := f.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		begun, letGo := slowSync(d, segmentPath(dir, 2), nil)
		mustAppend(t, j, Answered, answeredRecord(1))
		<-begun
		f.Stop()
		after, err := Open(JournalConfig{Dir: d.powerCut(t, dir), hands: noHand})
		if err != nil {
			t.Fatal(err)
		}
		if got := after.Recovered().Orphans; got != 1 {
			t.Errorf("%d live calls after the power cut, want 1", got)
		}
		close(letGo)
		synctest.Wait()
		if len(segmentFiles(t, dir)) != 1 {
			t.Error("the first segment is still there though its successor is synced")
		}
		if err := errors.Join(after.Close(), j.Close()); err != nil {
			t.Error(err)
		}
	})
}

// A segment whose file cannot be made is an error to the caller, and over
// once it can.
func TestFailedCreate(t *testing.T) {
	t.Parallel()
	d := &faultDisk{make: fails(syscall.EMFILE)}
	j := openJournal(t, JournalConfig{Dir: t.TempDir(), disk: d})
	if errs := appendAll(t, j, Started, startedRecord(1)); !errors.Is(errs[0], syscall.EMFILE) {
		t.Errorf("done was given %v", errs[0])
	}
	d.set(func(d *faultDisk) { d.make = nil })
	mustAppend(t, j, Started, startedRecord(2))
}
