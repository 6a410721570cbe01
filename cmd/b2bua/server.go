package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"b2bua/api"
	"b2bua/bridge"
	"b2bua/cdr"
	"b2bua/internal/config"
	"b2bua/legs"
	"b2bua/legs/resolve"
	"b2bua/legs/shard"
	"b2bua/legs/transport"
	"b2bua/legs/txn"
	"b2bua/policy"
	"b2bua/rtprelay"
	"b2bua/store"
)

// A server is every room of the house, wired. The fields stand in the order in
// which they start; they stop in reverse.
type server struct {
	cfg *config.Config
	log *slog.Logger
	reg *prometheus.Registry

	store    *store.Store
	engine   *policy.Engine
	policy   *policy.Service
	journal  *cdr.Journal
	flusher  *cdr.Flusher
	relay    *rtprelay.Relay
	resolver *resolve.Resolver
	bridge   *bridge.Bridge
	stack    *legs.Stack
	serving  atomic.Pointer[legs.Stack] // stack, for goroutines that begin before it
	http     *api.Server
	token    string

	draining atomic.Bool
	endTime  time.Duration // for the calls to end at a shutdown
	stopTime time.Duration // for each room to stop
	running  []room        // newest last
}

// A room is something that has started.
type room struct {
	name string
	stop func() error
}

// startServer starts everything, or nothing: what had started when something
// failed is stopped again.
func startServer(ctx context.Context, cfg *config.Config, log *slog.Logger) (*server, error) {
	s := &server{cfg: cfg, log: log, reg: prometheus.NewRegistry(), endTime: 10 * time.Second, stopTime: 10 * time.Second}
	s.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, start := range []func(context.Context) error{
		s.startStore, s.startPolicy, s.startCDRs, s.startMedia, s.startSIP, s.startHTTP,
	} {
		err := start(ctx)
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return nil, errors.Join(err, s.stop())
		}
	}
	return s, nil
}

// later notes how to stop what has just started.
func (s *server) later(name string, stop func() error) {
	s.running = append(s.running, room{name, stop})
}

// stop stops everything that runs, newest first. A room that does not stop in
// time is left behind, so that the others, the journal above all, still stop
// in order.
func (s *server) stop() error {
	var errs []error
	for _, r := range slices.Backward(s.running) {
		done := make(chan error, 1)
		go func() { done <- r.stop() }()
		patience := time.NewTimer(s.stopTime)
		select {
		case err := <-done:
			if err != nil {
				errs = append(errs, fmt.Errorf("stop %s: %w", r.name, err))
			}
		case <-patience.C:
			errs = append(errs, fmt.Errorf("stop %s: not done after %s", r.name, s.stopTime))
		}
		patience.Stop()
	}
	s.running = nil
	return errors.Join(errs...)
}

func (s *server) startStore(ctx context.Context) (err error) {
	if s.store, err = store.Open(ctx, s.cfg.Database.URL, store.Options{Offline: true, Logger: s.log, Metrics: store.NewMetrics(s.reg)}); err != nil {
		return fmt.Errorf("database.url: %w", err)
	}
	s.later("store", s.store.Close)
	return nil
}

func (s *server) startPolicy(ctx context.Context) error {
	s.engine = policy.NewEngine(nil)
	file := filepath.Join(filepath.Dir(s.cfg.CDR.Journal), "policy.snapshot.json")
	s.policy = policy.NewService(s.store, s.engine, file, s.log,
		policy.WithMetrics(policy.NewMetrics(s.reg)), policy.WithBounds(policyBounds(s.cfg)))
	if err := s.firstPolicy(ctx, file); err != nil {
		return err
	}
	follow, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.policy.Follow(follow, s.cfg.Database.Poll)
	}()
	s.later("policy", func() error {
		cancel()
		<-done
		return nil
	})
	return nil
}

// firstPolicy puts the stored policy in force, or the one kept on disk when the
// database cannot be reached.
func (s *server) firstPolicy(ctx context.Context, file string) error {
	err := s.policy.Refresh(ctx)
	if !errors.Is(err, store.ErrUnavailable) {
		return err
	}
	if rerr := s.policy.Restore(); rerr != nil {
		return errors.Join(err, rerr)
	}
	s.log.Warn("the database cannot be reached; calls go by the policy kept on disk", "file", file, "err", err)
	return nil
}

