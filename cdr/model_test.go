package cdr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// journalModel drives a real journal and flusher on a real directory and
// remembers what must come out. A crash copies the directory as it is and goes
// on with the copy; what done confirmed before it must survive.
type journalModel struct {
	t    *rapid.T
	dirs []string
	disk *faultDisk
	hand func() (hand, error)
	j    *Journal
	f    *Flusher

	mu   sync.Mutex
	down bool
	bad  map[string]bool
	sink memorySink

	calls int
	live  map[int]bool    // confirmed, not ended, of this process
	ended map[string]bool // confirmed by done
	open  map[string]bool // confirmed live when their process died
}

func (m *journalModel) dir() string { return m.dirs[len(m.dirs)-1] }

func (m *journalModel) start(dir string) {
	m.dirs = append(m.dirs, dir)
	m.disk = &faultDisk{}
	j, err := Open(JournalConfig{Dir: dir, SegmentSize: 1_000, SyncEvery: 1, HeartbeatEvery: 3 * time.Millisecond, disk: m.disk, hands: m.hand})
	if err != nil {
		m.t.Fatal(err)
	}
	if got := j.Recovered(); len(got.Damage) > 1 { // the tail of one write at most
		m.t.Fatalf("damage %v", got.Damage)
	}
	m.j = j
	m.f = NewFlusher(j, m, FlusherConfig{Batch: 7, Every: 1, BackoffMin: 1, BackoffMax: 2})
	m.f.Start()
	m.live = map[int]bool{}
}

// SaveCDRs makes the model its flusher's sink.
func (m *journalModel) SaveCDRs(ctx context.Context, records []Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return errDown
	}
	for i := range records {
		if m.bad[records[i].CallID] {
			return fmt.Errorf("%w: it is bad", ErrBadRecord)
		}
	}
	return m.sink.SaveCDRs(ctx, records)
}

// stop ends the process; how it ends is the caller's affair.
func (m *journalModel) stop() {
	m.f.Stop()
	_ = m.j.Close()
}

func (m *journalModel) append(mark Mark, r *Record) error {
	done := make(chan error, 1)
	if !m.j.Append(mark, r, func(err error) { done <- err }) {
		return errors.New("refused")
	}
	return <-done
}

// begin answers a new call.
func (m *journalModel) begin(t *rapid.T) {
	m.calls++
	if m.append(Answered, answeredRecord(m.calls)) == nil {
		m.live[m.calls] = true
	}
}

// end ends a live call. Some records no sink will ever take.
func (m *journalModel) end(t *rapid.T) {
	if len(m.live) == 0 {
		return
	}
	n := rapid.SampledFrom(sortedKeys(m.live)).Draw(t, "call")
	r := endedRecord(n)
	if rapid.IntRange(0, 9).Draw(t, "bad") == 0 {
		m.mu.Lock()
		m.bad[r.CallID] = true
		m.mu.Unlock()
	}
	delete(m.live, n)
	if m.append(Ended, r) == nil {
		m.ended[r.CallID] = true
	} else {
		m.open[r.CallID] = true // its answer is on disk; it may end either way
	}
}

// crash kills the process and starts another on what write(2) had taken,
// perhaps with the tail of the newest segment torn off in an entry that
// nobody was told about.
func (m *journalModel) crash(t *rapid.T) {
	dir := newModelDir(m.t)
	m.disk.set(func(*faultDisk) { // holds it still, as a kill does
		if err := os.CopyFS(dir, os.DirFS(m.dir())); err != nil {
			m.t.Fatal(err)
		}
	})
	m.stop()
	for n := range m.live {
		m.open[answeredRecord(n).CallID] = true
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix)); len(files) > 0 && rapid.Bool().Draw(t, "torn") {
		f, err := os.OpenFile(files[len(files)-1], os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			m.t.Fatal(err)
		}
		torn, _, _ := encodeRecord(Ended, endedRecord(999_999), epoch)
		cut := rapid.IntRange(1, len(torn)-1).Draw(t, "octets")
		if _, err := f.Write(torn[:cut]); err != nil {
			m.t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			m.t.Fatal(err)
		}
	}
	m.start(dir)
}

