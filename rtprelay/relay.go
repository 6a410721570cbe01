package rtprelay

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// eventBatch is how many events one call of Config.Events gets at most.
const eventBatch = 256

// A Relay owns the media ports, the workers and their sockets. Its methods may
// be called from any goroutine.
type Relay struct {
	// set once
	cfg     Config
	start   time.Time
	now     func() time.Duration // monotonic, since start
	ports   []*ports             // one per address and range
	pools   map[string][2]*ports // by network; IPv4, IPv6; nil = no such address
	workers []*worker
	fresh   *control      // of every stream before its first SetRemote
	signal  chan struct{} // events wait in some ring; closed when the workers are gone
	running sync.WaitGroup
	deliver sync.WaitGroup

	sockets atomic.Int64 // in use
	spare   atomic.Int64 // sockets too
	streams atomic.Int64
	paths   paths

	mu       sync.Mutex // guards the following fields; taken after a session's
	sessions map[*Session]struct{}
	closed   bool
}

// New validates cfg, checks that the addresses are this machine's, and starts
// the workers.
func New(cfg Config) (*Relay, error) {
	r, err := newRelay(cfg)
	if err != nil {
		return nil, err
	}
	for _, w := range r.workers {
		r.running.Go(w.run)
	}
	r.deliver.Go(r.deliverEvents)
	return r, nil
}

// newRelay is New without starting anything.
func newRelay(cfg Config) (*Relay, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	r := &Relay{
		cfg: cfg, start: time.Now().Add(-cfg.now()), now: cfg.now,
		pools: map[string][2]*ports{}, signal: make(chan struct{}, 1), sessions: map[*Session]struct{}{},
	}
	for name, n := range r.cfg.Networks {
		var pools [2]*ports
		for _, a := range n.Addresses {
			pools[family(a)] = r.addPorts(a.Unmap(), n)
		}
		r.pools[name] = pools
	}
	r.paths.ports = r.ports
	r.fresh = &control{window: cfg.LearnWindow, needed: uint8(cfg.LearnPackets), relay: r}
	if err := r.makeWorkers(); err != nil {
		return nil, err
	}
	r.checkLimits()
	r.cfg.Metrics.relay.Store(r)
	return r, nil
}

// addPorts returns the ports of one of the network's addresses; networks that
// have the same address and range share them.
func (r *Relay) addPorts(address netip.Addr, n Network) *ports {
	choice := min(mostChoice, max(r.cfg.SpareSockets, 0)/8/r.cfg.Workers)
	p := newPorts(address, n.PortMin, n.PortMax, r.cfg.Workers, choice)
	for _, have := range r.ports {
		if have.address == p.address && have.first == p.first && len(have.queue) == len(p.queue) {
			return have
		}
	}
	r.ports = append(r.ports, p)
	return p
}

// makeWorkers makes all workers, or none.
func (r *Relay) makeWorkers() error {
	for range r.cfg.Workers {
		w, err := newWorker(r)
		if err == nil {
			r.workers = append(r.workers, w)
			err = r.checkAddresses(w.poll, len(r.workers) == 1)
		}
		if err != nil {
			for _, w := range r.workers {
				_ = w.poll.close()
			}
			return err
		}
	}
	return nil
}

// checkAddresses binds a port of the system's choice on each address, so that
// a wrong one is found now and not by the first call.
func (r *Relay) checkAddresses(p poller, first bool) error {
	if !first {
		return nil
	}
	for name, n := range r.cfg.Networks {
		for _, a := range n.Addresses {
			s, err := p.open(netip.AddrPortFrom(a.Unmap(), 0), 0)
			if err != nil {
				return fmt.Errorf("rtprelay: Networks[%q].Addresses has %v, want an address of this machine: %w", name, a, err)
			}
			s.close()
		}
	}
	return nil
}

// checkLimits warns when the process may not open the sockets that
// MaxSessions calls need.
func (r *Relay) checkLimits() {
	want := uint64(r.socketsAtMost())
	if limit, ok := descriptorLimit(); ok && limit < want {
		r.cfg.Logger.Warn("the limit of open files is below what media.max_sessions needs: raise it (ulimit -n, LimitNOFILE) or lower that",
			"limit", limit, "needed", want, "max_sessions", r.cfg.MaxSessions)
	}
}

// Close closes every session and returns when the last goroutine is gone and
// all sockets are closed. Events that wait are delivered first. It may be
// called twice, but not from Config.Events.
func (r *Relay) Close() error {
	r.mu.Lock()
	already := r.closed
	r.closed = true
	var open []*Session
	for s := range r.sessions {
		open = append(open, s)
	}
	r.mu.Unlock()
	if !already {
		for _, s := range open {
			s.Close()
		}
		for _, w := range r.workers {
			w.post(orderFunc(func(time.Duration) { w.stopping = true }))
			w.mail.close()
		}
		r.running.Wait()
		close(r.signal)
	}
	r.running.Wait()
	r.deliver.Wait()
	return nil
}

