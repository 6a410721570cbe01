package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// Where everybody is. Each server has an address of its own, so that all can
// be up and take turns.
const (
	relayIP    = "127.91.0.1"
	bypassIP   = "127.91.0.2"
	kamailioIP = "127.91.0.3"
	callerIP   = "127.91.0.10"
	calleeIP   = "127.91.0.20"
	callerAddr = callerIP + ":5070"
	calleeAddr = calleeIP + ":5080"
)

// A bench is one run of the command.
type bench struct {
	options
	rounds  int
	dir     string // for everything that the programs write
	out     io.Writer
	json    io.Writer
	results results
	started int // directories made
}

func newBench(args []string) (*bench, error) {
	o, err := parse(args)
	if err != nil {
		return nil, err
	}
	b := &bench{options: o, rounds: 3, out: os.Stdout, json: io.Discard}
	if o.quick {
		b.rounds = 1
	}
	return b, nil
}

// run measures what was asked for, prints it, and returns why the run does not
// count, or which bounds it misses.
func (b *bench) run(ctx context.Context) error {
	for _, program := range []string{"sipp", "kamailio", "kamcmd"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w: sudo apt-get install --no-install-recommends sip-tester kamailio", err)
		}
	}
	dir, err := os.MkdirTemp("", "bench-signalling-")
	if err != nil {
		return err
	}
	b.dir = dir
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	if b.options.json != "" {
		file, err := os.OpenFile(b.options.json, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		defer file.Close()
		b.json = file
	}
	began := time.Now()
	b.describeMachine()
	for _, part := range []struct {
		name    string
		measure func(context.Context) error
	}{{checking, b.tryCalls}, {"cpu", b.cpu}, {"rss", b.memory}, {"delay", b.delay}, {"stress", b.stress}} {
		if part.name == checking && !b.check || part.name != checking && !slices.Contains(b.parts, part.name) {
			continue
		}
		if err := part.measure(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	fmt.Fprintf(b.out, "\nMeasured in %s.\n", time.Since(began).Round(time.Second))
	missed := b.report()
	if err := b.results.faults(); err != nil {
		return err // what it missed, it did not measure
	}
	return missed
}

// newDir makes a directory below the run's own.
func (b *bench) newDir(name string) (string, error) {
	b.started++
	dir := filepath.Join(b.dir, fmt.Sprintf("%d-%s", b.started, name))
	return dir, os.Mkdir(dir, 0o700)
}

// pause waits, unless ctx is over before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