// policyBounds lets trunks name the networks that there are.
func policyBounds(cfg *config.Config) policy.Bounds {
	var b policy.Bounds
	for _, n := range cfg.NetworkList() {
		b.Networks = append(b.Networks, n.Name)
	}
	return b
}

// together lets the journal answer the calls of a batch at once, when there are
// any.
func (s *server) together(tell func()) {
	if stack := s.serving.Load(); stack != nil {
		stack.Together(tell)
		return
	}
	tell()
}

func (s *server) startCDRs(context.Context) (err error) {
	s.journal, err = cdr.Open(cdr.JournalConfig{
		Dir: s.cfg.CDR.Journal, NodeID: s.node(), Queue: s.cfg.Limits.JournalQueue,
		Together: s.together, Logger: s.log, Metrics: cdr.NewMetrics(s.reg),
	})
	if err != nil {
		return fmt.Errorf("cdr.journal: %w", err)
	}
	s.later("journal", s.journal.Close)
	s.flusher = cdr.NewFlusher(s.journal, s.store, cdr.FlusherConfig{Logger: s.log})
	s.flusher.Start()
	s.later("flusher", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), s.stopTime/2)
		defer cancel()
		if err := s.flusher.Flush(ctx); err != nil {
			s.log.Warn("not every record is in the database; the next start moves what the journal keeps", "dir", s.cfg.CDR.Journal, "err", err)
		}
		s.flusher.Stop()
		return nil
	})
	return nil
}

func (s *server) node() string { return strconv.Itoa(int(s.cfg.NodeID)) }

func (s *server) startMedia(context.Context) (err error) {
	m := s.cfg.Media
	networks := make(map[string]rtprelay.Network)
	advertise := make(map[string]netip.Addr)
	for _, n := range s.cfg.NetworkList() {
		networks[n.Name] = rtprelay.Network{Addresses: n.Media.Addresses, PortMin: n.Media.Ports.Min, PortMax: n.Media.Ports.Max}
		for _, v6 := range []bool{false, true} {
			if bind, public := n.MediaAddress(v6); bind != public {
				advertise[bridge.AdvertiseKey(n.Name, v6)] = public
			}
		}
	}
	s.relay, err = rtprelay.New(rtprelay.Config{
		Networks: networks, Workers: m.Workers, Quarantine: offWhenZero(m.Quarantine),
		LearnWindow: m.LearnWindow, MaxSessions: m.MaxSessions, BatchDelay: offWhenZero(m.BatchDelay),
		SpareSockets: offWhenZero(m.SpareSockets), SpareIdle: m.SpareIdle,
		Events: func(batch []rtprelay.Event) { s.bridge.MediaEvents(batch) },
		Logger: s.log, Metrics: rtprelay.NewMetrics(s.reg),
	})
	if err != nil {
		return fmt.Errorf("media: %w", err)
	}
	s.later("media", s.relay.Close)
	s.bridge, err = bridge.New(bridge.Config{
		NodeID: s.node(), Engine: s.engine, Relay: s.relay, Journal: s.journal, Advertise: advertise,
		MediaTimeout: m.Timeout, Logger: s.log, Metrics: bridge.NewMetrics(s.reg),
	})
	return err
}

// offWhenZero says to the relay what 0 means in the configuration.
func offWhenZero[T int | time.Duration](n T) T {
	if n == 0 {
		return -1
	}
	return n
}

