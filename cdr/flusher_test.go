package cdr

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var errDown = errors.New("store is down")

// startFlusher runs a flusher until the test ends.
func startFlusher(t *testing.T, j *Journal, sink Sink, cfg FlusherConfig) *Flusher {
	t.Helper()
	f := NewFlusher(j, sink, cfg)
	f.Start()
	t.Cleanup(f.Stop)
	return f
}

// Records go in batches of at most Batch, an ended record waits for its batch
// no longer than Every, and live calls are not saved.
func TestFlusherBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := openJournal(t, JournalConfig{Dir: t.TempDir(), disk: &faultDisk{}})
		var sink memorySink
		f := startFlusher(t, j, &sink, FlusherConfig{Batch: 10, Every: 200 * time.Millisecond})
		defer j.Close()
		defer f.Stop()
		for i := range 25 {
			mustAppend(t, j, Ended, endedRecord(i))
		}
		mustAppend(t, j, Answered, answeredRecord(99))
		time.Sleep(250 * time.Millisecond)
		synctest.Wait()
		if !slices.Equal(sink.batches, []int{10, 10, 5}) {
			t.Errorf("batches %v", sink.batches)
		}
	})
}

// A record waits for its batch longer while many come, and no longer than
// Longest; when they are few again, Every.
func TestFlusherWaitsForMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := openJournal(t, JournalConfig{Dir: t.TempDir(), disk: &faultDisk{}})
		var sink memorySink
		f := startFlusher(t, j, &sink, FlusherConfig{})
		defer j.Close()
		defer f.Stop()
		n := 0
		come := func(count int, every time.Duration) (batches []int) {
			had := sink.sizes()
			for range count {
				j.Append(Ended, endedRecord(n), nil)
				n++
				time.Sleep(every)
			}
			return sink.sizes()[len(had):]
		}
		if slow := come(50, 100*time.Millisecond); len(slow) < 15 {
			t.Errorf("10 a second: batches %v", slow)
		}
		if fast := come(5000, time.Millisecond); len(fast) > 9 || slices.Max(fast) < 900 || slices.Max(fast) > 1100 {
			t.Errorf("1000 a second: batches %v", fast)
		}
		time.Sleep(2 * time.Second)
		had := sink.sizes()
		j.Append(Ended, endedRecord(n), nil)
		time.Sleep(250 * time.Millisecond)
		if now := sink.sizes(); len(now) != len(had)+1 {
			t.Errorf("a lone record is not saved after 250 ms")
		}
		f.Stop()
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
}

// While the sink is down nothing is lost and it is not hammered; when it is
// back everything is saved once.
func TestFlusherBacksOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		j := openJournal(t, JournalConfig{Dir: t.TempDir(), disk: &faultDisk{}, Metrics: NewMetrics(reg)})
		var tries []time.Time
		sink := memorySink{before: func([]Record) error {
			tries = append(tries, time.Now())
			return errDown
		}}
		f := startFlusher(t, j, &sink, FlusherConfig{BackoffMin: 100 * time.Millisecond, BackoffMax: 5 * time.Second})
		defer j.Close()
		defer f.Stop()
		begin := time.Now()
		for i := range 600 {
			mustAppend(t, j, Ended, endedRecord(i))
			time.Sleep(100 * time.Millisecond)
		}
		sink.mu.Lock()
		if n := len(tries); n < 10 || n > 40 {
			t.Errorf("%d tries in a minute", n)
		}
		for i := 1; i < len(tries); i++ {
			if wait := tries[i].Sub(tries[i-1]); wait < 50*time.Millisecond || wait > 7500*time.Millisecond {
				t.Errorf("try %d came after %v (%v after the beginning)", i, wait, tries[i].Sub(begin))
			}
		}
		if got := counted(t, reg, "b2bua_cdr_save_errors_total"); int(got) != len(tries) {
			t.Errorf("%v errors counted of %d", got, len(tries))
		}
		sink.before = nil
		sink.mu.Unlock()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(sink.rows) != 600 || counted(t, reg, "b2bua_cdr_saved_total") != 600 {
			t.Errorf("%d records, %v counted", len(sink.rows), counted(t, reg, "b2bua_cdr_saved_total"))
		}
	})
}

