package legs

import (
	"errors"
	"net/netip"
	"time"

	"b2bua/legs/resolve"
	"b2bua/legs/shard"
	"b2bua/legs/sipmsg"
	"b2bua/legs/transport"
)

// A Core is one shard's half of the stack: its transactions and its legs. Only
// the goroutine that runs the shard touches it, so nothing here is locked. A
// *Core is handed to the [Handler] with every call and is good for that call
// only.
type Core struct {
	stack *Stack
	shard *shard.Shard[input]
	now   time.Time

	servers servers
	sweep   Timer // of the remnants among them
	clients clients
	heard   hearings // what is left of those of them that are completed
	legs    directory

	events []Event              // for the bridge, delivered when the step is done
	next   int                  // the first of them that is not delivered yet
	out    []transport.Outgoing // written when the shard is drained
	pen    pen                  // for what is written outside a step
	spent  spent                // free when the shard is drained

	// Whose work is in hand, for the panic fence; all nil between inputs.
	hand  *serverTx // of the request in hand
	leg   leg       // the leg in hand
	owner any       // named by Blame, or the owner of a timer
}

// input is what enters a shard. Timers, packets and posted functions are all
// inputs, so that one queue keeps their order.
type input interface{ enter(c *Core) }

// leg is what the core needs of both kinds.
type leg interface {
	Leg
	tags() int          // by how many tags it is listed in core.legs
	tagAt(i int) string // one of them, the oldest first
	remote() *Remote
	owns(m *sipmsg.Message) bool
	request(m *sipmsg.Message, tx *serverTx)
	finished() // a request of the leg, but for INVITEs, has its final response or never will
	ended()    // let go of what is around the leg
	base() *shell
	tag() string // the newest local one

	// Of an INVITE of ours, see reinvite.go:
	heard(m *sipmsg.Message)
	ackOf(final *sipmsg.Message) []byte
	unheard(cseq uint32, ev Event)
	silent(cseq uint32)
	settled(cseq uint32)
	refusalOver()
}

// shell is what a leg has besides its state: nothing in it is worth writing
// down.
type shell struct {
	core  *Core
	owner any
	asked *serverTx // of the peer's re-INVITE; nil when none is under way
	mute  bool      // nobody knows this leg: it has no events
	known int       // tags that are in core.legs
	alarm Timer

	hopURI      string // the last next hop that was resolved, and its address
	hopAddr     netip.AddrPort
	hopListener int        // that sends there
	hopHome     bool       // by the flow that the dialog lives on
	hopLost     bool       // it could not be resolved: hopAddr is the best we have
	hopBusy     bool       // a look-up or a dial is under way, or what waited is being sent
	waiting     []*sending // what waits for it, in order
}

func (r *shell) base() *shell { return r }

// Owner returns what the bridge attached.
func (r *shell) Owner() any { return r.owner }

type posted func(*Core)

func (f posted) enter(c *Core) { f(c) }

// Handler is what a bridge is to the legs. All its methods run on the leg's
// shard. They may call legs, which never call back: what a leg has to say
// comes as a further Event after the Handler has returned.
type Handler interface {
	// Invite is a new call. The Invite is the handler's to keep, but for the lists of
	// its URIs and addresses, From and To: these are good until the step is over in
	// which the leg sends its final response.
	Invite(c *Core, leg *Inbound, inv *Invite)
	// Event is something that happened to a leg; its Owner is the handler's.
	Event(c *Core, ev Event)
	// Crashed reports that work for owner panicked: that call must end, with a
	// record, and nothing else may notice. owner is nil when no call was known.
	// The leg whose work it was, if any, is hung up when Crashed returns.
	Crashed(c *Core, owner any)
}

// Now is the time of the step in hand.
func (c *Core) Now() time.Time { return c.now }

// Shard is the shard this Core is.
func (c *Core) Shard() shard.ID { return c.shard.ID }