// Session opens an empty media session. All sessions with the same affinity
// share a worker. It fails with ErrTooManySessions or ErrClosed.
func (r *Relay) Session(affinity uint32, cfg SessionConfig) (*Session, error) {
	s := &Session{relay: r, worker: r.workers[affinity%uint32(len(r.workers))], ref: cfg.Ref, index: cfg.Index}
	s.streams, s.open = s.places[0][:0], s.places[1][:0]
	s.timeout = max(cfg.Timeout, 0)
	s.deadline.timeout, s.deadline.armed = s.timeout, r.now()
	r.mu.Lock()
	switch {
	case r.closed:
		r.mu.Unlock()
		return nil, ErrClosed
	case len(r.sessions) >= r.cfg.MaxSessions:
		r.mu.Unlock()
		err := fmt.Errorf("%w: %d are open", ErrTooManySessions, r.cfg.MaxSessions)
		r.refused(err)
		return nil, err
	}
	r.sessions[s] = struct{}{}
	r.mu.Unlock()
	return s, nil
}

// forget drops a closed session from the books.
func (r *Relay) forget(s *Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.sessions, s)
}

// pool returns the ports of a network's address of one family.
func (r *Relay) pool(network string, v6 bool) (*ports, error) {
	pools, ok := r.pools[network]
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrNoNetwork, network)
	}
	p, version := pools[0], 4
	if v6 {
		p, version = pools[1], 6
	}
	if p == nil {
		return nil, fmt.Errorf("%w: %q has no IPv%d address", ErrNoNetwork, network, version)
	}
	return p, nil
}

// owns reports that a is one of the relay's ports, whoever has it now. It needs
// no lock.
func (r *Relay) owns(a netip.AddrPort) bool {
	for _, p := range r.ports {
		if p.has(a) {
			return true
		}
	}
	return false
}

// refused counts work that the relay had to refuse.
func (r *Relay) refused(err error) {
	reason := "other"
	switch {
	case errors.Is(err, ErrNoPorts):
		reason = "ports"
	case errors.Is(err, ErrNoDescriptors):
		reason = "descriptors"
	case errors.Is(err, ErrTooManySessions):
		reason = "sessions"
	}
	r.cfg.Metrics.refusals.WithLabelValues(reason).Inc()
}

// signalEvents wakes the goroutine that delivers events.
func (r *Relay) signalEvents() {
	select {
	case r.signal <- struct{}{}:
	default: // it has been told already
	}
}

// deliverEvents passes events to Config.Events until the workers are gone.
func (r *Relay) deliverEvents() {
	batch := make([]Event, 0, eventBatch)
	for open := true; open; {
		_, open = <-r.signal
		for _, w := range r.workers {
			for batch = w.events.pop(batch[:0]); len(batch) > 0; batch = w.events.pop(batch[:0]) {
				r.hand(batch)
			}
		}
	}
}

// hand calls Config.Events. A panic there costs one batch.
func (r *Relay) hand(batch []Event) {
	defer func() {
		if v := recover(); v != nil {
			r.cfg.Metrics.panics.Inc()
			r.cfg.Logger.Error("rtprelay: panic", "in", "events", "panic", v, "stack", string(debug.Stack()))
		}
	}()
	r.cfg.Events(batch)
	clear(batch)
}

// Gauges is how much of the relay is in use.
type Gauges struct {
	PortsFree        int // port pairs, of all networks
	PortsUsed        int
	PortsQuarantined int
	Sockets          int // of streams; each worker has four descriptors more
	SpareSockets     int // open for streams to come, of free and quarantined pairs
	Sessions         int
	Streams          int // open, or about to be closed by their worker
}

// Gauges returns the figures of this moment.
func (r *Relay) Gauges() Gauges {
	g := Gauges{Sockets: int(r.sockets.Load()), SpareSockets: int(r.spare.Load()), Streams: int(r.streams.Load())}
	r.mu.Lock()
	g.Sessions = len(r.sessions)
	r.mu.Unlock()
	now := r.now()
	for _, p := range r.ports {
		free, used, quarantined := p.count(now)
		g.PortsFree += free
		g.PortsUsed += used
		g.PortsQuarantined += quarantined
	}
	return g
}

// Idle reports that no session, stream, socket or port is in use; ports may be
// in quarantine, and sockets spare. A close takes effect within a batch of
// packets, or 20 ms when there are none.
func (r *Relay) Idle() bool {
	g := r.Gauges()
	return g.Sessions == 0 && g.Streams == 0 && g.Sockets == 0 && g.PortsUsed == 0
}