// A record that the sink will never take goes to the dead-letter file; all
// others are saved, before and behind it.
func TestFlusherBisectsBadRecords(t *testing.T) {
	t.Parallel()
	dir, reg, log := t.TempDir(), prometheus.NewRegistry(), &logged{}
	j := openJournal(t, JournalConfig{Dir: dir, Metrics: NewMetrics(reg)})
	bad := map[string]bool{endedRecord(3).CallID: true, endedRecord(4).CallID: true, endedRecord(90).CallID: true}
	sink := memorySink{before: func(records []Record) error {
		for i := range records {
			if bad[records[i].CallID] {
				return fmt.Errorf("value out of range: %w", ErrBadRecord)
			}
		}
		return nil
	}}
	for i := range 100 {
		mustAppend(t, j, Ended, endedRecord(i))
	}
	f := startFlusher(t, j, &sink, FlusherConfig{Logger: log.logger()})
	if err := f.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(sink.rows) != 97 {
		t.Errorf("%d records saved, want 97", len(sink.rows))
	}
	b, err := os.ReadFile(filepath.Join(dir, "dead-letter.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if len(lines) != 3 {
		t.Errorf("%d dead letters, want 3", len(lines))
	}
	for id := range bad {
		if !strings.Contains(string(b), id) || !strings.Contains(log.String(), id) {
			t.Errorf("%s is not named in the file and the log", id)
		}
	}
	if !strings.Contains(lines[0], "value out of range") {
		t.Errorf("the reason is missing: %s", lines[0])
	}
	if saved, dead := counted(t, reg, "b2bua_cdr_saved_total"), counted(t, reg, "b2bua_cdr_dead_letters_total"); saved != 97 || dead != 3 {
		t.Errorf("counted %v saved, %v dead", saved, dead)
	}
}

// Killed between the sink's commit and the checkpoint: the next process offers
// the batch again and the sink still has each record once, as it was.
func TestFlusherCrashBeforeCheckpoint(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := openJournal(t, JournalConfig{Dir: dir})
	mustAppend(t, j, Ended, endedRecord(1), endedRecord(2))
	onDisk(t, j)
	var sink memorySink
	var killed string
	sink.before = func([]Record) error {
		killed = copyDir(t, dir) // as if the kill came right after this commit
		return nil
	}
	flushAll(t, j, &sink)
	sink.before = nil
	j2 := openJournal(t, JournalConfig{Dir: killed})
	mustAppend(t, j2, Ended, endedRecord(3))
	flushAll(t, j2, &sink)
	if len(sink.rows) != 3 || !slices.Equal(sink.batches, []int{2, 3}) {
		t.Errorf("%d records in batches %v", len(sink.rows), sink.batches)
	}
	if err := j2.Close(); err != nil {
		t.Fatal(err)
	}
	flushAll(t, openJournal(t, JournalConfig{Dir: killed}), &sink)
	if len(sink.batches) != 2 {
		t.Errorf("what the checkpoint covers was offered again: %v", sink.batches)
	}
}

// Flush and Stop return whatever the sink does.
func TestFlushAndStopWithHungSink(t *testing.T) {
	t.Parallel()
	j := openJournal(t, JournalConfig{Dir: t.TempDir()})
	called := make(chan struct{}, 1)
	hung := sinkFunc(func(ctx context.Context, _ []Record) error {
		notify(called)
		<-ctx.Done()
		return ctx.Err()
	})
	f := NewFlusher(j, hung, FlusherConfig{})
	f.Start()
	mustAppend(t, j, Ended, endedRecord(1))
	ctx, cancel := context.WithCancelCause(t.Context())
	give := errors.New("enough")
	go func() { <-called; cancel(give) }()
	if err := f.Flush(ctx); !errors.Is(err, give) {
		t.Errorf("Flush: %v", err)
	}
	f.Stop()
	if err := f.Flush(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Flush after Stop: %v", err)
	}
	f.Stop()
	NewFlusher(j, hung, FlusherConfig{}).Stop() // never started
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	var sink memorySink
	flushAll(t, openJournal(t, JournalConfig{Dir: j.cfg.Dir}), &sink)
	if len(sink.rows) != 1 {
		t.Error("the record did not wait in the journal")
	}
}

type sinkFunc func(context.Context, []Record) error

func (f sinkFunc) SaveCDRs(ctx context.Context, records []Record) error { return f(ctx, records) }

// A dead letter that cannot be written holds the batch; nothing is dropped.
func TestFlusherKeepsWhatItCannotPutAway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := openJournal(t, JournalConfig{Dir: dir})
	deadLetters := filepath.Join(dir, "dead-letter.jsonl")
	if err := os.Mkdir(deadLetters, 0o700); err != nil { // in its way
		t.Fatal(err)
	}
	tried := make(chan struct{}, 1)
	sink := sinkFunc(func(context.Context, []Record) error {
		notify(tried)
		return ErrBadRecord
	})
	f := startFlusher(t, j, sink, FlusherConfig{Every: 1, BackoffMin: time.Millisecond, BackoffMax: time.Millisecond})
	mustAppend(t, j, Ended, endedRecord(1))
	<-tried
	<-tried
	if err := os.Remove(deadLetters); err != nil {
		t.Fatal(err)
	}
	if err := f.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(deadLetters); err != nil || !strings.Contains(string(b), endedRecord(1).CallID) {
		t.Errorf("dead letters: %s %v", b, err)
	}
}

// An entry larger than a read, a segment that lost octets or its file under
// us: the rest is saved and the loss is named.
func TestReaderCopes(t *testing.T) {
	t.Parallel()
	dir, log := t.TempDir(), &logged{}
	j := openJournal(t, JournalConfig{Dir: dir, SegmentSize: 100_000, Logger: log.logger()})
	large := endedRecord(1)
	large.Received.From = strings.Repeat("x", 2*readChunk)
	mustAppend(t, j, Ended, endedRecord(0))
	mustAppend(t, j, Ended, large) // fills segment 1
	mustAppend(t, j, Ended, endedRecord(2))
	big := endedRecord(3)
	big.Received.To = strings.Repeat("y", 120_000)
	mustAppend(t, j, Ended, big)            // fills segment 2
	mustAppend(t, j, Ended, endedRecord(4)) // segment 3
	onDisk(t, j)
	files := segmentFiles(t, dir)
	if len(files) != 3 {
		t.Fatalf("%d segments", len(files))
	}
	b, err := os.ReadFile(files[1])
	if err != nil {
		t.Fatal(err)
	}
	offsets, _ := scanOffsets(b)
	if err := os.Truncate(files[1], int64(offsets[2])); err != nil { // big is gone
		t.Fatal(err)
	}
	var sink memorySink
	flushAll(t, j, &sink)
	want := []string{endedRecord(0).CallID, large.CallID, endedRecord(2).CallID, endedRecord(4).CallID}
	if got := sink.ids(); !slices.Equal(got, want) {
		t.Errorf("saved %v, want %v", got, want)
	}
	if sink.rows[large.CallID].Received.From != large.Received.From {
		t.Error("the large record was changed")
	}
	if !strings.Contains(log.String(), filepath.Base(files[1])) {
		t.Error("the damage is not named")
	}
}