// NewSeed returns the source of a new object's ids, bound to this shard.
func (c *Core) NewSeed() shard.Seed { return c.stack.newSeed(c.shard.ID) }

// Post runs fn on this shard, later. It may be called from any goroutine and
// never fails: what is posted belongs to a call that exists.
func (c *Core) Post(fn func(*Core)) { c.stack.Post(c.shard.ID, fn) }

// Blame says whose work the rest of this step is, so that the panic fence ends
// the right call. What is posted begins without an owner.
func (c *Core) Blame(owner any) { c.owner = owner }

// A Timer is what Schedule set; Stop it on its shard.
type Timer = shard.Timer[input]

// A Wakeable is woken on its shard at a time it asked for. One that has a method
// Owner() any is known to the panic fence.
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

var errNoResolver = errors.New("legs: a host name, and Config.Resolver is nil")

// Resolve finds the addresses of a URI's host, and calls done on this shard:
// at once for an IP address, else when the look-up is over.
func (c *Core) Resolve(uri sipmsg.URI, done func(*Core, []netip.AddrPort, error)) {
	if addr, ok := literal(uri); ok {
		done(c, []netip.AddrPort{addr}, nil)
		return
	}
	r := c.stack.cfg.Resolver
	if r == nil {
		done(c, nil, errNoResolver)
		return
	}
	owner := c.culprit()
	r.Resolve(resolve.Request{Host: uri.Host, Port: int(portOf(uri)), Transport: transportOf(uri)}, func(a resolve.Answer) {
		c.Post(func(c *Core) {
			c.Blame(owner)
			done(c, a.Targets, a.Err)
		})
	})
}

// enter runs one input and everything that follows from it.
func (c *Core) enter(in input, now time.Time) {
	c.now = now
	in.enter(c)
	c.deliver()
	c.rest()
	if p, ok := in.(*packet); ok {
		c.stack.reuse(p)
	}
}

// deliver hands the waiting events to the bridge. What the bridge does may
// add further ones; they come in order, never inside one another.
func (c *Core) deliver() {
	for c.next < len(c.events) {
		ev := c.events[c.next]
		c.events[c.next] = Event{}
		c.next++
		c.hand, c.owner, c.leg = nil, nil, ev.Leg.(leg)
		c.stack.cfg.Handler.Event(c, ev)
		if ev.Kind == Ended {
			c.leg.base().owner = nil // an ended leg may outlive its call by 64*T1
		}
	}
	c.events, c.next = c.events[:0], 0
}

// rest forgets whose work was in hand.
func (c *Core) rest() { c.hand, c.leg, c.owner = nil, nil, nil }

// flush writes what the steps of these shards since the last flush produced,
// each shard's in order.
func (s *Stack) flush(shards []*shard.Shard[input]) {
	if s.cfg.Flushed != nil {
		defer s.cfg.Flushed() // also when the wire panics: the record is no less true
	}
	first := shards[0].State.(*Core)
	for _, sh := range shards[1:] {
		c := sh.State.(*Core)
		first.out = append(first.out, c.out...)
		clear(c.out)
		c.out = c.out[:0]
	}
	if batch := first.out; len(batch) > 0 {
		if first.out = batch[:0]; cap(batch) > outKeep {
			first.out = nil
		}
		s.wire.Write(batch)
		clear(batch)
	}
	for _, sh := range shards {
		sh.State.(*Core).spare()
	}
}

// outKeep is how many messages a core has room for while it has none.
const outKeep = 16

// send sends what belongs to a peer and not to one connection: a response, an ACK.
func (c *Core) send(flow transport.Flow, raw []byte) {
	c.out = append(c.out, transport.Outgoing{Flow: flow, Data: raw, Redial: true})
}

// set moves the one timer of a transaction or leg to at; zero stops it.
func (c *Core) set(alarm *Timer, at time.Time, in input) {
	if at.IsZero() {
		alarm.Stop()
	} else {
		c.shard.Wheel.Set(alarm, at, in)
	}
}
