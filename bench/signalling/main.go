// Command signalling measures what a call costs the server beside Kamailio
// with dialog state and topology hiding: processor time and failed calls at
// fixed rates, memory per call, delay. See docs/performance.md.
//
// The servers take turns within one run, figures are medians over the rounds,
// and ratios are made within a round. With -check there are no figures: a few
// calls go through each server.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// What the process ends with.
const (
	exitInvalid = 1 // a call failed on either side, or a server could not be watched: the figures do not count
	exitMissed  = 2 // a figure misses its bound
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b, err := newBench(args)
	if err == nil {
		err = b.run(ctx)
	}
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return 0
	}
	fmt.Fprintln(os.Stderr, "bench-signalling:", err)
	if errors.Is(err, errMissed) {
		return exitMissed
	}
	return exitInvalid
}

// options are the flags.
type options struct {
	binary   string
	parts    []string
	quick    bool
	check    bool // no figures: do calls go through?
	markdown bool
	json     string
	profile  string
}

// parts are what -only chooses from, in the order in which they are measured.
var parts = []string{"cpu", "rss", "delay", "stress"}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench-signalling", flag.ContinueOnError)
	flags.StringVar(&o.binary, "b2bua", "bin/b2bua", "the server's program")
	only := flags.String("only", strings.Join(parts, ","), "what to measure")
	flags.BoolVar(&o.quick, "quick", false, "one round, and shorter")
	flags.BoolVar(&o.check, "check", false, "measure nothing: see that a few calls go through each server")
	flags.BoolVar(&o.markdown, "markdown", false, "print the tables for docs/performance.md")
	flags.StringVar(&o.json, "json", "", "append a line for each measurement to this file")
	flags.StringVar(&o.profile, "profile", "", "write a CPU profile of b2bua at 1000 calls/s to this file, and one with bypass beside it (.bypass)")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %s", flags.Arg(0))
	}
	o.parts = strings.Split(*only, ",")
	if o.check {
		o.parts = nil
	}
	for _, p := range o.parts {
		if !slices.Contains(parts, p) {
			return o, fmt.Errorf("-only %s: must be some of %s", p, strings.Join(parts, ","))
		}
	}
	return o, nil
}
