package bridge

import (
	"time"

	"b2bua/cdr"
	"b2bua/legs"
	"b2bua/legs/shard"
	"b2bua/legs/sipmsg"
	"b2bua/policy"
	"b2bua/sdp"
)

// A call is one bridge: the machine, and what its actions work on.
type call struct {
	b   *Bridge
	ref uint64
	m   machine
	rec *record

	began    time.Time // monotonic, like every time a duration is made of
	answered time.Time // the answer record was queued
	seed     shard.Seed

	in      *legs.Inbound
	attempt *attempt // the current one; nil before the first
	first   attempt  // room for the one that most calls have
	media   media
	setup   setup        // zero once the caller is answered
	reply   reply        // what opRing or opAnswer will send
	offered *sdp.Session // what opReoffer will pass on

	queue    []event // of what apply has in hand
	applying bool
	held     bool // it takes a place on its inbound trunk
	silenced bool // no Reason header may reach the caller
	finished bool // its record has been handed over
}

// setup is what a call needs until its caller is answered.
type setup struct {
	inv   *legs.Invite
	trunk *policy.Trunk
}

// A reply is a response to the caller that the attempt's message in hand led to.
type reply struct {
	status  int
	newTag  bool // it contradicts what the caller has been shown
	headers []sipmsg.Header
	body    legs.Body
}

func newCall(b *Bridge, c *legs.Core, in *legs.Inbound, inv *legs.Invite) *call {
	return &call{
		b: b, in: in, setup: setup{inv: inv}, began: c.Now(), seed: c.NewSeed(),
		rec: newRecord(b.cfg.NodeID, newCallID(c.Shard(), time.Now()), stamp(c), inv),
	}
}

// stamp is the time of the step in hand as records have it.
func stamp(c *legs.Core) time.Time { return c.Now().UTC().Truncate(time.Microsecond) }

// begin admits the call, reads its offer and asks for a plan.
func (k *call) begin(c *legs.Core) {
	inv := k.setup.inv
	snap := k.b.cfg.Engine.Load()
	k.rec.PolicyRevision = snap.Revision()
	trunk, ok := snap.Trunk(inv.Trunk)
	if !ok { // gone between identification and now
		k.apply(c, event{in: Unplanned, status: 403, end: cdr.EndNoRoute})
		return
	}
	k.setup.trunk, k.silenced = trunk, removes(trunk.HeaderPolicy, "Reason")
	if k.held = k.b.take(trunk.Name, trunk.Limits, c.Now()); !k.held {
		k.apply(c, event{in: Unplanned, status: 503, end: cdr.EndLimit})
		return
	}
	if ev, ok := k.unfit(); !ok {
		k.apply(c, ev)
		return
	}
	l := inv.Listener
	plan, err := snap.Plan(policy.Query{
		Source:       policy.Source{Addr: inv.Source, Listener: l.URL, Network: l.Network, Transport: l.Transport},
		InboundTrunk: inv.Trunk,
		Caller:       k.rec.Received.Caller, Called: k.rec.Received.Called,
		At: k.rec.StartedAt, Random: number(&k.seed),
	})
	if err != nil {
		k.apply(c, refusal(err))
		return
	}
	k.rec.Caller, k.rec.Called = plan.Caller, plan.Called
	k.apply(c, event{in: Planned, targets: plan.Targets})
}

// unfit says how an INVITE is refused that cannot be passed on whatever policy
// says; ok when it can.
func (k *call) unfit() (ev event, ok bool) {
	if wishesOf(k.setup.inv.Headers).unmet {
		return event{in: Unplanned, status: 500, end: cdr.EndRejected}, false // RFC 3323 §5
	}
	return k.media.receive(k.setup.inv)
}

// apply moves the machine and does what it says. Actions that fail at once
// (no port, no limit left) apply further events, which wait for their turn.
func (k *call) apply(c *legs.Core, ev event) {
	if k.applying {
		k.queue = append(k.queue, ev)
		return
	}
	k.applying = true
	k.move(c, ev)
	for len(k.queue) > 0 {
		ev, k.queue = k.queue[0], k.queue[1:]
		k.move(c, ev)
	}
	k.queue, k.applying = nil, false
}

// move is apply with one event.
func (k *call) move(c *legs.Core, ev event) {
	if ev.in == Failed && k.m.accepts(&ev) {
		k.attempt.over(c, ev.why.end())
	}
	var room [3]action
	for _, a := range k.m.step(ev, room[:0]) {
		k.do(c, a)
	}
}

// do performs one action.
func (k *call) do(c *legs.Core, a action) {
	switch a.op {
	case opDial:
		k.dial(c, a.attempt)
	case opRing:
		k.ring(c)
	case opJournal:
		k.journalAnswer(c)
	case opAnswer:
		k.answer()
	case opRefuse:
		k.rec.sent(a.status)
		k.in.Refuse(a.status, "", append(k.reasonHeaders(a.reason), a.headers...))
	case opDropIn:
		k.in.Hangup(k.toCaller(a.reason))
	case opDropOut:
		k.dropAttempt(c, a.reason)
	case opFinish:
		k.finish(c, a)
	default:
		k.doExchange(c, a)
	}
}

// ring shows the caller the 18x in hand.
func (k *call) ring(c *legs.Core) {
	now := stamp(c)
	if r, room := k.attempt.rec(); r.RingingAt == nil {
		room.ringing = now
		r.RingingAt = &room.ringing
	}
	if r := k.rec; r.RingingAt == nil {
		r.ringing, r.pdd = now, c.Now().Sub(k.began).Milliseconds()
		r.RingingAt, r.PDDMS = &r.ringing, &r.pdd
	}
	k.in.Progress(k.reply.status, k.reply.newTag, k.reply.headers, k.reply.body)
}

// answer sends the caller 200; what was needed to get there is let go.
func (k *call) answer() {
	k.rec.sent(200)
	k.in.Answer(k.reply.newTag, k.reply.headers, k.reply.body)
	k.setup, k.reply = setup{}, reply{}
	k.attempt.alarm.Stop()
	k.media.settle(k.b.cfg.MediaTimeout, &k.attempt.media)
	k.attempt.settle()
	k.b.metrics.answered.Inc()
}

// dropAttempt ends the outbound leg. When hunting goes on without it, its part
// of the record and its media end here, else with the call.
func (k *call) dropAttempt(c *legs.Core, reason string) {
	a := k.attempt
	if a.leg != nil {
		if a.silenced {
			reason = ""
		}
		a.leg.Hangup(reason)
	}
	if k.m.Phase != Done {
		a.over(c, cdr.EndNoAnswer)
	}
}

// silent hears that an m-line was silent for the media timeout; when all are,
// the call ends.
func (k *call) silent(c *legs.Core, index int) {
	if k.media.silent(index, c.Now(), k.b.cfg.MediaTimeout) {
		k.apply(c, event{in: Stop, end: cdr.EndMediaTimeout, reason: `Q.850;cause=41;text="Media timeout"`})
	}
}

// toCaller is a Reason header for the caller's leg.
func (k *call) toCaller(reason string) string {
	if k.silenced {
		return ""
	}
	return reason
}

func (k *call) reasonHeaders(reason string) []sipmsg.Header {
	if reason = k.toCaller(reason); reason == "" {
		return nil
	}
	return []sipmsg.Header{{Name: "Reason", Value: reason}}
}

// number draws 62 bits from a seed; they tell nothing of the ids to come.
func number(s *shard.Seed) uint64 {
	var room [32]byte
	h := uint64(14695981039346656037)
	for _, b := range s.AppendNext(room[:0]) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h >> 2
}
