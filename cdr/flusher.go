package cdr

import (
	"context"
	"log/slog"
	"time"
)

// FlusherConfig configures [NewFlusher]. Zero fields take the value in
// brackets.
type FlusherConfig struct {
	Batch      int           // most records in one SaveCDRs [1000]
	Every      time.Duration // longest wait of an ended record for its batch [200ms]
	Timeout    time.Duration // of one SaveCDRs [30s]
	BackoffMin time.Duration // first wait after a failure, doubled each time [200ms]
	BackoffMax time.Duration // longest wait [30s]
	Logger     *slog.Logger  // nil discards
}

// A Flusher moves the ended records of a journal to a sink, each exactly once.
type Flusher struct{}

// NewFlusher returns a flusher that reads j and fills sink.
func NewFlusher(j *Journal, sink Sink, cfg FlusherConfig) *Flusher { return &Flusher{} }

// Start begins flushing and returns at once.
func (f *Flusher) Start() {}

// Flush waits until every record whose Append was called with [Ended] before
// Flush is saved, or ctx ends.
func (f *Flusher) Flush(ctx context.Context) error { return nil }

// Stop ends flushing and returns when the last goroutine is gone. What is not
// saved stays in the journal for the next start.
func (f *Flusher) Stop() {}
