package main

import (
	"math/rand/v2"
	"time"
)

// A traffic is one run of the generator: a stream in each direction of each
// call, a packet every 20 ms in each stream, the streams spread evenly over
// these 20 ms in an order that is the same in every run.
type traffic struct {
	Calls  []call        `json:"calls"`
	Warm   time.Duration `json:"warm"`   // before the window, not counted
	Window time.Duration `json:"window"` // both are rounded up to whole packets of every stream

	// Whose time is read when the window begins and when it ends.
	PID  int `json:"pid"` // the relay's process; 0 = it has none
	Core int `json:"core"`
}

// An answer is what the generator says to a traffic: an outcome, or why there
// is none.
type answer struct {
	Outcome outcome `json:"outcome"`
	Error   string  `json:"error,omitempty"`
}

// An outcome is what the generator saw in a window.
type outcome struct {
	Sent       int           `json:"sent"`
	Received   int           `json:"received"`
	Duplicates int           `json:"duplicates"`
	Strays     int           `json:"strays"`       // arrived where they do not belong, or changed
	Overrun    int           `json:"overrun"`      // dropped at the generator's own sockets
	P50        time.Duration `json:"p50_ns"`       // from before the send to the kernel's receive stamp
	P99        time.Duration `json:"p99_ns"`       // likewise
	Lag        time.Duration `json:"lag_ns"`       // how far sending was behind its schedule, 99th percentile of the slots
	Length     time.Duration `json:"length_ns"`    // of the window
	Process    time.Duration `json:"process_ns"`   // used by the relay's process; 0 = it has none
	Core       time.Duration `json:"core_ns"`      // used by everything on the relay's processor
	Generator  time.Duration `json:"generator_ns"` // used by the generator
}

// lost is how many packets of the window never arrived.
func (o outcome) lost() int { return o.Sent - o.Received }

// interval is the time between two packets of a stream.
const interval = 20 * time.Millisecond

// rounds is how many packets of each stream take at least d.
func rounds(d time.Duration) int { return int((d + interval - 1) / interval) }

// shuffled returns 0..n-1 in an order that is always the same.
func shuffled(n int) []int { return rand.New(rand.NewPCG(1, 2)).Perm(n) }
