package cdr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// startedRecord returns a call that rings, n seconds after epoch.
func startedRecord(n int) *Record {
	started := epoch.Add(time.Duration(n) * time.Second)
	trunk := "pbx"
	return &Record{
		CallID: fmt.Sprintf("018f0000-0000-7000-8000-%012d", n), NodeID: "n1",
		Received: Received{Source: "192.0.2.1:5060", From: `"O'Neil, \"x\"" <sip:+331@a>;tag=1`},
		Caller:   "+331", Called: "332", InboundTrunk: &trunk, StartedAt: started,
		RelatedCalls: []RelatedCall{},
		Attempts:     []Attempt{{AttemptNo: 1, Reason: AttemptRoute, Trunk: "carrier", StartedAt: started}},
	}
}

// answeredRecord is the same call two seconds later.
func answeredRecord(n int) *Record {
	r := startedRecord(n)
	at := r.StartedAt.Add(2 * time.Second)
	r.AnsweredAt, r.Attempts[0].AnsweredAt = &at, &at
	return r
}

// endedRecord is the same call ten seconds later.
func endedRecord(n int) *Record {
	r := answeredRecord(n)
	at, reason, by := r.StartedAt.Add(10*time.Second), EndCompleted, ByCaller
	r.EndedAt, r.EndReason, r.HungUpBy = &at, &reason, &by
	r.DurationMS, r.BillableMS = 10_000, 8_000
	r.Attempts[0].EndedAt, r.Attempts[0].EndReason, r.Attempts[0].BillableMS = &at, &reason, 8_000
	return r
}

// logged is a logger that a test can read.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// openJournal opens a journal that is closed when the test ends.
func openJournal(t testing.TB, cfg JournalConfig) *Journal {
	t.Helper()
	if cfg.hands == nil {
		cfg.hands = newSlowHand // a ring does not see virtual time
	}
	j, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() }) //nolint:errcheck // tests that care close it themselves
	return j
}

// noHand is a system that has no hand.
func noHand() (hand, error) { return nil, errors.ErrUnsupported }

// appendAll appends entries and returns what done was given, in order.
func appendAll(t testing.TB, j *Journal, mark Mark, records ...*Record) []error {
	t.Helper()
	done := make(chan error, len(records))
	for _, r := range records {
		if !j.Append(mark, r, func(err error) { done <- err }) {
			t.Fatalf("%s of %s refused", mark, r.CallID)
		}
	}
	errs := make([]error, len(records))
	for i := range errs {
		errs[i] = <-done
	}
	return errs
}

func mustAppend(t testing.TB, j *Journal, mark Mark, records ...*Record) {
	t.Helper()
	if err := errors.Join(appendAll(t, j, mark, records...)...); err != nil {
		t.Fatal(err)
	}
}

// onDisk waits until all that was appended is synced.
func onDisk(t testing.TB, j *Journal) {
	t.Helper()
	reached := make(chan cursor, 1)
	if !j.await(reached) {
		t.Fatal("journal is closed")
	}
	<-reached
}

// memorySink is a sink that works as the store does: all or nothing, first
// one wins.
type memorySink struct {
	mu      sync.Mutex
	rows    map[string]Record
	batches []int
	before  func(records []Record) error // asked first; nil is content
}

func (s *memorySink) SaveCDRs(_ context.Context, records []Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.before != nil {
		if err := s.before(records); err != nil {
			return err
		}
	}
	if s.rows == nil {
		s.rows = map[string]Record{}
	}
	s.batches = append(s.batches, len(records))
	for i := range records {
		if _, had := s.rows[records[i].CallID]; !had {
			s.rows[records[i].CallID] = *records[i].Clone()
		}
	}
	return nil
}

// sizes returns those of the batches so far, within a synctest bubble.
func (s *memorySink) sizes() []int {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.batches)
}

func (s *memorySink) ids() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]string, 0, len(s.rows))
	for id := range s.rows {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// flushAll runs a flusher until everything is saved.
func flushAll(t testing.TB, j *Journal, sink Sink) {
	t.Helper()
	f := NewFlusher(j, sink, FlusherConfig{})
	f.Start()
	defer f.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := f.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

// counted returns the sum of a counter or gauge over its labels.
func counted(t testing.TB, reg prometheus.Gatherer, name string) (sum float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// copyDir is a SIGKILL: what write(2) was given is there, and no more.
func copyDir(t testing.TB, from string) string {
	t.Helper()
	to := t.TempDir()
	names, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		b, err := os.ReadFile(filepath.Join(from, n.Name()))
		if errors.Is(err, os.ErrNotExist) {
			continue // retired meanwhile
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, n.Name()), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func segmentFiles(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// faultDisk is a disk that fails on demand and remembers what was synced.
type faultDisk struct {
	osDisk
	mu     sync.Mutex
	write  func(path string) error // nil works
	sync   func(path string) error
	make   func(path string) error
	synced map[string]int64 // by path: octets that survive a power cut
	named  map[string]bool
	made   map[string]bool
}

func (d *faultDisk) set(change func(*faultDisk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

func (d *faultDisk) ask(f *func(string) error, path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if *f == nil {
		return nil
	}
	return (*f)(path)
}

func (d *faultDisk) create(path string) (file, error) {
	if err := d.ask(&d.make, path); err != nil {
		return nil, err
	}
	f, err := d.osDisk.create(path)
	if err != nil {
		return nil, err
	}
	d.set(func(d *faultDisk) {
		if d.made == nil {
			d.made = map[string]bool{}
		}
		d.made[path] = true
	})
	return &faultFile{file: f, d: d, path: path}, nil
}

func (d *faultDisk) rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.osDisk.rename(from, to)
}

func (d *faultDisk) remove(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.osDisk.remove(path)
}

func (d *faultDisk) syncDir(dir string) error {
	d.set(func(d *faultDisk) {
		if d.named == nil {
			d.named = map[string]bool{}
		}
		names, _ := os.ReadDir(dir)
		for _, n := range names {
			d.named[filepath.Join(dir, n.Name())] = true
		}
	})
	return nil
}

// faultFile is a file of a faultDisk.
type faultFile struct {
	file
	d    *faultDisk
	path string
	size int64
}

func (f *faultFile) Write(b []byte) (int, error) {
	if err := f.d.ask(&f.d.write, f.path); err != nil {
		n, _ := f.file.Write(b[:len(b)/2]) // a full disk takes a part
		return n, err
	}
	var n int
	var err error
	f.d.set(func(*faultDisk) {
		n, err = f.file.Write(b)
		f.size += int64(n)
	})
	return n, err
}

func (f *faultFile) Sync() error {
	var size int64
	f.d.set(func(*faultDisk) { size = f.size })
	if err := f.d.ask(&f.d.sync, f.path); err != nil {
		return err
	}
	f.d.set(func(d *faultDisk) {
		if d.synced == nil {
			d.synced = map[string]int64{}
		}
		d.synced[f.path] = size
	})
	return nil
}

// powerCut copies the directory as it would be found after the power failed:
// no file whose name was not synced, no octet that was not synced.
func (d *faultDisk) powerCut(t testing.TB, dir string) string {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	to := copyDir(t, dir)
	for _, path := range segmentFiles(t, to) {
		was := filepath.Join(dir, filepath.Base(path))
		switch {
		case !d.made[was]: // older than this disk
		case !d.named[was]:
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		default:
			if err := os.Truncate(path, d.synced[was]); err != nil {
				t.Fatal(err)
			}
		}
	}
	return to
}
