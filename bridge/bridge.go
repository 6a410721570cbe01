package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"b2bua/cdr"
	"b2bua/legs"
	"b2bua/legs/shard"
	"b2bua/policy"
	"b2bua/rtprelay"
)

// Journal is where records go. cdr.Journal is one.
type Journal interface {
	// Append queues one entry and never blocks; done is called when it is
	// written. false means that the queue is full.
	Append(mark cdr.Mark, r *cdr.Record, done func(error)) bool
}

// Config says what a [Bridge] works with. Engine, Relay and Journal are
// required.
type Config struct {
	NodeID       string
	Engine       *policy.Engine
	Relay        *rtprelay.Relay
	Journal      Journal
	Advertise    map[string]netip.Addr // by AdvertiseKey: what SDP says instead of our own address
	MediaTimeout time.Duration         // silence of both sides that ends a call; 0 never
	Logger       *slog.Logger          // nil discards
	Metrics      *Metrics              // nil counts where nobody looks
	Now          func() time.Time      // wall clock of the records; nil means time.Now
}

// ErrNoCall is returned for a call_id that names no live call.
var ErrNoCall = fmt.Errorf("bridge: %w", cdr.ErrNotFound)

// A Bridge makes calls out of legs. It is the legs' Handler; its exported
// methods besides those of Handler may be called from any goroutine.
type Bridge struct {
	cfg     Config
	log     *slog.Logger
	metrics *Metrics
	limits  limits
	stack   atomic.Pointer[legs.Stack]

	ids   sync.Map          // call_id -> ref
	cells [shard.Count]cell // each touched on its shard only
	stop  atomic.Pointer[cdr.EndReason]
	live  atomic.Int64
}

// A cell is one shard's calls.
type cell struct {
	calls map[uint64]*call
	last  uint64
}

// New makes a bridge. Bind it to its stack before it is used over the API.
func New(cfg Config) (*Bridge, error) {
	if cfg.Engine == nil || cfg.Relay == nil || cfg.Journal == nil {
		return nil, errors.New("bridge: Config lacks Engine, Relay or Journal")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	b := &Bridge{cfg: cfg, log: cfg.Logger, metrics: cfg.Metrics}
	for i := range b.cells {
		b.cells[i].calls = make(map[uint64]*call)
	}
	b.metrics.watch(&b.live)
	return b, nil
}

// Bind tells the bridge on whose shards its calls are.
func (b *Bridge) Bind(s *legs.Stack) { b.stack.Store(s) }

// Invite is a new call (legs.Handler).
func (b *Bridge) Invite(c *legs.Core, in *legs.Inbound, inv *legs.Invite) {
	cell := &b.cells[c.Shard()]
	cell.last++
	k := newCall(b, c, in, inv)
	k.ref = uint64(c.Shard())<<56 | cell.last
	cell.calls[k.ref] = k
	b.ids.Store(k.rec.CallID, k.ref)
	b.live.Add(1)
	in.Own(k)
	k.begin(c)
}

// Event is news of a leg (legs.Handler).
func (b *Bridge) Event(c *legs.Core, ev legs.Event) {
	switch owner := ev.Leg.Owner().(type) {
	case *call:
		owner.inboundEvent(c, ev)
	case *attempt:
		owner.call.outboundEvent(c, owner, ev)
	}
}

// Crashed ends the call whose work panicked (legs.Handler).
func (b *Bridge) Crashed(c *legs.Core, owner any) {
	var k *call
	switch o := owner.(type) {
	case *call:
		k = o
	case *attempt:
		k = o.call
	}
	if k == nil || k.m.Phase == Done {
		return
	}
	k.apply(c, event{in: Stop, status: 500, end: cdr.EndInternal})
}

// forget drops an ended call.
func (b *Bridge) forget(c *legs.Core, k *call) {
	delete(b.cells[c.Shard()].calls, k.ref)
	b.ids.Delete(k.rec.CallID)
	b.live.Add(-1)
}

// Live returns how many calls are up.
func (b *Bridge) Live() int { return int(b.live.Load()) }

// List returns the live calls, oldest first, as unfinished records.
func (b *Bridge) List(ctx context.Context) ([]cdr.Record, error) {
	s := b.stack.Load()
	if s == nil {
		return nil, nil
	}
	var out []cdr.Record
	err := s.Each(ctx, func(c *legs.Core) {
		for _, k := range b.cells[c.Shard()].calls {
			out = append(out, *k.snapshot(c))
		}
	})
	if err != nil {
		return nil, err
	}
	sort.Slice(out, func(i, j int) bool { return out[i].CallID < out[j].CallID }) // UUIDv7: by time
	return out, nil
}

// Get returns one live call. The error is ErrNoCall when there is none.
func (b *Bridge) Get(ctx context.Context, callID string) (cdr.Record, error) {
	var rec *cdr.Record
	err := b.visit(ctx, callID, func(c *legs.Core, k *call) { rec = k.snapshot(c) })
	if err != nil {
		return cdr.Record{}, err
	}
	return *rec, nil
}

// Hangup ends a live call: BYE to both sides, or a final response and CANCEL.
// The error is ErrNoCall when there is none.
func (b *Bridge) Hangup(ctx context.Context, callID string) error {
	return b.visit(ctx, callID, func(c *legs.Core, k *call) {
		k.apply(c, event{in: Stop, status: 480, end: cdr.EndAPI})
	})
}

// visit runs fn on a live call's shard and waits for it.
func (b *Bridge) visit(ctx context.Context, callID string, fn func(*legs.Core, *call)) error {
	s := b.stack.Load()
	ref, ok := b.ids.Load(callID)
	if s == nil || !ok {
		return ErrNoCall
	}
	found := make(chan bool, 1)
	s.Post(shard.ID(ref.(uint64)>>56), func(c *legs.Core) {
		k := b.cells[c.Shard()].calls[ref.(uint64)]
		if k != nil {
			fn(c, k)
		}
		found <- k != nil
	})
	select {
	case ok := <-found:
		if !ok {
			return ErrNoCall
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// EndAll ends every call for the given reason.
func (b *Bridge) EndAll(ctx context.Context, end cdr.EndReason) error {
	s := b.stack.Load()
	if s == nil {
		return nil
	}
	return s.Each(ctx, func(c *legs.Core) {
		for _, k := range b.cells[c.Shard()].calls {
			k.apply(c, event{in: Stop, status: 503, end: end})
		}
	})
}

// MediaEvents takes what the relay noticed; give it to rtprelay.Config.Events.
func (b *Bridge) MediaEvents(batch []rtprelay.Event) {
	s := b.stack.Load()
	if s == nil {
		return
	}
	for _, ev := range batch {
		if ev.Kind != rtprelay.Timeout {
			continue
		}
		s.Post(shard.ID(ev.Ref>>56), func(c *legs.Core) {
			if k := b.cells[c.Shard()].calls[ev.Ref]; k != nil {
				k.silent(c, ev.Index)
			}
		})
	}
}
