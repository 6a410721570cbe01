package cdr

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// instantDisk is the real disk without the wait for it; what is tested with it
// does not depend on fsync.
type instantDisk struct{ osDisk }

func (d instantDisk) create(path string) (file, error) {
	f, err := d.osDisk.create(path)
	return instantFile{f}, err
}

func (d instantDisk) open(path string) (file, error) {
	f, err := d.osDisk.open(path)
	return instantFile{f}, err
}

func (instantDisk) syncDir(string) error { return nil }

type instantFile struct{ file }

func (instantFile) Sync() error { return nil }

// clock is a wall clock that a test moves.
type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

// Three calls: one ended, one answered, one only started. After a SIGKILL the
// live ones end at the last sign of life, and only once.
func TestOrphansEndAtLastHeartbeat(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := &clock{epoch.Add(100 * time.Second)}
	j := openJournal(t, JournalConfig{Dir: dir, NodeID: "n1", Now: c.read, HeartbeatEvery: time.Hour})
	mustAppend(t, j, Ended, endedRecord(1))
	mustAppend(t, j, Answered, answeredRecord(2))
	mustAppend(t, j, Started, startedRecord(3))
	dead := copyDir(t, dir)
	again := copyDir(t, dead)

	for round, dir := range []string{dead, again} {
		log := &logged{}
		later := &clock{c.now.Add(time.Hour)}
		j2 := openJournal(t, JournalConfig{Dir: dir, Now: later.read, Logger: log.logger()})
		if got := j2.Recovered(); got.Orphans != 2 || got.Segments != 1 || got.Entries != 4 || len(got.Damage) != 0 {
			t.Errorf("round %d: recovered %+v", round, got)
		}
		if !strings.Contains(log.String(), "orphans=2") {
			t.Errorf("not in the log: %s", log)
		}
		if err := j2.Close(); err != nil {
			t.Fatal(err)
		}
		j3 := openJournal(t, JournalConfig{Dir: dir})
		if got := j3.Recovered().Orphans; got != 0 {
			t.Errorf("round %d: %d orphans again", round, got)
		}
		var sink memorySink
		flushAll(t, j3, &sink)
		if got := len(sink.rows); got != 3 {
			t.Fatalf("round %d: %d records, want 3", round, got)
		}
		answered, started := sink.rows[answeredRecord(2).CallID], sink.rows[startedRecord(3).CallID]
		end := epoch.Add(100 * time.Second)
		if !answered.EndedAt.Equal(end) || *answered.EndReason != EndNodeFailure || *answered.HungUpBy != BySystem {
			t.Errorf("answered call: ended %v %v by %v", answered.EndedAt, *answered.EndReason, *answered.HungUpBy)
		}
		if answered.DurationMS != 98_000 || answered.BillableMS != 96_000 {
			t.Errorf("answered call: duration %d, billable %d", answered.DurationMS, answered.BillableMS)
		}
		if a := answered.Attempts[0]; !a.EndedAt.Equal(end) || a.BillableMS != 96_000 || *a.EndReason != EndNodeFailure {
			t.Errorf("attempt of the answered call: %+v", a)
		}
		if started.DurationMS != 97_000 || started.BillableMS != 0 || started.AnsweredAt != nil {
			t.Errorf("started call: %+v", started)
		}
		if got := sink.rows[endedRecord(1).CallID]; *got.EndReason != EndCompleted {
			t.Errorf("the ended call became %s", *got.EndReason)
		}
	}
}

// A process that dies while it ends the orphans of another does not prolong
// their calls: each run has its own last sign of life.
func TestOrphansOfTwoRuns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := &clock{epoch.Add(50 * time.Second)}
	j := openJournal(t, JournalConfig{Dir: dir, Now: first.read})
	mustAppend(t, j, Answered, answeredRecord(1), answeredRecord(2))
	dir = copyDir(t, dir)

	second := &clock{epoch.Add(2 * time.Hour)}
	j2 := openJournal(t, JournalConfig{Dir: dir, Now: second.read})
	mustAppend(t, j2, Answered, answeredRecord(3))
	dir = copyDir(t, dir)
	cutLastEntries(t, segmentFiles(t, dir)[1], 2) // as if killed before the second orphan's end

	third := &clock{epoch.Add(5 * time.Hour)}
	j3 := openJournal(t, JournalConfig{Dir: dir, Now: third.read})
	if got := j3.Recovered().Orphans; got != 1 {
		t.Fatalf("%d orphans, want 1", got)
	}
	var sink memorySink
	flushAll(t, j3, &sink)
	for id, r := range sink.rows {
		if !r.EndedAt.Equal(first.now) {
			t.Errorf("%s ended at %v, want %v", id, r.EndedAt, first.now)
		}
	}
	if len(sink.rows) != 2 {
		t.Errorf("%d records, want 2", len(sink.rows))
	}
}

// cutLastEntries shortens a segment by n entries.
func cutLastEntries(t *testing.T, path string, n int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	offsets, _ := scanOffsets(b)
	if err := os.Truncate(path, int64(offsets[len(offsets)-n])); err != nil {
		t.Fatal(err)
	}
}

