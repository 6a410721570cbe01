package calls

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Config is who calls whom.
type Config struct {
	Caller string        // ip:port to call from
	Callee string        // ip:port to answer at
	Target string        // ip:port of the server, or the callee's for none
	Ring   time.Duration // between 180 and 200
	Hold   time.Duration // between ACK and BYE; 0: until [Generator.HangUp]
}

// Retransmission (RFC 3261 §17.1.1.1): after T1, then twice as long each time
// up to T2, and given up after 64 times T1.
const (
	t1         = 500 * time.Millisecond
	t2         = 4 * time.Second
	repeatMost = 10
)

// due reports whether what was sent and has been repeated so often is to be
// repeated now.
func due(sent, now time.Time, repeats int) bool {
	return now.Sub(sent) >= min(t2, t1<<repeats)
}

// receiveBuffer is what is asked of the kernel for each socket.
const receiveBuffer = 4 << 20

// A Generator makes calls. Get one from [Open].
type Generator struct {
	cfg            Config
	run            string // part of every id
	target         netip.AddrPort
	caller, callee *net.UDPConn
	readers        sync.WaitGroup
	closed         chan struct{}

	mu       sync.Mutex
	changed  chan struct{} // closed and made anew when the figures change
	outgoing map[string]*outgoing
	incoming map[string]*incoming
	figures  Figures
	delays   []time.Duration
}

// Figures count calls.
type Figures struct {
	Started       int // INVITEs sent
	Up            int // now
	Ended         int // hung up and answered
	Failed        int // refused, or never answered
	Retransmitted int // requests and 200s sent again
	Reason        string
}

// settled reports whether no call is on its way to be up.
func (f Figures) settled() bool { return f.Started == f.Up+f.Ended+f.Failed }

// Open binds the sockets and starts the callee.
func Open(cfg Config) (*Generator, error) {
	g := &Generator{
		cfg: cfg, run: rand.Text(), closed: make(chan struct{}), changed: make(chan struct{}),
		outgoing: make(map[string]*outgoing), incoming: make(map[string]*incoming),
	}
	var err error
	if g.target, err = netip.ParseAddrPort(cfg.Target); err != nil {
		return nil, err
	}
	if g.caller, err = listen(cfg.Caller); err != nil {
		return nil, err
	}
	if g.callee, err = listen(cfg.Callee); err != nil {
		_ = g.caller.Close()
		return nil, err
	}
	g.readers.Go(func() { g.read(g.caller, g.atCaller) })
	g.readers.Go(func() { g.read(g.callee, g.atCallee) })
	g.readers.Go(g.repeat)
	return g, nil
}

func listen(addr string) (*net.UDPConn, error) {
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, err
	}
	if err := conn.SetReadBuffer(receiveBuffer); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// Close ends the generator; calls that are up are forgotten.
func (g *Generator) Close() {
	close(g.closed)
	_ = g.caller.Close()
	_ = g.callee.Close()
	g.readers.Wait()
}

func (g *Generator) read(conn *net.UDPConn, handle func(message, netip.AddrPort, time.Time)) {
	buffer := make([]byte, 65536)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buffer)
		now := time.Now()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if m, ok := parse(buffer[:n]); ok && err == nil { // an error may be a pending ICMP message
			handle(m, from, now)
		}
	}
}

// send writes a datagram. One that cannot be sent is repeated like one that is
// lost.
func send(conn *net.UDPConn, datagram []byte, to netip.AddrPort) {
	_, _ = conn.WriteToUDPAddrPort(datagram, to)
}

// repeat sends again what has not been answered.
func (g *Generator) repeat() {
	tick := time.NewTicker(t1 / 5)
	defer tick.Stop()
	for {
		select {
		case <-g.closed:
			return
		case now := <-tick.C:
			g.mu.Lock()
			for id, c := range g.outgoing {
				g.repeatRequest(id, c, now)
			}
			for id, c := range g.incoming {
				g.repeatAnswer(id, c, now)
			}
			g.mu.Unlock()
		}
	}
}

// Figures returns what has become of the calls.
func (g *Generator) Figures() Figures {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.figures
}

// Delays returns the times from INVITE to 180 of the calls so far, sorted.
func (g *Generator) Delays() []time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Sorted(slices.Values(g.delays))
}

// note says that a call has begun, is up, ended or failed. g.mu is held.
func (g *Generator) note() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// wait returns when done says so of the figures, or ctx is over.
func (g *Generator) wait(ctx context.Context, done func(Figures) bool) error {
	for {
		g.mu.Lock()
		f, changed := g.figures, g.changed
		g.mu.Unlock()
		if done(f) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w with the calls at %+v", context.Cause(ctx), f)
		}
	}
}

// pace calls do n times at a rate a second.
func pace(ctx context.Context, n, rate int, do func()) error {
	began := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := range n {
		timer.Reset(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(rate))))
		select {
		case <-timer.C:
			do()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
