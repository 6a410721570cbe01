package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
)

// A relay is one of those that are compared.
type relay interface {
	// open sets up calls until there are at least n, and returns n of them. A
	// call that cannot be set up is an error.
	open(n int) ([]call, error)
	// pid is the process whose time is counted; 0 = there is none.
	pid() int
	// stop ends all calls, and the process.
	stop() error
}

// start starts the relay with this name in the relay's namespace.
func (b *bench) start(ctx context.Context, name string) (relay, error) {
	at := place{namespace: b.network.relay, cpu: b.options.relayCPU}
	switch name {
	case ours:
		return startDriver(ctx, at, b.options.workers)
	case rtpengineName:
		return startRTPEngine(ctx, at, b.options.workers)
	default:
		return kernel{}, nil
	}
}

// A driven is our relay: the program of driver.go.
type driven struct{ process *process }

func startDriver(ctx context.Context, at place, workers int) (*driven, error) {
	p, err := startOurselves(ctx, at, "driver", "-workers", strconv.Itoa(workers))
	if err != nil {
		return nil, err
	}
	return &driven{process: p}, nil
}

// startOurselves starts this program in one of its other roles.
func startOurselves(ctx context.Context, at place, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Stderr = os.Stderr
	return at.start(cmd)
}

func (d *driven) open(n int) ([]call, error) {
	r, err := d.order(order{Calls: n})
	if err != nil {
		return nil, err
	}
	return r.Calls[:n], nil
}

func (d *driven) order(o order) (report, error) {
	var r report
	if err := errors.Join(d.process.tell(o), d.process.hear(&r)); err != nil {
		return r, fmt.Errorf("driver: %w", err)
	}
	if r.Error != "" {
		return r, errors.New("driver: " + r.Error)
	}
	return r, nil
}

func (d *driven) pid() int    { return d.process.cmd.Process.Pid }
func (d *driven) stop() error { return d.process.stop() }

// A profiled is our relay writing a CPU profile from its calls on.
type profiled struct {
	*driven

	file string
}

func (p profiled) open(n int) ([]call, error) {
	r, err := p.order(order{Calls: n, Profile: p.file})
	return r.Calls, err
}

func (p profiled) stop() error {
	_, err := p.order(order{}) // ends the profile
	return errors.Join(err, p.driven.stop())
}

// A kernel forwards by its routes: each side sends straight to the other.
type kernel struct{}

func (kernel) open(n int) ([]call, error) {
	calls := make([]call, n)
	for i := range calls {
		calls[i] = call{
			Caller: netip.AddrPortFrom(calledAddress, mediaPort),
			Called: netip.AddrPortFrom(callerAddress, mediaPort),
		}
	}
	return calls, nil
}

func (kernel) pid() int    { return 0 }
func (kernel) stop() error { return nil }
