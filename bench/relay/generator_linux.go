package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"b2bua/bench/internal/statistics"
)

// What the generator does when. The same for every relay: how often it sends
// and looks decides how much a relay can do at once.
const (
	slot     = 50 * time.Microsecond  // what falls due within it leaves together, as with a network card's coalescing
	poll     = time.Millisecond       // how often it takes what has arrived
	settle   = 100 * time.Millisecond // how long nothing may have arrived before the run is over
	patience = 3 * time.Second        // how long the run waits for that
)

// A generator has both ends of all calls: a socket in the caller's namespace
// and one in the called side's. Side 0 is the caller.
type generator struct {
	sockets [2]*socket

	// of one run
	calls   int
	packets []byte                   // all packets, stream by stream; stream i belongs to call i/2 and is sent by side i%2
	to      []*unix.RawSockaddrInet4 // where each stream is sent
	order   []int                    // which stream is next
	account *account
	delays  []int64 // nanoseconds
	lags    []int64 // of the slots of the window
	strays  int
}

// runGenerator makes traffic as it is told, a line of JSON for each run, until
// its standard input ends.
func runGenerator(args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("generator", flag.ContinueOnError)
	caller := flags.String("caller", "", "the caller's namespace")
	called := flags.String("called", "", "the called side's namespace")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var g generator
	for side, at := range []struct {
		namespace string
		address   netip.Addr
	}{{*caller, callerAddress}, {*called, calledAddress}} {
		err := within(at.namespace, func() (err error) {
			g.sockets[side], err = openSocket(netip.AddrPortFrom(at.address, mediaPort))
			return err
		})
		if err != nil {
			return fmt.Errorf("socket in %s: %w", at.namespace, err)
		}
	}
	answers := json.NewEncoder(out)
	for runs := json.NewDecoder(in); ; {
		var t traffic
		if err := runs.Decode(&t); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var a answer
		var err error
		if a.Outcome, err = g.run(t); err != nil {
			a.Error = err.Error()
		}
		if err := answers.Encode(a); err != nil {
			return err
		}
	}
}

// run makes the traffic and says what came of it.
func (g *generator) run(t traffic) (outcome, error) {
	warm, window := rounds(t.Warm), rounds(t.Window)
	g.prepare(t.Calls, warm, window)
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	streams := len(g.order)
	p := newPace(streams)
	if err := g.send(p, 0, warm*streams); err != nil {
		return outcome{}, err
	}
	g.lags = g.lags[:0]
	before, err := g.read(t)
	if err != nil {
		return outcome{}, err
	}
	if err := g.send(p, warm*streams, (warm+window)*streams); err != nil {
		return outcome{}, err
	}
	after, err := g.read(t)
	if err != nil {
		return outcome{}, err
	}
	if err := g.drain(); err != nil {
		return outcome{}, err
	}
	dropped, err := g.dropped()
	slices.Sort(g.delays)
	slices.Sort(g.lags)
	length := after.at.Sub(before.at)
	return outcome{
		Sent: g.account.sent(), Received: g.account.received, Duplicates: g.account.duplicates,
		Strays: g.account.strays + g.strays, Overrun: dropped - before.dropped,
		P50: time.Duration(statistics.Percentile(g.delays, 0.5)), P99: time.Duration(statistics.Percentile(g.delays, 0.99)),
		Lag:    time.Duration(statistics.Percentile(g.lags, 0.99)),
		Length: length, Process: after.process - before.process, Core: length - (after.idle - before.idle),
		Generator: after.generator - before.generator,
	}, err
}

// A reading is what had been used until a moment.
type reading struct {
	at        time.Time
	process   time.Duration
	idle      time.Duration // of the relay's processor
	generator time.Duration
	dropped   int
}

func (g *generator) read(t traffic) (r reading, err error) {
	if r.dropped, err = g.dropped(); err != nil {
		return r, err
	}
	if t.PID != 0 {
		if r.process, err = processUsed(t.PID); err != nil {
			return r, err
		}
	}
	r.idle, err = processorIdle(t.Core)
	r.generator, r.at = processorTime(), time.Now()
	return r, err
}