// A call is never ended before what its record tells, whatever the clock did.
func TestNodeFailureIsNotBeforeAnswer(t *testing.T) {
	t.Parallel()
	r := answeredRecord(1)
	endByNodeFailure(r, epoch.Add(-time.Hour))
	if !r.EndedAt.Equal(*r.AnsweredAt) || r.BillableMS != 0 || r.DurationMS != 2000 {
		t.Errorf("ended %v, billable %d, duration %d", r.EndedAt, r.BillableMS, r.DurationMS)
	}
	twice := answeredRecord(1)
	gone := twice.StartedAt.Add(time.Second)
	twice.Attempts = append(twice.Attempts, twice.Attempts[0])
	twice.Attempts[0].AnsweredAt, twice.Attempts[0].EndedAt = nil, &gone
	endByNodeFailure(twice, epoch.Add(time.Minute))
	if a := twice.Attempts[0]; !a.EndedAt.Equal(gone) || a.EndReason != nil {
		t.Errorf("an attempt that had ended was changed: %+v", a)
	}
}

// The journal's file cut at every octet: every call whose entry is whole ends
// exactly once, the torn tail is named and gone at the next start.
func TestOpenCutAnywhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := openJournal(t, JournalConfig{Dir: dir})
	mustAppend(t, j, Ended, endedRecord(2))
	mustAppend(t, j, Started, startedRecord(1))
	whole, err := os.ReadFile(segmentFiles(t, dir)[0])
	if err != nil {
		t.Fatal(err)
	}
	begins, _ := scanOffsets(whole)
	name := filepath.Base(segmentFiles(t, dir)[0])
	if begins = append(begins, len(whole)); len(begins) != 4 {
		t.Fatalf("%d entries", len(begins)-1)
	}
	for cut := range len(whole) + 1 {
		sound := 0 // entries that are whole
		for sound < 3 && cut >= begins[sound+1] {
			sound++
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		log := &logged{}
		cfg := JournalConfig{Dir: dir, Logger: log.logger(), disk: instantDisk{}, SyncEvery: 1}
		j, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if got := j.Recovered(); got.Entries != sound || got.Orphans != max(0, sound-2) {
			t.Fatalf("cut at %d: recovered %+v", cut, got)
		}
		torn := cut - begins[sound]
		named := fmt.Sprintf("%s: %d octets torn at offset %d", name, torn, begins[sound])
		if (torn > 0) != strings.Contains(log.String(), named) {
			t.Fatalf("cut at %d: log %q, want %q", cut, log, named)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if cut%10 != 0 && torn > 1 && cut < len(whole)-1 {
			continue // files cost time
		}
		if j, err = Open(cfg); err != nil {
			t.Fatal(err)
		}
		if got := j.Recovered(); len(got.Damage) != 0 || got.Orphans != 0 {
			t.Fatalf("cut at %d: second start recovered %+v", cut, got)
		}
		var sink memorySink
		flushAll(t, j, &sink)
		if len(sink.rows) != max(0, sound-1) {
			t.Fatalf("cut at %d: %d records", cut, len(sink.rows))
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// One flipped bit costs the entry it is in; the others are saved, the damage
// is named and the file is kept.
func TestOpenFlippedBit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := openJournal(t, JournalConfig{Dir: dir})
	mustAppend(t, j, Ended, endedRecord(1), endedRecord(2), endedRecord(3))
	dir = copyDir(t, dir)
	path := segmentFiles(t, dir)[0]
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	begins, _ := scanOffsets(b)
	b[begins[2]+40] ^= 4
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	log := &logged{}
	j2 := openJournal(t, JournalConfig{Dir: dir, Logger: log.logger()})
	var sink memorySink
	flushAll(t, j2, &sink)
	if len(sink.rows) != 2 {
		t.Errorf("%d records, want 2", len(sink.rows))
	}
	if want := fmt.Sprintf("octets damaged at offset %d", begins[2]); !strings.Contains(log.String(), want) {
		t.Errorf("log %q, want %q", log, want)
	}
	mustAppend(t, j2, Ended, endedRecord(4)) // a newer segment, so that the old one may go
	flushAll(t, j2, &sink)
	if err := j2.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".damaged"); err != nil {
		t.Errorf("the damaged segment is not kept: %v", err)
	}
}

// A checkpoint that cannot be read or points nowhere costs time, not records.
func TestOpenBadCheckpoint(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"garbage": "\x00\x00\x00", "negative": `{"segment":1,"offset":-5}`,
		"beyond the file": `{"segment":1,"offset":99999999}`, "other shape": `[]`, "empty": "",
	} {
		dir := t.TempDir()
		j := openJournal(t, JournalConfig{Dir: dir})
		mustAppend(t, j, Ended, endedRecord(1))
		dir = copyDir(t, dir)
		if err := os.WriteFile(filepath.Join(dir, "checkpoint.json"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		j2 := openJournal(t, JournalConfig{Dir: dir})
		mustAppend(t, j2, Ended, endedRecord(2))
		var sink memorySink
		flushAll(t, j2, &sink)
		want := 2
		if name == "beyond the file" {
			want = 1 // it says that all of that file is saved
		}
		if len(sink.rows) != want {
			t.Errorf("%s: %d records, want %d", name, len(sink.rows), want)
		}
	}
}

// Segment numbers are never used twice, even when every file is gone.
func TestOpenNumbersOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "checkpoint.json"), []byte(`{"segment":41,"offset":7}`), 0o600); err != nil {
		t.Fatal(err)
	}
	j := openJournal(t, JournalConfig{Dir: dir})
	mustAppend(t, j, Ended, endedRecord(1))
	if got := filepath.Base(segmentFiles(t, dir)[0]); got != segmentName(42) {
		t.Errorf("segment %s", got)
	}
	var sink memorySink
	flushAll(t, j, &sink)
	if len(sink.rows) != 1 {
		t.Error("the record behind the checkpoint was not saved")
	}
}
