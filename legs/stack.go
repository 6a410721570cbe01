package legs

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"b2bua/legs/resolve"
	"b2bua/legs/shard"
	"b2bua/legs/transport"
	"b2bua/legs/txn"
	"b2bua/policy"
)

// Config says what a [Stack] is made of. Listeners, Identify, Allowed and
// Handler are required.
type Config struct {
	Node      uint16 // written into every id
	Product   string // User-Agent and Server; empty sends none
	Listeners []transport.ListenerConfig
	Sockets   int        // per UDP listener; 0 means one per two processors
	Timers    txn.Timers // zero fields mean RFC 3261's own

	BatchDelay time.Duration // how long datagrams that come fast may wait for others; 0 means never

	InDialogLimit int // events per shard and queue; 0 means the shard package's default
	NewLimit      int

	Streams    transport.StreamConfig // bounds of connections
	RoomWait   time.Duration          // how long a reader of a connection waits for room in a shard; 2 s
	SizeWait   time.Duration          // how long a request too long for UDP waits for a connection; 1 s
	SizeMemory time.Duration          // how long UDP is used for a target that has none; 10 min

	// Identify says whose request this is, before anything is remembered of it
	// (policy.Snapshot.Identify on the current snapshot).
	Identify func(policy.Source) (*policy.Trunk, bool)
	// Allowed says whether a trunk may speak from an address inside a dialog.
	Allowed func(trunk string, from netip.Addr) bool
	// RejectUnknown says on which networks strangers get 403; elsewhere they hear
	// nothing.
	RejectUnknown map[string]bool

	// Flushed is called when what some shards have said is on the wire, by the
	// goroutine that runs them: the moment to write down what they have recorded.
	// It must not block. nil: nothing.
	Flushed func()

	// Beat is called by who comes by every few milliseconds while there is much to
	// do, until again is false; see [transport.Config]. nil: nobody.
	Beat func(again bool)

	// Budget says how much one source may send; whoever is dialled is vouched
	// for. nil: anything.
	Budget *transport.Budget

	Resolver *resolve.Resolver // nil: a Contact with a host name is reached where its INVITE came from or went to
	Handler  Handler
	Logger   *slog.Logger // nil discards
	Metrics  *Metrics     // nil counts where nobody looks

	TransportMetrics *transport.Metrics
	ShardMetrics     *shard.Metrics
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// A Stack is all of SIP in this process: the dispatcher and its 256 shards.
type Stack struct {
	cfg        Config
	log        *slog.Logger
	metrics    *Metrics
	base       Timers
	newSeed    func(shard.ID) shard.Seed
	wire       wire
	listeners  []transport.Listener
	shards     *shard.Set[input]
	cores      [shard.Count]*Core
	recent     recent
	memory     memory
	images     images
	scripts    sync.Pool // of *script
	tcpless    tcpless
	dependents dependents

	ready    atomic.Bool // wire and listeners are set
	draining atomic.Bool
}

// wire is what the stack needs of a [transport.Set].
type wire interface {
	Write(batch []transport.Outgoing)
	Select(network, transport string, dst netip.AddrPort) (listener int, ok bool)
	Connect(f transport.Flow, within time.Duration, later func(transport.Flow, error)) (flow transport.Flow, now bool, err error)
	Close() error
}

// Start opens the listeners and serves them. It returns when every socket is
// bound; a request may reach the Handler before that.
func Start(cfg Config) (*Stack, error) {
	if len(cfg.Listeners) == 0 {
		return nil, errors.New("legs: Config lacks Listeners")
	}
	s, err := newStack(cfg)
	if err != nil {
		return nil, err
	}
	set, err := transport.Listen(transport.Config{
		Listeners: cfg.Listeners, Sockets: cfg.Sockets,
		Budget: cfg.Budget, Receive: s.receive, SendError: s.sendError,
		BatchDelay: cfg.BatchDelay, Beat: cfg.Beat, Streams: cfg.Streams, Closed: s.connectionLost,
		Logger: s.log, Metrics: cfg.TransportMetrics,
	})
	if err != nil {
		return nil, err
	}
	s.serve(set, set.Listeners())
	s.shards.Start()
	return s, nil
}

// newStack makes a stack that hears and says nothing yet.
func newStack(cfg Config) (*Stack, error) {
	if cfg.Identify == nil || cfg.Allowed == nil || cfg.Handler == nil {
		return nil, errors.New("legs: Config lacks Identify, Allowed or Handler")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	span := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	span(&cfg.RoomWait, DefaultRoomWait)
	span(&cfg.SizeWait, DefaultSizeWait)
	span(&cfg.SizeMemory, DefaultSizeMemory)
	cfg.Timers = *cfg.Timers.WithDefaults()
	s := &Stack{cfg: cfg, log: cfg.Logger, metrics: cfg.Metrics, recent: newRecent()}
	s.base = Timers{T1: cfg.Timers.T1, T2: cfg.Timers.T2}
	s.newSeed = func(id shard.ID) shard.Seed { return shard.NewSeed(cfg.Node, id) }
	s.shards = shard.NewSet(shard.Config[input]{
		InDialogLimit: cfg.InDialogLimit, NewLimit: cfg.NewLimit,
		Handle: func(sh *shard.Shard[input], in input, now time.Time) {
			sh.State.(*Core).enter(in, now)
		},
		Panic: func(sh *shard.Shard[input], _ *input, v any, stack []byte) {
			sh.State.(*Core).crashed(v, stack)
		},
		Drained: s.flush,
		Now:     cfg.Now, Metrics: cfg.ShardMetrics,
	})
	for i := range s.cores {
		sh := s.shards.Shard(shard.ID(i))
		c := &Core{stack: s, shard: sh, pen: pen{images: &s.images}}
		sh.State, s.cores[i] = c, c
	}
	return s, nil
}

// serve connects the stack with its wire. What has been heard before is lost:
// its sender will say it again.
func (s *Stack) serve(w wire, listeners []transport.Listener) {
	s.wire, s.listeners = w, listeners
	s.ready.Store(true)
}

// Listeners returns what is served, with the ports that port 0 became.
func (s *Stack) Listeners() []transport.Listener { return s.listeners }

// Drain refuses new calls from now on with 503; what is up goes on.
func (s *Stack) Drain() { s.draining.Store(true) }

// Post runs fn on a shard, later. It may be called from any goroutine. What is
// posted belongs to a call that was admitted, so it is never refused. After Stop
// it still runs, on the caller's goroutine, and what it sends goes nowhere.
func (s *Stack) Post(id shard.ID, fn func(*Core)) { s.shards.Admit(id, posted(fn)) }

// Together calls f, which posts, and then runs what was posted meanwhile on this
// goroutine, so that nobody has to wake up for it.
func (s *Stack) Together(f func()) { s.shards.Together(f) }

// Each runs fn on every shard, on no two at a time and in no order, and returns
// when the last one is done or ctx ends. A shard that is busy keeps none but
// itself waiting, and where fn has not begun by the time Each returns it never
// does. It must not be called from a shard.
func (s *Stack) Each(ctx context.Context, fn func(*Core)) error {
	var one sync.Mutex // held by the shard that runs fn
	over := false
	done := make(chan struct{}, len(s.cores))
	for i := range s.cores {
		s.Post(shard.ID(i), func(c *Core) {
			defer func() { done <- struct{}{} }()
			one.Lock()
			defer one.Unlock() // also when fn panics
			if !over {
				fn(c)
			}
		})
	}
	for range s.cores {
		select {
		case <-done:
		case <-ctx.Done():
			one.Lock()
			over = true
			one.Unlock()
			return context.Cause(ctx)
		}
	}
	return nil
}

// Stop closes the listeners and returns when the last goroutine is gone. Calls
// that are up are not hung up: end them first.
func (s *Stack) Stop() error {
	err := s.wire.Close()
	s.shards.Stop()
	return err
}

// Figures are what a stack holds at a moment.
type Figures struct {
	Legs               int
	ClientTransactions int
	ServerTransactions int
}

// Figures counts what every shard holds.
func (s *Stack) Figures(ctx context.Context) (Figures, error) {
	var f Figures
	err := s.Each(ctx, func(c *Core) {
		f.Legs += c.legs.index.Len()
		f.ClientTransactions += c.clients.count() + len(c.heard.all(c.now))
		f.ServerTransactions += c.servers.count(c.now)
	})
	return f, err
}

// SelectListener picks the listener of a network that reaches dest over a
// transport, "" being UDP, for those who are not on a shard.
func (s *Stack) SelectListener(network, proto string, dest netip.AddrPort) (listener int, ok bool) {
	if proto == "" {
		proto = "udp"
	}
	return s.wire.Select(network, proto, dest)
}