func (s *server) startSIP(context.Context) (err error) {
	s.resolver = resolve.New(resolve.Config{
		Network: s.families(), Queue: s.cfg.Limits.ResolverQueue, Logger: s.log, Metrics: resolve.NewMetrics(s.reg),
	})
	s.later("resolver", func() error { s.resolver.Close(); return nil })
	var listeners []transport.ListenerConfig
	reject := make(map[string]bool)
	for _, n := range s.cfg.NetworkList() {
		reject[n.Name] = n.Unknown == "reject"
		for _, url := range n.Listen {
			listeners = append(listeners, transport.ListenerConfig{URL: url, Network: n.Name, Advertise: n.Advertise})
		}
	}
	budget, err := s.budget()
	if err != nil {
		return fmt.Errorf("limits: %w", err)
	}
	t := s.cfg.SIP.Timers
	s.stack, err = legs.Start(legs.Config{
		Node: s.cfg.NodeID, Product: "b2bua", Listeners: listeners,
		Timers:        txn.Timers{T1: t.T1, T2: t.T2, T4: t.T4, C: t.C},
		InDialogLimit: s.cfg.Limits.InDialogQueue, NewLimit: s.cfg.Limits.NewQueue,
		Identify: func(src policy.Source) (*policy.Trunk, bool) { return s.engine.Load().Identify(src) },
		Allowed:  func(trunk string, from netip.Addr) bool { return s.engine.Load().Allowed(trunk, from) },

		BatchDelay: s.cfg.SIP.BatchDelay, Streams: s.streams(), RoomWait: s.cfg.SIP.TCP.RoomTimeout,
		SizeWait: s.cfg.SIP.TCP.FallbackTimeout, SizeMemory: s.cfg.SIP.TCP.FallbackMemory,
		RejectUnknown: reject, Budget: budget, Resolver: s.resolver, Handler: s.bridge, Flushed: s.journal.Commit, Beat: s.journal.Beat, Logger: s.log,
		Metrics: legs.NewMetrics(s.reg), TransportMetrics: transport.NewMetrics(s.reg), ShardMetrics: shard.NewMetrics(s.reg),
	})
	if err != nil {
		return fmt.Errorf("sip.listen: %w", err)
	}
	s.bridge.Bind(s.stack)
	s.serving.Store(s.stack)
	s.later("sip", s.stack.Stop)
	return nil
}

// budget says how many messages a source may send: a trunk as the policy in
// force has it, and a stranger.
func (s *server) budget() (*transport.Budget, error) {
	l := s.cfg.Limits
	return transport.NewBudget(transport.BudgetConfig{
		Stranger: transport.Limit{Rate: l.SourceRate, Burst: l.SourceBurst},
		Trunk:    transport.Limit{Rate: l.TrunkRate, Burst: l.TrunkBurst},
		Known:    func(a netip.Addr) bool { return s.engine.Load().Knows(a) },
	})
}

// families says which addresses of a name are of use: those that a listener
// can reach.
func (s *server) families() string {
	v4, v6 := false, false
	for _, n := range s.cfg.NetworkList() {
		for _, url := range n.Listen {
			if l, err := config.ParseListen(url); err == nil {
				v4, v6 = v4 || l.Addr.Addr().Is4(), v6 || l.Addr.Addr().Is6()
			}
		}
	}
	switch {
	case v4 && !v6:
		return "ip4"
	case v6 && !v4:
		return "ip6"
	}
	return "ip"
}

func (s *server) startHTTP(ctx context.Context) error {
	token, created, err := api.LoadOrCreateToken(s.cfg.HTTP.TokenFile)
	if err != nil {
		return fmt.Errorf("http.token_file: %w", err)
	}
	if created {
		s.log.Info("admin token made", "file", s.cfg.HTTP.TokenFile)
	}
	s.token = token
	handler := api.New(api.Config{
		Policy: s.policy, Calls: s.bridge, CDRs: s.store, Ready: s.ready,
		Unavailable: store.ErrUnavailable,
		Metrics:     promhttp.HandlerFor(s.reg, promhttp.HandlerOpts{}), Token: token, Debug: s.cfg.HTTP.Debug,
		Version: buildVersion(), Logger: s.log, Own: api.NewMetrics(s.reg),
	})
	s.http = api.NewServer(s.cfg.HTTP.Listen, handler, s.log)
	if err := s.http.Start(ctx); err != nil {
		return fmt.Errorf("http.listen: %w", err)
	}
	s.later("http", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), s.stopTime/2)
		defer cancel()
		if err := s.http.Stop(ctx); err != nil {
			s.log.Warn("HTTP requests were cut", "err", err)
		}
		return nil
	})
	return nil
}

func (s *server) ready() error {
	if s.draining.Load() {
		return errors.New("draining: no new calls")
	}
	return nil
}
