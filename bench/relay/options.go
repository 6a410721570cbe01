package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"
)

// What can be measured.
const (
	partCPU      = "cpu"
	partLatency  = "latency"
	partCapacity = "capacity"
)

// options is the command line.
type options struct {
	only         []string // parts
	quick        bool
	profile      string // file; empty = none
	json         string // file; empty = none
	markdown     bool
	relayCPU     int
	generatorCPU int
	receiveCPU   int
	workers      int

	// by quick
	rounds       int
	warm, window time.Duration // of a CPU and latency run
	step         time.Duration // of a step of the ramp
}

// callCounts are the loads of the CPU and latency runs. The last one is gated.
var callCounts = [...]int{100, 400}

func parseOptions(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench-relay", flag.ContinueOnError)
	only := flags.String("only", "cpu,latency,capacity", "the `parts` to measure, comma-separated")
	flags.BoolVar(&o.quick, "quick", false, "one short round: to see that it works, or what a change did, not for the record")
	flags.StringVar(&o.profile, "profile", "", "write a CPU profile of our relay at 400 calls to `file`, in a run of its own")
	flags.StringVar(&o.json, "json", "", "write each measurement as a line of JSON to `file`")
	flags.BoolVar(&o.markdown, "markdown", false, "print the tables as Markdown")
	flags.IntVar(&o.relayCPU, "relay-cpu", 0, "the processor of the relays")
	flags.IntVar(&o.generatorCPU, "generator-cpu", 1, "the processor of the generator")
	flags.IntVar(&o.receiveCPU, "receive-cpu", -1, "the processor that receives for the relays; -1 = theirs")
	flags.IntVar(&o.workers, "workers", 1, "threads that move packets, of our relay and of rtpengine")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.receiveCPU == -1 {
		o.receiveCPU = o.relayCPU
	}
	o.only = strings.Split(*only, ",")
	o.rounds, o.warm, o.window, o.step = 3, time.Second, 6*time.Second, 1500*time.Millisecond
	if o.quick {
		o.rounds, o.warm, o.window, o.step = 1, 500*time.Millisecond, 3*time.Second, time.Second
	}
	return o, o.validate(flags.Args())
}

func (o options) validate(rest []string) error {
	var errs []error
	if len(rest) > 0 {
		errs = append(errs, fmt.Errorf("unknown argument %q", rest[0]))
	}
	for _, part := range o.only {
		if !slices.Contains([]string{partCPU, partLatency, partCapacity}, part) {
			errs = append(errs, fmt.Errorf("-only has %q, want %s, %s or %s", part, partCPU, partLatency, partCapacity))
		}
	}
	if o.relayCPU == o.generatorCPU || o.relayCPU < 0 || o.generatorCPU < 0 {
		errs = append(errs, fmt.Errorf("-relay-cpu is %d and -generator-cpu is %d, want two different ones, 0 or more",
			o.relayCPU, o.generatorCPU))
	}
	if o.receiveCPU < 0 || o.receiveCPU > 31 {
		errs = append(errs, fmt.Errorf("-receive-cpu is %d, want 0 to 31", o.receiveCPU))
	}
	if o.workers < 1 || o.workers > 64 {
		errs = append(errs, fmt.Errorf("-workers is %d, want 1 to 64", o.workers))
	}
	return errors.Join(errs...)
}

// wants reports that one of the parts is to be measured.
func (o options) wants(parts ...string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return slices.Contains(o.only, part) })
}
