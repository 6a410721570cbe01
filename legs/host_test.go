package legs_test

import (
	"sync"
	"testing"
	"time"

	"b2bua/internal/siptest"
	"b2bua/legs"
	"b2bua/legs/shard"
)

// A party is an owner of legs.
type party struct{ name string }

// A host is a Handler that tells the test what it hears.
type host struct {
	t       *testing.T
	invites chan invited
	events  chan heard
	crashes chan any

	mu    sync.Mutex
	hooks hooks
}

// hooks are what a host does itself; nil does nothing.
type hooks struct {
	invite func(*legs.Core, *legs.Inbound, *legs.Invite)
	event  func(*legs.Core, legs.Event)
	crash  func(*legs.Core, any)
}

// does sets what the host does from now on.
func (h *host) does(k hooks) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hooks = k
}

func (h *host) doing() hooks {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.hooks
}

// invited is a new call as the handler got it.
type invited struct {
	leg   *legs.Inbound
	inv   *legs.Invite
	shard shard.ID
}

// heard is an event and whose it was at the time.
type heard struct {
	legs.Event
	owner any
}

func newHost(t *testing.T) *host {
	return &host{
		t: t, invites: make(chan invited, 8192),
		events: make(chan heard, 4096), crashes: make(chan any, 1024),
	}
}

func (h *host) Invite(c *legs.Core, leg *legs.Inbound, inv *legs.Invite) {
	leg.Own(&party{inv.CallID})
	h.invites <- invited{leg, inv, c.Shard()}
	if do := h.doing().invite; do != nil {
		do(c, leg, inv)
	}
}

func (h *host) Event(c *legs.Core, ev legs.Event) {
	h.events <- heard{ev, ev.Leg.Owner()}
	if do := h.doing().event; do != nil {
		do(c, ev)
	}
}

func (h *host) Crashed(c *legs.Core, owner any) {
	h.crashes <- owner
	if do := h.doing().crash; do != nil {
		do(c, owner)
	}
}

func (h *host) invite() invited {
	h.t.Helper()
	select {
	case in := <-h.invites:
		return in
	case <-time.After(siptest.Patience):
		h.t.Fatal("no call came")
		return invited{}
	}
}

// expect returns the next event, which must be of that kind.
func (h *host) expect(kind legs.EventKind) heard {
	h.t.Helper()
	select {
	case ev := <-h.events:
		if ev.Kind != kind {
			h.t.Fatalf("event %v, wanted %v", ev.Kind, kind)
		}
		return ev
	case <-time.After(siptest.Patience):
		h.t.Fatalf("no event, wanted %v", kind)
		return heard{}
	}
}

// none fails when there is an event nobody asked for.
func (h *host) none() {
	h.t.Helper()
	select {
	case ev := <-h.events:
		h.t.Errorf("event %v, wanted none", ev.Kind)
	case in := <-h.invites:
		h.t.Errorf("a call %s, wanted none", in.inv.CallID)
	default:
	}
}

func (h *host) crash() any {
	h.t.Helper()
	select {
	case owner := <-h.crashes:
		return owner
	case <-time.After(siptest.Patience):
		h.t.Fatal("nobody crashed")
		return nil
	}
}
