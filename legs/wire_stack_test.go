package legs_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"b2bua/internal/siptest"
	"b2bua/legs"
	"b2bua/legs/shard"
	"b2bua/legs/transport"
	"b2bua/policy"
)

func TestStartNeedsItsParts(t *testing.T) {
	t.Parallel()
	if _, err := legs.Start(legs.Config{}); err == nil {
		t.Error("started without anything")
	}
	l := []transport.ListenerConfig{{URL: "udp://127.0.0.1:0"}}
	if _, err := legs.Start(legs.Config{Listeners: l}); err == nil {
		t.Error("started without a handler")
	}
}

// A listener that cannot be bound is named, and leaves nothing behind, even
// when datagrams arrive on another one meanwhile.
func TestStartOnATakenAddress(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := legs.Config{
		Sockets:   1,
		Listeners: []transport.ListenerConfig{{URL: "udp://127.0.0.1:0"}, {URL: "udp://" + r.server.String()}},
		Identify:  func(policy.Source) (*policy.Trunk, bool) { return nil, false },
		Allowed:   func(string, netip.Addr) bool { return false },
		Handler:   r.host,
	}
	if _, err := legs.Start(cfg); err == nil || !strings.Contains(err.Error(), r.server.String()) {
		t.Errorf("error %v", err)
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for network, want := range map[string]netip.AddrPort{"default": r.server, "quiet": r.quiet} {
		i, ok := r.stack.SelectListener(network, "", r.gate.Addr())
		r.on(out, func(c *legs.Core) {
			if j, same := c.Select(network, "udp", r.gate.Addr()); !ok || !same || i != j || c.Listener(i).Addr != want {
				t.Errorf("%s: %d %v, %d %v", network, i, ok, j, same)
			}
		})
	}
	if _, ok := r.stack.SelectListener("nowhere", "udp", r.gate.Addr()); ok {
		t.Error("a listener of no network")
	}
}

func TestEach(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var seen []shard.ID
	if err := r.stack.Each(context.Background(), func(c *legs.Core) { seen = append(seen, c.Shard()) }); err != nil {
		t.Fatal(err)
	}
	slices.Sort(seen)
	if len(slices.Compact(seen)) != shard.Count {
		t.Errorf("ran on %v", seen)
	}

	// A shard that hangs keeps nobody else waiting, nor those who give up.
	hold, held := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(hold) })
	defer release() // Stop waits for the shard
	var wg sync.WaitGroup
	wg.Go(func() {
		r.stack.Post(5, func(*legs.Core) {
			close(held)
			<-hold
		})
	})
	<-held
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(context.Background())
	seen = nil
	err := r.stack.Each(ctx, func(c *legs.Core) {
		if seen = append(seen, c.Shard()); len(seen) == shard.Count-1 {
			cancel(gone)
		}
	})
	if !errors.Is(err, gone) || len(seen) != shard.Count-1 {
		t.Errorf("error %v after %d shards", err, len(seen))
	}
	release()
	wg.Wait()
	if err := r.stack.Each(context.Background(), func(*legs.Core) {}); err != nil { // behind what was left there
		t.Fatal(err)
	}
	if len(seen) != shard.Count-1 {
		t.Error("it ran after it was given up")
	}
}

// What is posted from many goroutines runs one at a time, each poster's in its
// order.
func TestPostKeepsOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const posters, each = 4, 200
	var got [posters][]int
	var wg sync.WaitGroup
	for p := range posters {
		wg.Go(func() {
			for i := range each {
				r.stack.Post(9, func(*legs.Core) { got[p] = append(got[p], i) })
			}
		})
	}
	wg.Wait()
	r.on(9, func(*legs.Core) {})
	for p := range got {
		for i, n := range got[p] {
			if i != n {
				t.Fatalf("poster %d: %d after %d others", p, n, i)
			}
		}
		if len(got[p]) != each {
			t.Errorf("poster %d: %d of %d", p, len(got[p]), each)
		}
	}
}

// After Stop nothing is sent or received, and those who still post or count are
// not left waiting.
func TestAfterStop(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, _, in := r.answered("stop-1")
	if err := r.stack.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := r.stack.Stop(); err != nil { // again
		t.Error(err)
	}
	r.hangup(in.shard, in.leg)
	f, err := r.stack.Figures(context.Background())
	if err != nil || f.Legs > 1 {
		t.Errorf("%+v, %v", f, err)
	}
	r.caller.Silent()
}

// Under overload a new INVITE hears 503 with a spread Retry-After; what is in a
// dialog, and what was let in before, does not.
func TestOverload(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *rig, c *legs.Config) { c.NewLimit = 1 })
	pending, in := r.call("overload-1")
	r.caller.Expect("100")
	hold, held := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(hold) })
	defer release() // Stop waits for the shard
	var wg sync.WaitGroup
	wg.Go(func() {
		r.stack.Post(in.shard, func(*legs.Core) {
			close(held)
			<-hold
		})
	})
	<-held
	// New calls, until some have met the shard that is held. They come by another
	// listener: what was posted may have run in the reader of the first.
	crowd, pacer := siptest.New(t, callerIP), siptest.New(t, callerIP)
	for i := range 40 * shard.Count {
		crowd.Send(r.quiet, crowd.Invite(r.uri(), "1", "crowd-"+strconv.Itoa(i), nil))
		if i%64 != 63 {
			continue
		}
		r.fence(pacer, r.quiet)
		if r.count("b2bua_sip_refused_total", "overload") >= 2 {
			break
		}
	}
	m := crowd.Await("503 INVITE")
	if n, err := strconv.Atoi(m.Header("Retry-After")); err != nil || n < 1 || n > 20 {
		t.Errorf("Retry-After %q", m.Header("Retry-After"))
	}
	r.caller.Send(r.quiet, pending)
	r.caller.Send(r.quiet, r.caller.Cancel(pending)) // dropped: it will be sent again
	r.fence(pacer, r.quiet)
	release()
	wg.Wait()
	r.caller.Silent()
	r.caller.Send(r.server, r.caller.Cancel(pending))
	r.caller.Expect("200 CANCEL")
	r.caller.Expect("487 INVITE")
}

// Many calls leave nothing behind.
func TestNothingIsLeftOfManyCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *rig, c *legs.Config) { c.Timers = brief })
	r.host.does(hooks{invite: func(_ *legs.Core, leg *legs.Inbound, _ *legs.Invite) { leg.Refuse(404, "", nil) }})
	for i := range 200 {
		invite := r.caller.Invite(r.uri(), "1000", "many-"+strconv.Itoa(i), nil)
		r.caller.Send(r.server, invite)
		r.caller.Send(r.server, r.caller.Ack(invite, r.caller.Await("404")))
	}
	r.idle()
}
