package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"b2bua/bench/internal/child"
	"b2bua/bench/internal/proc"
)

//go:embed scenarios/uac.xml
var callerScenario string

//go:embed scenarios/uas.xml
var calleeScenario string

// Times of a call that SIPp makes.
const (
	holdTime = time.Second
	ringTime = 100 * time.Millisecond
)

// A load is what SIPp puts on a server.
type load struct {
	rate  int // calls a second
	calls int
}

// A loaded is what came of it on SIPp's side.
type loaded struct {
	caller, callee sippStat
	cpu            time.Duration // of both
	took           time.Duration
	dropped        int64  // datagrams, at SIPp's sockets
	peak           int64  // of the server's memory, in bytes
	said           string // what the caller complained of
}

// sipp puts a load on a server and returns when the last call is over.
func (b *bench) sipp(ctx context.Context, s *server, l load) (loaded, error) {
	dir, err := b.newDir("sipp")
	if err != nil {
		return loaded{}, err
	}
	callee, err := startSIPp(dir, "callee", calleeScenario, calleeAddr, "-d", millis(ringTime))
	if err != nil {
		return loaded{}, err
	}
	defer callee.Kill()
	if err := pause(ctx, 300*time.Millisecond); err != nil { // it binds its socket
		return loaded{}, err
	}
	began := time.Now()
	caller, err := startSIPp(dir, "caller", callerScenario, callerAddr, "-d", millis(holdTime), "-r", strconv.Itoa(l.rate),
		"-m", strconv.Itoa(l.calls), "-l", "19000", "-recv_timeout", "10000", "-timeout", "200s", s.addr)
	if err != nil {
		return loaded{}, err
	}
	defer caller.Kill()
	out, err := watch(ctx, s, caller, callee)
	if err != nil {
		return loaded{}, err
	}
	out.took = time.Since(began)
	out.cpu = caller.CPU()
	if used, err := proc.CPU(callee.PID()); err == nil {
		out.cpu += used
	}
	if err := endCallee(ctx, callee); err != nil {
		return loaded{}, err
	}
	return out, out.read(dir, caller)
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// startSIPp runs one side. Its buffers are asked for as large as the server's.
func startSIPp(dir, name, scenario, addr string, args ...string) (*child.Process, error) {
	file := filepath.Join(dir, name+".xml")
	if err := os.WriteFile(file, []byte(scenario), 0o600); err != nil {
		return nil, err
	}
	ip, port := addr[:len(addr)-5], addr[len(addr)-4:]
	all := append([]string{
		"-sf", file, "-i", ip, "-p", port, "-mi", ip, "-nostdin", "-buff_size", "4194304",
		"-trace_stat", "-stf", name + ".csv", "-fd", "1", "-trace_err", "-error_file", name + ".errors",
	}, args...)
	return child.Start(dir, name, "sipp", all...)
}

// watch waits for the caller's end, and looks each second at the server's
// memory and at what SIPp's sockets have dropped.
func watch(ctx context.Context, s *server, caller, callee *child.Process) (loaded, error) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var out loaded
	for ended := false; !ended; {
		select {
		case <-caller.Done():
			ended = true
		case <-callee.Done():
			return out, fmt.Errorf("the callee ended: %w", callee.Err())
		case <-ctx.Done():
			return out, context.Cause(ctx)
		case <-tick.C:
		}
		use, err := proc.Read(s.pid)
		if err != nil {
			return out, fmt.Errorf("%s: %w", s.name, err)
		}
		out.peak = max(out.peak, s.memory(use))
		dropped := int64(0)
		for _, p := range []*child.Process{caller, callee} {
			if n, err := proc.UDPDrops(p.PID()); err == nil { // else it has just ended
				dropped += n
			}
		}
		out.dropped = max(out.dropped, dropped)
	}
	return out, nil
}

// endCallee tells the callee to end with its last call; one that waits for a
// call that has failed is killed.
func endCallee(ctx context.Context, callee *child.Process) error {
	if err := callee.Signal(syscall.SIGUSR1); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	select {
	case <-callee.Done():
	case <-ctx.Done():
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return context.Cause(ctx)
		}
	}
	return nil
}

// read takes SIPp's own account of the run.
func (out *loaded) read(dir string, caller *child.Process) error {
	for name, to := range map[string]*sippStat{"caller": &out.caller, "callee": &out.callee} {
		text, err := os.ReadFile(filepath.Join(dir, name+".csv"))
		if err != nil {
			return fmt.Errorf("the %s left no statistics: %w\n%s", name, err, caller.Tail())
		}
		if *to, err = parseSIPpStat(string(text)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "caller.errors")); err == nil {
		words := strings.Join(strings.Fields(string(text)), " ")
		out.said = words[:min(len(words), 200)]
	}
	return nil
}
