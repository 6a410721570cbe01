package cdr

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// ErrClosed is returned by [Flusher.Flush] when the journal or the flusher is
// closed before everything was saved.
var ErrClosed = errors.New("cdr: journal closed")

// FlusherConfig configures [NewFlusher]. Zero fields take the value in
// brackets.
type FlusherConfig struct {
	Batch      int           // most records in one SaveCDRs [2000]
	Every      time.Duration // longest wait of an ended record for its batch, while few come [200ms]
	Longest    time.Duration // the same while many come: large batches are cheaper; at least Every [1s]
	Timeout    time.Duration // of one SaveCDRs [30s]
	BackoffMin time.Duration // about the first wait after a failure, doubled each time [200ms]
	BackoffMax time.Duration // about the longest wait [5s]
	Logger     *slog.Logger  // nil discards
}

func (c FlusherConfig) withDefaults() FlusherConfig {
	def := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&c.Every, 200*time.Millisecond)
	def(&c.Longest, time.Second)
	c.Longest = max(c.Longest, c.Every)
	def(&c.Timeout, 30*time.Second)
	def(&c.BackoffMin, 200*time.Millisecond)
	def(&c.BackoffMax, 5*time.Second)
	if c.Batch <= 0 {
		c.Batch = 2000
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// pause returns how long to wait for the next batch, when n records came
// during the last wait. A twentieth of a batch is worth waiting longer.
func (c FlusherConfig) pause(last time.Duration, n int) time.Duration {
	if n < max(1, c.Batch/20) {
		return c.Every
	}
	return min(2*last, c.Longest)
}

// A Flusher moves the ended records of a journal to a sink, each exactly once:
// it reads the journal in order, remembers on disk how far it came, and
// relies on the sink to ignore what was saved just before a crash. It holds
// one batch in memory however long the sink is down.
type Flusher struct {
	j      *Journal
	sink   Sink
	cfg    FlusherConfig
	reader reader        // owned by the goroutine
	wait   time.Duration // after the last failure; 0 after none
	dead   int           // dead letters of the batch in hand

	ctx     context.Context //nolint:containedctx // the goroutine's life, from Start to Stop
	cancel  context.CancelFunc
	hurry   chan struct{} // from Flush: do not wait for the batch to fill
	stopped chan struct{}
	start   sync.Once

	mu       sync.Mutex    // guards the following field
	progress chan struct{} // closed and replaced when the position moves
}

// NewFlusher returns a flusher that reads j and fills sink. A journal has at
// most one that runs.
func NewFlusher(j *Journal, sink Sink, cfg FlusherConfig) *Flusher {
	f := &Flusher{
		j: j, sink: sink, cfg: cfg.withDefaults(),
		reader:   reader{j: j, at: j.position()},
		hurry:    make(chan struct{}, 1),
		stopped:  make(chan struct{}),
		progress: make(chan struct{}),
	}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

// Start begins flushing and returns at once. It may be called once.
func (f *Flusher) Start() { f.start.Do(func() { go f.run() }) }

// Stop ends flushing and returns when the goroutine is gone. What is not
// saved stays in the journal for the next start.
func (f *Flusher) Stop() {
	f.cancel()
	f.start.Do(func() { close(f.stopped) }) // never started
	<-f.stopped
}

// Flush waits until every ended record that was appended before it is saved,
// or ctx ends, and does not wait for a batch to fill.
func (f *Flusher) Flush(ctx context.Context) error {
	reached := make(chan cursor, 1)
	if !f.j.await(reached) {
		return ErrClosed
	}
	var target cursor
	select {
	case target = <-reached:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-f.stopped:
		return ErrClosed
	}
	for {
		f.mu.Lock()
		moved := f.progress
		f.mu.Unlock()
		if !f.j.position().before(target) {
			return nil
		}
		notify(f.hurry)
		select {
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-f.stopped:
			return ErrClosed
		}
	}
}

// run is the flusher's goroutine.
func (f *Flusher) run() {
	defer close(f.stopped)
	defer f.reader.close()
	wait := f.cfg.Every
	for {
		select {
		case <-f.j.readable:
			f.pause(wait)
		case <-f.hurry:
		case <-f.ctx.Done():
			return
		}
		sum := 0
		for n, more := 0, true; more && f.ctx.Err() == nil; {
			n, more = f.step()
			sum += n
		}
		wait = f.cfg.pause(wait, sum)
	}
}

// pause waits d, less when Flush hurries or Stop ends it.
func (f *Flusher) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-f.hurry:
	case <-f.ctx.Done():
	}
}

// step moves one batch, and returns how many records it had and whether there
// may be another.
func (f *Flusher) step() (n int, more bool) {
	f.dead = 0
	b, err := f.reader.read(f.cfg.Batch)
	if err == nil && (len(b.records) > 0 || len(b.broken) > 0) {
		err = f.save(b)
	}
	if err == nil && b.next != f.reader.at {
		err = f.j.commit(b.next, len(b.records) > 0 || len(b.broken) > 0)
	}
	if err != nil {
		f.backOff(err)
		return 0, true
	}
	f.wait = 0
	f.j.cfg.Metrics.saved.Add(float64(len(b.records) - f.dead))
	if moved := b.next != f.reader.at; moved {
		f.reader.at = b.next
		f.mu.Lock()
		close(f.progress)
		f.progress = make(chan struct{})
		f.mu.Unlock()
	}
	return len(b.records), len(b.records) == f.cfg.Batch
}

// save saves a batch and puts away what can never be saved. All of it may be
// repeated after an error.
func (f *Flusher) save(b batch) error {
	if len(b.records) > 0 {
		if err := f.saveRecords(b.records); err != nil {
			return err
		}
	}
	for _, payload := range b.broken {
		if err := f.j.deadLetter(payload, errors.New("not a record")); err != nil {
			return err
		}
	}
	return nil
}

// saveRecords gives records to the sink, in halves when one of them is bad,
// until the bad ones stand alone.
func (f *Flusher) saveRecords(records []Record) error {
	err := f.give(records)
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, ErrBadRecord):
		return err
	case len(records) > 1:
		half := len(records) / 2
		if err := f.saveRecords(records[:half]); err != nil {
			return err
		}
		return f.saveRecords(records[half:])
	}
	f.cfg.Logger.Error("store refuses a CDR for good; it is in the dead-letter file",
		"call_id", records[0].CallID, "err", err)
	body, jsonErr := marshalRecord(&records[0])
	if jsonErr != nil {
		return jsonErr
	}
	f.dead++
	return f.j.deadLetter(body, err)
}

func (f *Flusher) give(records []Record) error {
	ctx, cancel := context.WithTimeout(f.ctx, f.cfg.Timeout)
	defer cancel()
	begin := time.Now()
	err := f.sink.SaveCDRs(ctx, records)
	f.j.cfg.Metrics.saveSeconds.Observe(time.Since(begin).Seconds())
	return err
}

// backOff waits after a failure, each time about twice as long as before.
func (f *Flusher) backOff(err error) {
	if f.ctx.Err() != nil {
		return
	}
	f.j.cfg.Metrics.saveErrors.Inc()
	f.wait = min(max(2*f.wait, f.cfg.BackoffMin), f.cfg.BackoffMax)
	wait := f.wait/2 + rand.N(f.wait) // spread, or all nodes come back at once
	f.cfg.Logger.Warn("CDRs cannot be saved; they wait in the journal", "err", err, "retry_in", wait)
	f.pause(wait)
}