// prepare makes everything that a run needs, so that it allocates nothing.
func (g *generator) prepare(calls []call, warm, window int) {
	streams := 2 * len(calls)
	g.calls, g.strays = len(calls), 0
	g.order = shuffled(streams)
	g.packets = make([]byte, streams*packetSize)
	g.to = make([]*unix.RawSockaddrInet4, streams)
	for i := range streams {
		fill(g.packet(i), i)
		g.to[i] = sockaddr(calls[i/2].Caller)
		if i%2 == 1 {
			g.to[i] = sockaddr(calls[i/2].Called)
		}
	}
	g.account = newAccount(streams, uint32(warm), uint32(window))
	g.delays = make([]int64, 0, g.account.sent())
	g.lags = make([]int64, 0, (warm+window)*int(interval/slot)*2)
}

func (g *generator) packet(stream int) []byte {
	return g.packets[stream*packetSize:][:packetSize]
}

// A pace says how many packets ought to have left by now.
type pace struct {
	start time.Time
	gap   float64       // nanoseconds between two packets
	poll  time.Duration // when to look next, since start
}

func newPace(streams int) *pace {
	return &pace{start: time.Now(), gap: float64(interval) / float64(streams)}
}

// send sends packets from..to-1 of the run when they fall due, and takes what
// arrives meanwhile.
func (g *generator) send(p *pace, from, to int) error {
	for from < to {
		now := p.sleep(time.Duration(float64(from) * p.gap))
		due := min(int(float64(now)/p.gap)+1, to) // the first is due at the start
		if from < due && len(g.lags) < cap(g.lags) {
			g.lags = append(g.lags, int64(now)-int64(float64(from)*p.gap))
		}
		for from < due {
			n := min(due-from, batchSize)
			if err := g.sendBatch(from, n); err != nil {
				return err
			}
			from += n
		}
		if now >= p.poll {
			p.poll = now + poll
			if _, err := g.take(); err != nil {
				return err
			}
		}
	}
	return nil
}

// sleep waits for the end of the slot that the moment due lies in, both counted
// from the start, and returns the time since then.
func (p *pace) sleep(due time.Duration) time.Duration {
	end := due - due%slot + slot
	if wait := end - time.Since(p.start); wait > 0 {
		// RawSyscall: the runtime's scheduler would look for other work in each
		// of these sleeps. Interrupted is early, and what is not due yet leaves
		// in the next slot.
		request := unix.NsecToTimespec(int64(wait))
		_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&request)), 0, 0)
	}
	return time.Since(p.start)
}

// sendBatch sends n packets from the from-th of the run on.
func (g *generator) sendBatch(from, n int) error {
	var put [2]int
	streams := len(g.order)
	for k := from; k < from+n; k++ {
		stream := g.order[k%streams]
		packet := g.packet(stream)
		mark(packet, uint32(k/streams), time.Now().UnixNano())
		side := stream % 2
		g.sockets[side].put(put[side], packet, g.to[stream])
		put[side]++
	}
	for side, s := range g.sockets {
		if err := s.send(put[side]); err != nil {
			return err
		}
	}
	return nil
}

// take books all that has arrived and returns how much it was.
func (g *generator) take() (int, error) {
	taken := 0
	for side, s := range g.sockets {
		for full := true; full; {
			n, err := s.receive()
			if err != nil {
				return taken, err
			}
			for i := range n {
				packet, stamp := s.received(i)
				g.book(side, packet, stamp)
			}
			taken, full = taken+n, n == batchSize
		}
	}
	return taken, nil
}

// book accounts for a packet received on a side.
func (g *generator) book(side int, packet []byte, stamp int64) {
	stream, number, sent, ok := read(packet)
	if !ok || stream%2 == side || stamp == 0 {
		g.strays++
		return
	}
	if g.account.add(stream, number) {
		g.delays = append(g.delays, stamp-sent)
	}
}

// drain takes what arrives until nothing more does.
func (g *generator) drain() error {
	p := &pace{start: time.Now()}
	for quiet, now := time.Duration(0), time.Duration(0); now < quiet+settle && now < patience; {
		now = p.sleep(now + poll)
		n, err := g.take()
		if err != nil {
			return err
		}
		if n > 0 {
			quiet = now
		}
	}
	return nil
}

// dropped is how many packets the generator itself was too slow to take.
func (g *generator) dropped() (int, error) {
	sum := 0
	for _, s := range g.sockets {
		n, err := s.drops()
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// processorTime is what this process has used.
func processorTime() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t) // of ourselves: it cannot fail
	return time.Duration(t.Nano())
}
