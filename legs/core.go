package legs

import (
	"net/netip"
	"time"

	"b2bua/legs/resolve"
	"b2bua/legs/shard"
	"b2bua/legs/sipmsg"
	"b2bua/legs/transport"
	"b2bua/legs/txn"
)

// A Core is one shard's half of the stack: its transactions and its legs. Only
// the goroutine that runs the shard touches it, so nothing here is locked. A
// *Core is handed to the [Handler] with every call and is good for that call
// only.
type Core struct {
	stack *Stack
	shard *shard.Shard[input]
	now   time.Time

	servers txn.Table[*serverTx]
	clients txn.Table[*clientTx]
	legs    map[string]leg // by every local tag

	script script               // of the step in hand, reused
	events []Event              // for the bridge, delivered when the step is done
	out    []transport.Outgoing // written when the shard is drained
	hand   *serverTx            // of the request in hand
	owner  any                  // whose work is in hand, for the panic fence
}

// input is what enters a shard. Timers, packets and posted functions are all
// inputs, so that one queue keeps their order.
type input interface{ enter(c *Core) }

// leg is what the core needs of both kinds.
type leg interface {
	Leg
	owns(m *sipmsg.Message) bool
	request(c *Core, m *sipmsg.Message)
	base() *runtime
}

// runtime is what a leg has besides its state: nothing in it is worth writing
// down.
type runtime struct {
	core  *Core
	owner any
	alarm alarm
	tags  []string // keys in core.legs

	flow   transport.Flow // where the INVITE came from or went to
	trunk  string
	accept string // policy's in_dialog_source

	hopURI  string // the last next hop that was resolved, and its address
	hopAddr netip.AddrPort
}

func (r *runtime) base() *runtime { return r }

// Owner returns what the bridge attached.
func (r *runtime) Owner() any { return r.owner }

type posted func(*Core)

func (f posted) enter(c *Core) { f(c) }

// Handler is what a bridge is to the legs. All its methods run on the leg's
// shard. They may call legs, which never call back: what a leg has to say
// comes as a further Event after the Handler has returned.
type Handler interface {
	// Invite is a new call. The Invite is the handler's to keep.
	Invite(c *Core, leg *Inbound, inv *Invite)
	// Event is something that happened to a leg; its Owner is the handler's.
	Event(c *Core, ev Event)
	// Crashed reports that work for owner panicked: that call must end, with a
	// record, and nothing else may notice. owner is nil when no call was known.
	Crashed(c *Core, owner any)
}

// Now is the time of the step in hand.
func (c *Core) Now() time.Time { return c.now }

// Shard is the shard this Core is.
func (c *Core) Shard() shard.ID { return c.shard.ID }

// NewSeed returns the source of a new object's ids, bound to this shard.
func (c *Core) NewSeed() shard.Seed { return shard.NewSeed(c.stack.cfg.Node, c.shard.ID) }

// Post runs fn on this shard, later. It may be called from any goroutine and
// never fails: what is posted belongs to a call that exists.
func (c *Core) Post(fn func(*Core)) { c.stack.Post(c.shard.ID, fn) }

// Blame says whose work the rest of this step is, so that the panic fence ends
// the right call. What is posted begins without an owner.
func (c *Core) Blame(owner any) { c.owner = owner }

// A Timer is what Schedule set; Stop it on its shard.
type Timer = shard.Timer[input]

// A Wakeable is woken on its shard at a time it asked for.
type Wakeable interface{ Wake(c *Core) }

type wake struct{ w Wakeable }

func (w wake) enter(c *Core) {
	if o, ok := w.w.(interface{ Owner() any }); ok {
		c.owner = o.Owner()
	}
	w.w.Wake(c)
}

// Schedule wakes w at the time given, on this shard.
func (c *Core) Schedule(at time.Time, w Wakeable) *Timer {
	return c.shard.Wheel.Schedule(at, wake{w})
}

// Resolve finds the addresses of a URI's host, and calls done on this shard:
// at once for an IP address, else when the look-up is over.
func (c *Core) Resolve(uri sipmsg.URI, done func(*Core, []netip.AddrPort, error)) {
	port := uri.Port
	if port == 0 {
		port = 5060
	}
	if addr, err := netip.ParseAddr(unbracket(uri.Host)); err == nil {
		done(c, []netip.AddrPort{netip.AddrPortFrom(addr.Unmap(), uint16(port))}, nil)
		return
	}
	q := resolve.Request{Host: uri.Host, Port: port, Transport: "udp"}
	owner := c.owner
	c.stack.cfg.Resolver.Resolve(q, func(a resolve.Answer) {
		c.Post(func(c *Core) {
			c.owner = owner
			done(c, a.Targets, a.Err)
		})
	})
}

func unbracket(host string) string {
	if len(host) > 2 && host[0] == '[' {
		return host[1 : len(host)-1]
	}
	return host
}

// enter runs one input and everything that follows from it.
func (c *Core) enter(in input, now time.Time) {
	c.now, c.owner, c.hand = now, nil, nil
	in.enter(c)
	c.deliver()
}

// deliver hands the waiting events to the bridge. What the bridge does may
// add further ones; they come in order, never inside one another.
func (c *Core) deliver() {
	for i := 0; i < len(c.events); i++ {
		ev := c.events[i]
		c.events[i] = Event{}
		c.owner = ev.Leg.Owner()
		c.stack.cfg.Handler.Event(c, ev)
	}
	c.events = c.events[:0]
}

// crashed is the panic fence: the work in hand is given up, its call ended.
func (c *Core) crashed(v any, stack []byte) {
	c.stack.metrics.panics.Inc()
	c.stack.log.Error("a call crashed", "panic", v, "stack", string(stack))
	owner, hand := c.owner, c.hand
	c.script.acts, c.events, c.hand = nil, nil, nil
	if hand != nil && hand.req != nil {
		c.answer(hand, sipmsg.NewResponse(hand.req, 500, "", c.ownTag()))
	}
	c.stack.cfg.Handler.Crashed(c, owner)
	c.deliver()
}

// flush writes what the steps since the last flush produced, in order.
func (c *Core) flush() {
	if len(c.out) == 0 {
		return
	}
	c.stack.transport.Write(c.out)
	clear(c.out)
	c.out = c.out[:0]
}

func (c *Core) send(flow transport.Flow, raw []byte) {
	c.out = append(c.out, transport.Outgoing{Flow: flow, Data: raw})
}
