package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"b2bua/bench/internal/proc"
)

// A bench is one run of everything.
type bench struct {
	options   options
	network   *network
	generator *process
	results   results
	progress  io.Writer
}

// measure runs the benchmark and returns what it found.
func measure(o options, log io.Writer) (*results, error) {
	if err := need(o); err != nil {
		return nil, err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer cancel()
	b := &bench{options: o, results: results{log: log}, progress: os.Stderr}
	var err error
	if b.network, err = newNetwork(ctx, o.receiveCPU); err != nil {
		return nil, err
	}
	defer b.network.remove()
	// The generator sleeps between slots; were it late, the delay would look like the relay's.
	at := place{cpu: o.generatorCPU, realTime: true}
	b.generator, err = startOurselves(ctx, at, "generator", "-caller", b.network.caller, "-called", b.network.called)
	if err != nil {
		return nil, err
	}
	defer func() { _ = b.generator.stop() }() // it holds nothing that would be lost
	b.describe(ctx)
	err = b.runAll(ctx)
	if cause := context.Cause(ctx); cause != nil {
		err = cause // what failed, failed because of it
	}
	return &b.results, err
}

// describe notes what the figures depend on.
func (b *bench) describe(ctx context.Context) {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	processors, _ := os.ReadFile("/proc/cpuinfo")
	version, err := exec.CommandContext(ctx, "rtpengine", "--version").CombinedOutput()
	if err != nil {
		version = []byte(err.Error())
	}
	b.results.machine = fmt.Sprintf("%s, %d × %s, Linux %s, %s, rtpengine %s",
		time.Now().UTC().Format("2 January 2006"), runtime.NumCPU(), parseModel(string(processors)), strings.TrimSpace(string(kernel)),
		runtime.Version(), strings.TrimPrefix(strings.TrimSpace(string(version)), "Version: "))
}

// need says what is missing for a run.
func need(o options) error {
	var errs []error
	if os.Geteuid() != 0 {
		errs = append(errs, errors.New("network namespaces, real-time scheduling and priorities need root: run it with sudo"))
	}
	for _, p := range []struct{ program, pack string }{{"ip", "iproute2"}, {"rtpengine", "rtpengine-daemon"}} {
		if _, err := exec.LookPath(p.program); err != nil {
			errs = append(errs, fmt.Errorf("%w: apt-get install --no-install-recommends %s", err, p.pack))
		}
	}
	for _, cpu := range []int{o.relayCPU, o.generatorCPU} {
		if _, err := processorIdle(cpu); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (b *bench) runAll(ctx context.Context) error {
	if b.options.wants(partCPU, partLatency) {
		for round := range b.options.rounds + 1 { // 0 is to warm up
			if err := inTurn(round, []string{ours, rtpengineName, forward}, func(name string) error { return b.costs(ctx, name, round) }); err != nil {
				return err
			}
		}
	}
	if b.options.wants(partCapacity) {
		for round := 1; round <= b.options.rounds; round++ {
			if err := inTurn(round, []string{ours, rtpengineName}, func(name string) error { return b.capacity(ctx, name, round) }); err != nil {
				return err
			}
		}
	}
	if b.options.profile != "" {
		return b.profile(ctx)
	}
	return nil
}

// inTurn calls f for each name, in each round beginning with another.
func inTurn(round int, names []string, f func(name string) error) error {
	for i := range names {
		name := names[(i+round)%len(names)]
		if err := f(name); err != nil {
			return fmt.Errorf("%s, round %d: %w", name, round, err)
		}
	}
	return nil
}

// costs measures time per packet and delay through one relay at every load.
// Round 0 is short and not counted.
func (b *bench) costs(ctx context.Context, name string, round int) error {
	r, err := b.start(ctx, name)
	if err != nil {
		return err
	}
	defer func() { _ = r.stop() }() // the next one has another process
	for _, calls := range callCounts {
		window := b.options.window
		if round == 0 {
			window = time.Second
		}
		m, err := b.window(r, calls, b.options.warm, window)
		if err != nil {
			return err
		}
		m.Part, m.Relay, m.Round = partCPU, name, round
		if err := b.results.add(m); err != nil {
			return err
		}
		fmt.Fprintf(b.progress, "round %d  %-10s %4d calls: process %5.2f, core %5.2f us/packet, delay p50 %.0f p99 %.0f us, lost %d\n",
			round, name, calls, processPerPacket(m), corePerPacket(m), middleDelay(m), worstDelay(m), m.lost())
		if m.lost() != 0 || m.Strays != 0 || m.Duplicates != 0 {
			return fmt.Errorf("%d calls: of %d packets %d were lost, %d doubled, %d strayed, %d dropped at the generator",
				calls, m.Sent, m.lost(), m.Duplicates, m.Strays, m.Overrun)
		}
	}
	return nil
}

// A ramp's step passes when less than maxLoss of its packets are lost and half
// of them are through within maxDelay: a relay that cannot keep up first fills
// its sockets' buffers, for seconds, before it loses anything.
const (
	maxLoss  = 0.0001
	maxDelay = time.Millisecond
	maxLag   = 2 * time.Millisecond // of the generator
	reserve  = 200                  // descriptors of a process beyond those of its calls
	perCall  = 4                    // descriptors: RTP and RTCP, on both sides
)

// capacity looks for the most calls that a relay takes on its one processor.
func (b *bench) capacity(ctx context.Context, name string, round int) error {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return err
	}
	r, err := b.start(ctx, name)
	if err != nil {
		return err
	}
	defer func() { _ = r.stop() }() // the next one has another process
	found, err := ramp((int(min(files.Max, 1<<20))-reserve)/perCall, func(calls int) (verdict, error) {
		m, err := b.window(r, calls, b.options.step/2, b.options.step)
		if err != nil {
			return failed, err
		}
		v := judge(&m)
		m.Part, m.Relay, m.Round = partCapacity, name, round
		fmt.Fprintf(b.progress, "round %d  %-10s %4d calls: core %3.0f %% busy, delay p50 %.0f us, lost %d of %d  %s\n", round, name, calls,
			100*float64(m.Core)/float64(m.Length), middleDelay(m), m.lost(), m.Sent, m.Failed)
		return v, b.results.add(m)
	})
	if err != nil {
		return err
	}
	return b.results.addLimit(limitFound{Part: "limit", Relay: name, Round: round, Calls: found.calls, AtLeast: found.atLeast})
}

// judge says whether a step passes, and notes why not.
func judge(m *measurement) verdict {
	switch {
	case m.Lag > maxLag || m.Overrun > 0:
		m.Failed = fmt.Sprintf("the generator was %v behind and dropped %d", m.Lag, m.Overrun)
		return outrun
	case float64(m.lost()) >= maxLoss*float64(m.Sent):
		m.Failed = "loss"
	case m.P50 >= maxDelay:
		m.Failed = "a standing queue"
	default:
		return passed
	}
	return failed
}

// window makes traffic through a relay, while nothing else is done.
func (b *bench) window(r relay, calls int, warm, window time.Duration) (measurement, error) {
	m := measurement{Calls: calls}
	addresses, err := r.open(calls)
	if err != nil {
		return m, err
	}
	start := time.Now()
	before, err := b.others(r)
	if err != nil {
		return m, err
	}
	t := traffic{Calls: addresses, Warm: warm, Window: window, PID: r.pid(), Core: b.options.relayCPU}
	var a answer
	if err := errors.Join(b.generator.tell(t), b.generator.hear(&a)); err != nil {
		return m, fmt.Errorf("generator: %w", err)
	}
	if a.Error != "" {
		return m, errors.New("generator: " + a.Error)
	}
	after, err := b.others(r)
	m.outcome, m.Others = a.Outcome, float64(after-before)/float64(time.Since(start))
	return m, err
}

// others is what processes that have nothing to do with the run have used.
func (b *bench) others(r relay) (time.Duration, error) {
	all, err := proc.Machine()
	for _, pid := range []int{b.generator.cmd.Process.Pid, r.pid()} {
		if pid == 0 {
			continue // the kernel
		}
		used, e := proc.CPU(pid)
		all, err = all-used, errors.Join(err, e)
	}
	return all, err
}

// profile runs our relay once more, with a profile that is in no figure.
func (b *bench) profile(ctx context.Context) error {
	d, err := startDriver(ctx, place{namespace: b.network.relay, cpu: b.options.relayCPU}, b.options.workers)
	if err != nil {
		return err
	}
	p := profiled{driven: d, file: b.options.profile}
	_, err = b.window(p, callCounts[len(callCounts)-1], b.options.warm, b.options.window)
	return errors.Join(err, p.stop())
}
