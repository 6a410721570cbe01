package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// A Set is all listeners of the process. Make one with [Listen]; its methods may
// be called from anywhere at any time.
type Set struct {
	cfg       Config
	listeners []Listener
	groups    []*group // one per listener
	pool      *pool    // of connections
	writers   sync.Pool
	errqueues sync.Pool

	beats   sync.Mutex // guards the following field, and is held while Beat is called
	resting int        // readers

	closeOnce sync.Once
	closeErr  error
	wg        sync.WaitGroup // readers, writers, dials
}

// A group is the sockets of one listener, all bound to its address.
type group struct {
	v4      bool
	sockets []*socket    // of UDP
	accepts net.Listener // of a stream transport, else nil
}

func (g *group) stream() bool { return g.accepts != nil }

// Listen binds every listener and starts to read. It fails, with everything
// closed again, when the configuration is wrong or an address is taken; the
// error names the listener and the configuration key.
func Listen(cfg Config) (*Set, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := newSet(cfg)
	for _, lc := range cfg.Listeners {
		if err := s.open(lc); err != nil {
			return nil, errors.Join(fmt.Errorf("transport: %w", err), s.Close())
		}
	}
	cfg.Metrics.watch(s)
	for i, g := range s.groups {
		for _, sock := range g.sockets {
			r := newReader(s, i, sock)
			s.wg.Go(r.loop)
		}
		if g.stream() {
			s.wg.Go(func() { s.accept(i, g.accepts) })
		}
	}
	return s, nil
}

// newSet makes a set without listeners.
func newSet(cfg Config) *Set {
	s := &Set{cfg: cfg, pool: newPool()}
	s.writers.New = func() any { return newWriter(cfg.Batch) }
	s.errqueues.New = func() any { return newErrqueue() }
	return s
}

func (s *Set) open(lc ListenerConfig) error {
	if lc.Network == "" {
		lc.Network = DefaultNetwork
	}
	key := configKey(lc.Network, "listen")
	ep, err := ParseURL(lc.URL)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if ep.Transport != "udp" && ep.Transport != "tcp" {
		return fmt.Errorf("%s: %q: this build carries udp and tcp only", key, lc.URL)
	}
	if len(ep.Params) > 0 {
		return fmt.Errorf("%s: %q: %s has no parameters", key, lc.URL, ep.Transport)
	}
	if _, err := advertise(lc, ep.Addr); err != nil {
		return err // before anything is bound
	}
	bound, err := s.bind(ep)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", key, ep, err)
	}
	adv, err := advertise(lc, bound)
	if err != nil {
		return err
	}
	l := Listener{URL: lc.URL, Network: lc.Network, Transport: ep.Transport, Addr: bound, Advertise: adv}
	s.listeners = append(s.listeners, l)
	s.report(l)
	return nil
}

// bind opens what an endpoint needs, and returns the address with its real port.
func (s *Set) bind(ep Endpoint) (netip.AddrPort, error) {
	g := &group{v4: ep.Addr.Addr().Is4()}
	bound := ep.Addr
	if IsStream(ep.Transport) {
		l, err := listenTCP(ep.Addr, s.cfg.Streams.KeepAlive)
		if err != nil {
			return bound, err
		}
		g.accepts, bound = l, addrOf(l.Addr())
	} else {
		sockets, err := openUDP(ep.Addr, s.cfg.Sockets, s.cfg.ReadBuffer)
		if err != nil {
			return bound, err
		}
		g.sockets, bound = sockets, sockets[0].addr()
	}
	s.groups = append(s.groups, g)
	return bound, nil
}

// report logs what the kernel has granted: too small a buffer loses bursts long
// before the process is busy.
func (s *Set) report(l Listener) {
	log := s.cfg.Logger.With("listen", l.URL, "network", l.Network, "address", l.Addr.String())
	sockets := s.groups[len(s.groups)-1].sockets
	if len(sockets) == 0 {
		log.Info("listening", "advertise", l.Advertise)
		return
	}
	granted := grantedBuffer(sockets)
	if granted < s.cfg.ReadBuffer {
		log.Warn("the kernel grants a smaller receive buffer than asked for; raise sysctl net.core.rmem_max",
			"granted_bytes", granted, "asked_bytes", s.cfg.ReadBuffer)
	}
	log.Info("listening", "advertise", l.Advertise, "sockets", len(sockets), "receive_buffer_bytes", granted)
}

// grantedBuffer is the smallest receive buffer of the sockets, in bytes; 0 when
// there are none.
func grantedBuffer(sockets []*socket) int {
	if len(sockets) == 0 {
		return 0
	}
	granted := sockets[0].buffer
	for _, sock := range sockets[1:] {
		granted = min(granted, sock.buffer)
	}
	return granted
}

// Listeners returns the listeners in the order of the configuration; a Flow's
// Listener is an index into it.
func (s *Set) Listeners() []Listener { return slices.Clone(s.listeners) }

// Select returns the listener from which to send to an address: one of the
// network ("" is "default") and transport, of the same address family, and
// rather one on loopback for a loopback address and one that is not for all
// others. ok is false when the network has none of that family.
func (s *Set) Select(network, transport string, dst netip.AddrPort) (listener int, ok bool) {
	if network == "" {
		network = DefaultNetwork
	}
	to, best := dst.Addr().Unmap(), -1
	for i, l := range s.listeners {
		from := l.Addr.Addr()
		if l.Network != network || !strings.EqualFold(l.Transport, transport) || from.Is4() != to.Is4() {
			continue
		}
		fit := 0
		switch {
		case from.IsUnspecified():
			fit = 1
		case from.IsLoopback() == to.IsLoopback():
			fit = 2
		}
		if fit > best {
			listener, best = i, fit
		}
	}
	return listener, best >= 0 && dst.IsValid()
}

// Close closes every socket and connection, and returns when the last goroutine is gone. It must
// not be called from Receive. Messages written afterwards fail with
// net.ErrClosed.
func (s *Set) Close() error {
	s.closeOnce.Do(func() {
		var errs []error
		for _, g := range s.groups {
			if g.stream() {
				errs = append(errs, g.accepts.Close())
			}
			for _, sock := range g.sockets {
				errs = append(errs, sock.close())
			}
		}
		s.pool.close()
		s.closeErr = errors.Join(errs...)
	})
	s.wg.Wait()
	return s.closeErr
}
