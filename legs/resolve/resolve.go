package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync"
)

// Errors of an [Answer], beside *[Error].
var (
	ErrBusy   = errors.New("resolve: too many requests are waiting for the DNS")
	ErrClosed = errors.New("resolve: closed")
	ErrHost   = errors.New("resolve: not a host name")
	ErrPort   = errors.New("resolve: not a port")
)

// Error is a look-up that failed.
type Error struct {
	Host     string
	NotFound bool  // the name has no address; otherwise the DNS did not say
	Err      error // what the look-up said
}

func (e *Error) Error() string { return fmt.Sprintf("resolve %s: %v", e.Host, e.Err) }

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

// Request asks for the addresses of a host.
type Request struct {
	Host      string // a name, an IPv4 or an IPv6 address, the latter with or without brackets
	Port      int    // 0: the transport's own
	Transport string // udp, tcp, tls, ws or wss in any case; empty means udp
}

// Answer has at least one target, in the order to try them, or an error.
type Answer struct {
	Targets []netip.AddrPort
	Err     error
}

// A Resolver answers requests. Its methods are safe for concurrent use.
type Resolver struct {
	cfg    Config
	ctx    context.Context //nolint:containedctx // the life of the pool: ends with Close
	cancel context.CancelFunc
	names  chan string // to look up; never full, since it holds as many as may wait
	wg     sync.WaitGroup

	mu      sync.Mutex // guards all below
	closed  bool
	cache   cache
	pending map[string][]waiter // by name; one look-up serves all
	waiting int                 // waiters in pending
}

type waiter struct {
	request Request
	done    func(Answer)
}

// New starts the workers.
func New(cfg Config) *Resolver {
	cfg = cfg.withDefaults()
	r := &Resolver{
		cfg:     cfg,
		names:   make(chan string, cfg.Queue),
		cache:   newCache(cfg.CacheSize),
		pending: make(map[string][]waiter),
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	for range cfg.Workers {
		r.wg.Go(r.work)
	}
	return r
}

// Resolve calls done exactly once: before it returns when the host is an IP
// address, is in the cache, or cannot be looked up now; from a goroutine of the
// resolver otherwise. done must not block, and must not call Close.
func (r *Resolver) Resolve(q Request, done func(Answer)) {
	if addr, ok := literal(q.Host); ok {
		r.cfg.Metrics.requests.WithLabelValues("literal").Inc()
		done(answer(usable([]netip.Addr{addr}, 1), q))
		return
	}
	name, err := canonical(q.Host)
	if err != nil {
		r.cfg.Metrics.requests.WithLabelValues("refused").Inc()
		done(Answer{Err: err})
		return
	}
	a, outcome := r.enter(name, waiter{q, done})
	r.cfg.Metrics.requests.WithLabelValues(outcome).Inc()
	if outcome != "lookup" {
		done(a)
	}
}

// enter answers from the cache or lets w wait. The outcome is the label of the
// metric; "lookup" means that w waits.
func (r *Resolver) enter(name string, w waiter) (a Answer, outcome string) {
	now := r.cfg.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return Answer{Err: ErrClosed}, "refused"
	}
	if e, ok := r.cache.get(name, now); ok {
		if e.err != nil {
			return Answer{Err: e.err}, "cache"
		}
		return answer(e.addrs, w.request), "cache"
	}
	if r.waiting >= r.cfg.Queue {
		return Answer{Err: ErrBusy}, "full"
	}
	r.waiting++
	waiters := r.pending[name]
	r.pending[name] = append(waiters, w)
	if len(waiters) == 0 {
		r.names <- name
	}
	r.cfg.Metrics.waiting.Set(float64(r.waiting))
	return Answer{}, "lookup"
}

// Close ends the look-ups that are under way, answers every waiting request with
// [ErrClosed], and returns when the last goroutine is gone and the last done has
// returned.
func (r *Resolver) Close() {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		close(r.names)
	}
	r.mu.Unlock()
	r.cancel()
	r.wg.Wait()
}

// work looks names up until Close. After that it only answers.
func (r *Resolver) work() {
	for name := range r.names {
		addrs, err := r.lookup(name)
		for _, w := range r.leave(name, addrs, err) {
			r.tell(w, addrs, err)
		}
	}
}

// tell calls done. A panic there fails what it was for, not the process.
func (r *Resolver) tell(w waiter, addrs []netip.Addr, err error) {
	defer func() {
		if v := recover(); v != nil {
			r.panicked(v)
		}
	}()
	if err != nil {
		w.done(Answer{Err: err})
		return
	}
	w.done(answer(addrs, w.request))
}

// query calls Lookup. A panic there is a failed look-up.
func (r *Resolver) query(ctx context.Context, name string) (addrs []netip.Addr, err error) {
	defer func() {
		if v := recover(); v != nil {
			r.panicked(v)
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return r.cfg.Lookup(ctx, r.cfg.Network, name)
}

func (r *Resolver) panicked(v any) {
	r.cfg.Metrics.panics.Inc()
	r.cfg.Logger.Error("panic while resolving", "panic", v, "stack", string(debug.Stack()))
}

// leave remembers the answer and returns who waits for it.
func (r *Resolver) leave(name string, addrs []netip.Addr, err error) []waiter {
	ttl := r.cfg.TTL
	if err != nil {
		ttl = r.cfg.FailureTTL
	}
	now := r.cfg.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	waiters := r.pending[name]
	delete(r.pending, name)
	r.waiting -= len(waiters)
	if !r.closed {
		r.cache.put(entry{name: name, addrs: addrs, err: err, until: now.Add(ttl)})
	}
	r.cfg.Metrics.waiting.Set(float64(r.waiting))
	r.cfg.Metrics.cached.Set(float64(r.cache.len()))
	return waiters
}

// lookup asks for one name. The error is *Error, or ErrClosed.
func (r *Resolver) lookup(name string) (addrs []netip.Addr, err error) {
	if r.ctx.Err() != nil {
		return nil, ErrClosed
	}
	ctx, cancel := context.WithTimeout(r.ctx, r.cfg.Timeout)
	defer cancel()
	start := r.cfg.Now()
	addrs, err = r.query(ctx, name)
	if r.ctx.Err() != nil {
		return nil, ErrClosed
	}
	r.cfg.Metrics.seconds.Observe(r.cfg.Now().Sub(start).Seconds())
	addrs = usable(addrs, r.cfg.MaxTargets)
	if err == nil && len(addrs) == 0 {
		err = &net.DNSError{Err: "no address", Name: name, IsNotFound: true}
	}
	if err == nil {
		r.cfg.Metrics.lookups.WithLabelValues("ok").Inc()
		return addrs, nil
	}
	failure := &Error{Host: name, Err: err, NotFound: isNotFound(err)}
	r.cfg.Metrics.lookups.WithLabelValues(label(failure)).Inc()
	r.cfg.Logger.Warn("look-up failed", "host", name, "error", err)
	return nil, failure
}

func isNotFound(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}

// label is the metric's word for a failed look-up.
func label(e *Error) string {
	var n net.Error
	switch {
	case e.NotFound:
		return "not_found"
	case errors.Is(e, context.DeadlineExceeded), errors.As(e.Err, &n) && n.Timeout():
		return "timeout"
	default:
		return "failed"
	}
}

// canonical returns the name as the cache knows it.
func canonical(host string) (string, error) {
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if name == "" || len(name) > 253 || strings.ContainsAny(name, " \t\r\n\x00/[]@:") {
		return "", ErrHost
	}
	return name, nil
}
