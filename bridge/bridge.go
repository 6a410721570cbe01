package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sort"
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
	// Queue queues one entry and never blocks; done is called when it is
	// written, after what belongs together has been committed
	// (legs.Config.Flushed). false means that the queue is full. Of what is not
	// Ended it keeps nothing.
	Queue(mark cdr.Mark, r *cdr.Record, done func(error)) bool
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

	// JournalPatience is how long an answered callee waits for a disk that hangs
	// before the call is given up; 0 means 2 s.
	JournalPatience time.Duration

	Logger  *slog.Logger // nil discards
	Metrics *Metrics     // nil counts where nobody looks
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

	tell func(*legs.Core) // has a shard take the next news of its answer records

	cells   [shard.Count]cell
	live    atomic.Int64
	waiting atomic.Int64 // ended records that the journal has not taken
}

// A cell is what the bridge keeps on one shard.
type cell struct {
	// touched on the shard only
	calls shard.Index[*call] // by their refs, of which the lowest bits count
	last  uint64
	sight sight

	streams [2]cdr.Stream // room for those of an answer record, which the journal does not keep

	news news // of answer records
}

// find returns the call of that id, nil when it is not one of the shard's. It is
// for the API: a shard has few calls, and none but a call itself needs its id.
func (l *cell) find(callID string) *call {
	for k := range l.calls.All() {
		if k.rec.CallID == callID {
			return k
		}
	}
	return nil
}

// call returns the call of that ref, nil when it has ended.
func (l *cell) call(ref uint64) *call {
	k, _ := l.calls.Find(ref, func(k *call) bool { return k.ref == ref })
	return k
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
	if cfg.JournalPatience == 0 {
		cfg.JournalPatience = 2 * time.Second
	}
	b := &Bridge{cfg: cfg, log: cfg.Logger, metrics: cfg.Metrics}
	b.tell = b.journaled
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
	cell.calls.Add(k.ref, k)
	b.live.Add(1)
	in.Own(k)
	if b.log.Enabled(context.Background(), slog.LevelDebug) {
		b.log.Debug("call began", "call_id", k.rec.CallID, "source", inv.Source, "trunk", inv.Trunk,
			"caller", k.rec.Caller, "called", k.rec.Called, "sip_call_id", inv.CallID)
	}
	k.begin(c)
}

// affinity picks the call's relay thread: neighbours on a shard, and shards, take
// turns.
func (k *call) affinity() uint32 { return uint32(k.ref)*shard.Count + uint32(k.home()) }

// home is the shard that the call is on.
func (k *call) home() shard.ID { return shard.ID(k.ref >> 56) }

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
		k = b.call(c, o.ref) // it may have been read in anew since
	case *attempt:
		k = b.call(c, o.call.ref)
	}
	if k != nil {
		k.crashed(c)
	}
}

// crashed ends the call in whatever state it is. What fails once more is left
// out; the record is handed over in any case.
func (k *call) crashed(c *legs.Core) {
	if !k.finished {
		k.b.log.Error("a call ends for a fault of ours", "call_id", k.rec.CallID, "phase", k.m.Phase)
	}
	k.applying, k.queue = false, nil // what it was at is not gone on with
	stop := event{in: Stop, status: 500, end: cdr.EndInternal}
	steps := []func(){
		func() { k.apply(c, stop) },
		func() { // it was ending already, or that failed too
			k.m.Phase = Done
			k.in.Refuse(stop.status, "", nil)
			k.in.Hangup("")
		},
		func() { k.dropAttempt(c, "") },
		func() { k.closeRecord(c, action{end: stop.end, by: cdr.BySystem}) },
		k.giveBack,
		func() { k.handOver(c) },
	}
	for _, step := range steps {
		if k.finished {
			return
		}
		k.fenced(step)
	}
}

func (k *call) fenced(step func()) {
	defer func() {
		if v := recover(); v != nil {
			k.b.log.Error("a call crashed while it was ended", "call_id", k.rec.CallID, "panic", v)
		}
	}()
	step()
}

// forget drops an ended call.
func (b *Bridge) forget(c *legs.Core, k *call) {
	b.cells[c.Shard()].calls.Remove(k.ref, k)
	b.live.Add(-1)
}

// Live returns how many calls are up, and how many have ended whose records the
// journal has not taken yet.
func (b *Bridge) Live() int { return int(b.live.Load() + b.waiting.Load()) }

// List returns the live calls, oldest first, as unfinished records.
func (b *Bridge) List(ctx context.Context) ([]cdr.Record, error) {
	s := b.stack.Load()
	if s == nil {
		return nil, nil
	}
	var out []cdr.Record
	err := s.Each(ctx, func(c *legs.Core) {
		for k := range b.cells[c.Shard()].calls.All() {
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
	home, ok := homeOf(callID)
	if s == nil || !ok {
		return ErrNoCall
	}
	done := make(chan error, 1)
	s.Post(home, func(c *legs.Core) {
		err := ErrNoCall
		defer func() { done <- err }()
		if k := b.cells[c.Shard()].find(callID); k != nil {
			c.Blame(k)
			err = nil
			fn(c, k)
		}
	})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// on runs fn on a call's shard, later; the call is nil when it has ended.
func (b *Bridge) on(s *legs.Stack, ref uint64, fn func(*legs.Core, *call)) {
	s.Post(shard.ID(ref>>56), func(c *legs.Core) {
		k := b.call(c, ref)
		if k != nil {
			c.Blame(k)
		}
		fn(c, k)
	})
}

// call finds a live call of the shard; nil when it has ended.
func (b *Bridge) call(c *legs.Core, ref uint64) *call { return b.cells[c.Shard()].call(ref) }

// EndAll ends every call for the given reason, and returns when the journal has
// taken every record or ctx ends.
func (b *Bridge) EndAll(ctx context.Context, end cdr.EndReason) error {
	s := b.stack.Load()
	if s == nil {
		return nil
	}
	stop := func(c *legs.Core, k *call) {
		if k != nil {
			k.apply(c, event{in: Stop, status: 503, end: end})
		}
	}
	// Each call ends in a step of its own: one that fails takes no other along.
	err := s.Each(ctx, func(c *legs.Core) {
		for k := range b.cells[c.Shard()].calls.All() {
			b.on(s, k.ref, stop)
		}
	})
	if err == nil {
		err = s.Each(ctx, func(*legs.Core) {}) // behind what was posted
	}
	tick := time.NewTicker(journalRetry)
	defer tick.Stop()
	for err == nil && b.waiting.Load() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	return err
}

// MediaEvents takes what the relay noticed; give it to rtprelay.Config.Events.
func (b *Bridge) MediaEvents(batch []rtprelay.Event) {
	s := b.stack.Load()
	if s == nil {
		return
	}
	for _, ev := range batch {
		if ev.Kind == rtprelay.Latched {
			continue
		}
		kind, index, source := ev.Kind, ev.Index, ev.Source
		b.on(s, ev.Ref, func(c *legs.Core, k *call) {
			switch {
			case k == nil:
			case kind == rtprelay.Timeout:
				k.silent(c, index)
			case kind == rtprelay.Conflict:
				b.log.Info("media from a source that the signalling does not make plausible is dropped",
					"call_id", k.rec.CallID, "source", source)
			}
		})
	}
}
