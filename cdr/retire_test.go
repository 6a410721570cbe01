package cdr

import (
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// Segments whose calls have all ended and are saved are deleted.
func TestSegmentsAreDeleted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		j := openJournal(t, JournalConfig{Dir: dir, SegmentSize: 800, disk: &faultDisk{}})
		for i := range 100 {
			mustAppend(t, j, Started, startedRecord(i))
			mustAppend(t, j, Ended, endedRecord(i))
		}
		onDisk(t, j)
		if n := len(segmentFiles(t, dir)); n < 20 {
			t.Fatalf("%d segments: too few to test with", n)
		}
		var sink memorySink
		flushAll(t, j, &sink)
		synctest.Wait()
		if n := len(segmentFiles(t, dir)); n > 1 {
			t.Errorf("%d segments left", n)
		}
		if len(sink.rows) != 100 {
			t.Errorf("%d records, want 100", len(sink.rows))
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Calls that live for days do not hold the journal back: they are carried on,
// nothing about them is lost, and the disk in use stays bounded.
func TestLiveCallsAreCarriedOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const segmentSize = 1_600
		dir := t.TempDir()
		j := openJournal(t, JournalConfig{Dir: dir, SegmentSize: segmentSize, disk: &faultDisk{}})
		var sink memorySink
		f := NewFlusher(j, &sink, FlusherConfig{})
		f.Start()
		long := []*Record{answeredRecord(0), answeredRecord(1), answeredRecord(2)}
		mustAppend(t, j, Answered, long...)
		most := 0
		for i := 10; i < 1000; i++ {
			mustAppend(t, j, Ended, endedRecord(i))
			if i%20 == 0 {
				time.Sleep(time.Second)
				most = max(most, len(segmentFiles(t, dir)))
			}
		}
		time.Sleep(time.Second)
		if _, err := os.Stat(segmentPath(dir, 1)); err == nil {
			t.Error("the first segment is still there")
		}
		if most > 8 {
			t.Errorf("up to %d segments for three live calls", most)
		}

		after, err := Open(JournalConfig{Dir: copyDir(t, dir), hands: noHand})
		if err != nil {
			t.Fatal(err)
		}
		if got := after.Recovered().Orphans; got != len(long) {
			t.Errorf("%d of %d live calls survive a crash", got, len(long))
		}
		if err := after.Close(); err != nil {
			t.Error(err)
		}

		mustAppend(t, j, Ended, endedRecord(0), endedRecord(1), endedRecord(2))
		if err := f.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		f.Stop()
		synctest.Wait()
		if n := len(segmentFiles(t, dir)); n > 1 {
			t.Errorf("%d segments left", n)
		}
		if len(sink.rows) != 993 {
			t.Errorf("%d records, want 993", len(sink.rows))
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
}

// More live calls than fit into a segment: carrying them on must not become a
// treadmill that writes the journal again and again.
func TestCarryingOnSettles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		j := openJournal(t, JournalConfig{Dir: dir, SegmentSize: 800, HeartbeatEvery: time.Hour, disk: &faultDisk{}})
		f := NewFlusher(j, &memorySink{}, FlusherConfig{})
		f.Start()
		for i := range 200 {
			mustAppend(t, j, Answered, answeredRecord(i))
		}
		time.Sleep(10 * time.Second)
		last := segmentFiles(t, dir)
		time.Sleep(time.Minute)
		if now := segmentFiles(t, dir); now[len(now)-1] != last[len(last)-1] {
			t.Errorf("without a new call the journal went from %s to %s", last[len(last)-1], now[len(now)-1])
		}
		f.Stop()
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
}

func segmentPath(dir string, seq uint64) string { return dir + "/" + segmentName(seq) }
