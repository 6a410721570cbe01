package cdr

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// An ended call comes out as it went in, and only after its journal file has
// it; the record of a call that goes on may change as soon as Append returned.
func TestAppendRoundTrip(t *testing.T) {
	t.Parallel()
	j := openJournal(t, JournalConfig{Dir: t.TempDir(), NodeID: "n1"})
	r := endedRecord(1)
	live := startedRecord(1)
	j.Append(Started, live, nil)
	live.Attempts[0].Trunk = "changed"
	done := make(chan error, 1)
	j.Append(Ended, r, func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(segmentFiles(t, j.cfg.Dir)[0])
	if err != nil || !strings.Contains(string(b), r.CallID) {
		t.Errorf("done was called before write(2): %v", err)
	}
	if strings.Contains(string(b), "changed") {
		t.Error("the journal read a record after Append had returned")
	}
	var sink memorySink
	flushAll(t, j, &sink)
	if diff := cmp.Diff(*endedRecord(1), sink.rows[r.CallID]); diff != "" {
		t.Error(diff)
	}
	if n := len(sink.rows); n != 1 {
		t.Errorf("%d records, want 1", n)
	}
}

func TestAppendReportsBadRecord(t *testing.T) {
	t.Parallel()
	log := &logged{}
	j := openJournal(t, JournalConfig{Dir: t.TempDir(), Logger: log.logger()})
	errs := appendAll(t, j, Ended, startedRecord(1), endedRecord(2))
	if errs[0] == nil || errs[1] != nil {
		t.Errorf("errors %v, want one for the first only", errs)
	}
	if !strings.Contains(log.String(), startedRecord(1).CallID) {
		t.Error("the call is not named in the log")
	}
}

// Append never blocks: with the disk stuck, Started is refused when half of
// the queue is full and Ended when all of it is.
func TestAppendFullQueue(t *testing.T) {
	t.Parallel()
	gate, stuck := make(chan struct{}), make(chan struct{})
	var once sync.Once
	d := &faultDisk{}
	reg := prometheus.NewRegistry()
	j := openJournal(t, JournalConfig{Dir: t.TempDir(), Queue: 10, Metrics: NewMetrics(reg), disk: d})
	d.set(func(d *faultDisk) {
		d.write = func(string) error {
			once.Do(func() { close(stuck) })
			d.mu.Unlock()
			<-gate
			d.mu.Lock()
			return nil
		}
	})
	var done sync.WaitGroup
	add := func(mark Mark, r *Record) bool {
		done.Add(1)
		ok := j.Append(mark, r, func(error) { done.Done() })
		if !ok {
			done.Done()
		}
		return ok
	}
	add(Started, startedRecord(0))
	<-stuck // it is out of the queue now
	for n := 1; n <= 5; n++ {
		if !add(Started, startedRecord(n)) {
			t.Errorf("Started %d of 5 refused", n)
		}
	}
	if add(Started, startedRecord(6)) || add(Answered, answeredRecord(1)) {
		t.Error("a new call was taken beyond half of the queue")
	}
	for n := 6; n <= 10; n++ {
		if !add(Ended, endedRecord(n)) {
			t.Errorf("Ended %d refused", n)
		}
	}
	if add(Ended, endedRecord(11)) {
		t.Error("Ended was taken beyond the queue")
	}
	if got := counted(t, reg, "b2bua_journal_refused_total"); got != 3 {
		t.Errorf("refused %v, want 3", got)
	}
	close(gate)
	done.Wait()
}

// Close writes what is queued, calls every done, and refuses what comes later.
func TestCloseDrains(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := openJournal(t, JournalConfig{Dir: dir})
	const n = 500
	errs := make(chan error, n)
	for i := range n {
		j.Append(Ended, endedRecord(i), func(err error) { errs <- err })
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if len(errs) != n {
		t.Fatalf("%d of %d callers were told", len(errs), n)
	}
	if j.Append(Ended, endedRecord(n), nil) {
		t.Error("a closed journal takes entries")
	}
	if err := j.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	var sink memorySink
	flushAll(t, openJournal(t, JournalConfig{Dir: dir}), &sink)
	if got := len(sink.rows); got != n {
		t.Errorf("%d records after reopening, want %d", got, n)
	}
}

func TestOpenTwiceIsRefused(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "journal")
	j := openJournal(t, JournalConfig{Dir: dir})
	if _, err := Open(JournalConfig{Dir: dir}); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("second Open: %v", err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v %v, want 0700", info.Mode(), err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	openJournal(t, JournalConfig{Dir: dir})
}

func TestJournalConfigValidate(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]JournalConfig{
		"Dir": {}, "Queue": {Dir: "x", Queue: 1}, "SegmentSize": {Dir: "x", SegmentSize: -1}, "Unsynced": {Dir: "x", Unsynced: -1},
	} {
		if _, err := Open(cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v does not name it", name, err)
		}
	}
}

// Entries of many callers are all written, each caller is told once, and no
// entry of a call overtakes an earlier one.
func TestAppendConcurrently(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := openJournal(t, JournalConfig{Dir: dir, SegmentSize: 4_000})
	const callers, each = 8, 50
	var told sync.WaitGroup
	told.Add(callers * each * 2)
	for c := range callers {
		go func() {
			for i := range each {
				done := func(err error) {
					if err != nil {
						t.Error(err)
					}
					told.Done()
				}
				j.Append(Started, startedRecord(c*each+i), done)
				j.Append(Ended, endedRecord(c*each+i), done)
			}
		}()
	}
	told.Wait()
	after := openJournal(t, JournalConfig{Dir: copyDir(t, dir)})
	if got := after.Recovered(); got.Orphans != 0 || got.Entries < callers*each*2 {
		t.Errorf("recovered %+v: an end was overtaken or lost", got)
	}
	var sink memorySink
	flushAll(t, after, &sink)
	if got := len(sink.rows); got != callers*each {
		t.Errorf("%d records, want %d", got, callers*each)
	}
}

// While calls are live there is a heartbeat a second, and none without.
func TestHeartbeats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		j := openJournal(t, JournalConfig{Dir: dir, disk: &faultDisk{}})
		heartbeats := func() (n int) {
			synctest.Wait()
			files := segmentFiles(t, dir)
			if len(files) == 0 {
				return 0
			}
			b, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			scanFrames(b, func(_ int64, payload []byte) {
				e, err := entryHead(payload)
				if err != nil {
					t.Error(err)
				}
				if e.Mark == markHeartbeat {
					n++
				}
			})
			return n
		}
		time.Sleep(10 * time.Second)
		if n := heartbeats(); n != 0 {
			t.Errorf("%d heartbeats without a call", n)
		}
		mustAppend(t, j, Started, startedRecord(1))
		time.Sleep(10 * time.Second)
		if n := heartbeats(); n < 9 || n > 11 {
			t.Errorf("%d heartbeats in ten seconds", n)
		}
		mustAppend(t, j, Ended, endedRecord(1))
		before := heartbeats()
		time.Sleep(10 * time.Second)
		if n := heartbeats(); n != before {
			t.Errorf("%d heartbeats after the last call", n-before)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
}

// One fsync serves all that was written within SyncEvery, and no entry waits
// longer for it.
func TestGroupSync(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		syncs := 0
		d := &faultDisk{}
		j := openJournal(t, JournalConfig{Dir: t.TempDir(), disk: d, SyncEvery: 10 * time.Millisecond})
		d.set(func(d *faultDisk) { d.sync = func(string) error { syncs++; return nil } })
		for i := range 100 { // 100 entries in 100 ms
			mustAppend(t, j, Ended, endedRecord(i))
			time.Sleep(time.Millisecond)
		}
		begin := time.Now()
		onDisk(t, j)
		if waited := time.Since(begin); waited > 10*time.Millisecond {
			t.Errorf("an entry waited %v for its fsync", waited)
		}
		var got int
		d.set(func(*faultDisk) { got = syncs })
		if got < 9 || got > 12 {
			t.Errorf("%d fsyncs in 100 ms, want about 10", got)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestMetricNames(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	NewMetrics(reg)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	unit := regexp.MustCompile(`^b2bua_(journal|cdr)_[a-z_]*(total|seconds|bytes|segments|calls|entries)$`)
	for _, f := range families {
		if !unit.MatchString(f.GetName()) || f.GetHelp() == "" {
			t.Errorf("metric %s (%s)", f.GetName(), f.GetHelp())
		}
	}
}