// restart ends the process in order and starts another. Its calls have no end.
func (m *journalModel) restart(*rapid.T) {
	m.stop()
	for n := range m.live {
		m.open[answeredRecord(n).CallID] = true
	}
	m.start(m.dir())
}

// setSink takes the sink down or brings it back.
func (m *journalModel) setSink(t *rapid.T) {
	down := rapid.Bool().Draw(t, "down")
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = down
}

// setDisk breaks writing, or syncing of one segment, or mends all.
func (m *journalModel) setDisk(t *rapid.T) {
	full := rapid.Bool().Draw(t, "full")
	m.disk.set(func(d *faultDisk) {
		d.write = nil
		if full {
			d.write = fails(errors.New("disk is full"))
		}
	})
}

// flush lets the flusher finish, if it can.
func (m *journalModel) flush(t *rapid.T) {
	m.mu.Lock()
	down := m.down
	m.mu.Unlock()
	blocked := false
	m.disk.set(func(d *faultDisk) { blocked = d.write != nil })
	if down || blocked {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := m.f.Flush(ctx); err != nil {
		m.t.Fatal(err)
	}
	m.verify(false)
}

// verify compares what came out with what went in. all: nothing may be missing.
func (m *journalModel) verify(all bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dead := m.deadLetters()
	seen := func(id string) bool {
		_, saved := m.sink.rows[id]
		return dead[id] || saved
	}
	for id := range m.ended {
		if !seen(id) {
			m.t.Fatalf("ended call %s was lost", id)
		}
		if r, ok := m.sink.rows[id]; ok && *r.EndReason != EndCompleted {
			m.t.Fatalf("ended call %s became %s", id, *r.EndReason)
		}
		if dead[id] != m.bad[id] {
			m.t.Fatalf("call %s: bad %v, dead letter %v", id, m.bad[id], dead[id])
		}
	}
	if !all {
		return
	}
	for id := range m.open {
		if !seen(id) {
			m.t.Fatalf("call %s, live when its process died, was lost", id)
		}
	}
	if want := len(m.ended) + len(m.open); len(m.sink.rows)+len(dead) != want {
		m.t.Fatalf("%d records and %d dead letters, want %d", len(m.sink.rows), len(dead), want)
	}
}

// Whatever the sink, the disk and the processes do: each call whose answer was
// confirmed comes out exactly once, with its true end when that was confirmed.
func TestJournalModel(t *testing.T) {
	t.Parallel()
	for name, hand := range map[string]func() (hand, error){"hand": newSlowHand, "no hand": noHand} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) { checkJournal(t, hand) })
		})
	}
}

func checkJournal(t *rapid.T, hand func() (hand, error)) {
	m := &journalModel{t: t, hand: hand, bad: map[string]bool{}, ended: map[string]bool{}, open: map[string]bool{}}
	t.Cleanup(func() {
		m.stop()
		for _, dir := range m.dirs {
			_ = os.RemoveAll(dir)
		}
	})
	m.start(newModelDir(t))
	t.Repeat(map[string]func(*rapid.T){
		"begin": m.begin, "begin 2": m.begin, "end": m.end, "end 2": m.end, "crash": m.crash,
		"restart": m.restart, "sink": m.setSink, "disk": m.setDisk, "flush": m.flush,
	})
	m.mu.Lock()
	m.down = false
	m.mu.Unlock()
	m.disk.set(func(d *faultDisk) { d.write = nil })
	m.flush(t)
	m.restart(t)
	m.flush(t)
	m.verify(true)
}

func sortedKeys(set map[int]bool) []int {
	keys := make([]int, 0, len(set))
	for k := range set {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func newModelDir(t *rapid.T) string {
	dir, err := os.MkdirTemp("", "journal-model-")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// deadLetters returns the calls in the dead-letter file. A crash copies it.
func (m *journalModel) deadLetters() map[string]bool {
	b, err := os.ReadFile(filepath.Join(m.dir(), "dead-letter.jsonl"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		m.t.Fatal(err)
	}
	ids := map[string]bool{}
	for line := range bytes.Lines(b) {
		var dead struct{ Record Record }
		if err := json.Unmarshal(line, &dead); err != nil {
			m.t.Fatal(err)
		}
		ids[dead.Record.CallID] = true
	}
	return ids
}
