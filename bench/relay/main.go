// Command relay measures the media relay next to rtpengine's user-space
// forwarding and to the kernel's ip_forward, in turn, in network namespaces of
// its own: processor time per packet, the delay added, and the most calls that
// one processor takes without loss. It needs Linux, root, iproute2 and
// rtpengine.
//
// It is several processes, all of this program but for rtpengine: one that
// starts the others and reads their time (bench_linux.go), one with our relay
// as bridge uses it (driver.go), one that makes the traffic (generator_linux.go).
// The relays have one processor, on which everything that is sent to them is
// received too (RPS), the generator has another.
//
//	main.go            the command line, and what the process ends with
//	bench_linux.go     rounds, runs, steps of the ramp
//	network_linux.go   namespaces and wires
//	relays_linux.go    what is compared; rtpengine_linux.go, driver.go
//	generator_linux.go sends and receives; traffic.go, rtp.go, mmsg_linux.go
//	tables.go          the figures and the gates
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// What the process ends with.
const (
	exitInvalid = 1 // something was lost, not set up or not found: there are no figures
	exitMissed  = 2 // a gate was missed
)

func main() {
	code, err := begin(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-relay:", err)
	}
	os.Exit(code)
}

// begin plays the role that the first argument names.
func begin(args []string) (code int, err error) {
	switch {
	case len(args) > 0 && args[0] == "driver":
		err = runDriver(args[1:], os.Stdin, os.Stdout)
	case len(args) > 0 && args[0] == "generator":
		err = runGenerator(args[1:], os.Stdin, os.Stdout)
	default:
		return compare(args)
	}
	if err != nil {
		return exitInvalid, err
	}
	return 0, nil
}

// compare measures everything and prints it.
func compare(args []string) (code int, err error) {
	o, err := parseOptions(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0, nil
	}
	if err != nil {
		return exitInvalid, err
	}
	log := io.Discard
	if o.json != "" {
		f, err := os.Create(o.json)
		if err != nil {
			return exitInvalid, err
		}
		defer f.Close()
		log = f
	}
	r, err := measure(o, log)
	if err != nil {
		return exitInvalid, err
	}
	if !r.print(os.Stdout, o) {
		return exitMissed, nil
	}
	return 0, nil
}
