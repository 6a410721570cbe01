package bridge

import (
	"net/netip"
	"time"

	"b2bua/cdr"
	"b2bua/legs"
	"b2bua/legs/shard"
	"b2bua/legs/sipmsg"
	"b2bua/legs/transport"
	"b2bua/policy"
)

// A call is one bridge: the machine, and what its actions work on.
type call struct {
	b   *Bridge
	ref uint64
	m   Machine
	rec *cdr.Record

	began    time.Time // monotonic
	answered time.Time
	seed     shard.Seed

	in    *legs.Inbound
	inv   *legs.Invite // until the caller is answered
	trunk *policy.Trunk
	ours  netip.Addr // our address towards the caller
	media media

	attempts []*attempt
	ring     *legs.Timer
	hand     *legs.Event // the leg event in hand, for opRing
	shown    *legs.Body  // what the caller's 2xx will carry, and whether under a new tag
	newTag   bool
	holds    []string // trunks on which the call takes a place
}

// An attempt is one outbound INVITE.
type attempt struct {
	call   *call
	no     int
	target *policy.Target
	leg    *legs.Outbound // nil until it is dialled
	ours   netip.Addr     // our address towards it
	media  side
}

func newCall(b *Bridge, c *legs.Core, in *legs.Inbound, inv *legs.Invite) *call {
	k := &call{b: b, in: in, inv: inv, began: c.Now(), seed: c.NewSeed(), ours: address(inv.Listener)}
	k.rec = newRecord(b.cfg.NodeID, b.wall(), inv)
	return k
}

func (b *Bridge) wall() time.Time { return b.cfg.Now().UTC().Truncate(time.Microsecond) }

// begin admits the call, reads its offer and asks for a plan.
func (k *call) begin(c *legs.Core) {
	snap := k.b.cfg.Engine.Load()
	k.rec.PolicyRevision = snap.Revision()
	k.trunk, _ = snap.Trunk(k.inv.Trunk)
	if k.trunk == nil { // gone between identification and now
		k.apply(c, event{in: Unplanned, status: 403, end: cdr.EndNoRoute})
		return
	}
	if !k.take(k.trunk.Name, k.trunk.Limits) {
		k.apply(c, event{in: Unplanned, status: 503, end: cdr.EndLimit})
		return
	}
	if status := k.media.receive(k.inv); status != 0 {
		k.apply(c, event{in: Unplanned, status: status, end: cdr.EndBadOffer})
		return
	}
	l := k.inv.Listener
	plan, err := snap.Plan(policy.Query{
		Source:       policy.Source{Addr: k.inv.Source, Listener: l.URL, Network: l.Network, Transport: l.Transport},
		InboundTrunk: k.inv.Trunk,
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

// apply moves the machine and does what it says. Actions that fail at once
// (no port, no limit left) come back as further events.
func (k *call) apply(c *legs.Core, ev event) {
	queue := []event{ev}
	for len(queue) > 0 {
		ev, queue = queue[0], queue[1:]
		if ev.in == Failed {
			k.attemptOver(ev)
		}
		for _, a := range k.m.step(ev) {
			queue = append(queue, k.do(c, a)...)
		}
	}
}

// do performs one action and returns the events it led to.
func (k *call) do(c *legs.Core, a action) []event {
	switch a.op {
	case opDial:
		return k.dial(c, a.attempt)
	case opRing:
		k.passRinging()
	case opJournal:
		return k.journalAnswer(c)
	case opAnswer:
		k.answer(c)
	case opRefuse:
		k.rec.SIPStatus = &a.status
		k.in.Refuse(a.status, "", reasonHeaders(a.reason))
	case opDropIn:
		k.in.Hangup(a.reason)
	case opDropOut:
		k.dropAttempt(a.attempt, a.reason)
	case opFinish:
		k.finish(c, a)
	}
	return nil
}

// inboundEvent is news of the caller.
func (k *call) inboundEvent(c *legs.Core, ev legs.Event) {
	switch ev.Kind {
	case legs.Cancelled:
		status := 487
		k.rec.SIPStatus = &status
		k.apply(c, event{in: CallerGone, reason: ev.Reason})
	case legs.Bye:
		k.apply(c, event{in: CallerGone, reason: ev.Reason})
	case legs.AckLost:
		k.apply(c, event{in: Stop, end: cdr.EndAckTimeout, reason: `SIP;cause=408;text="ACK timeout"`})
	}
}

// outboundEvent is news of an attempt.
func (k *call) outboundEvent(c *legs.Core, a *attempt, ev legs.Event) {
	switch ev.Kind {
	case legs.Progress:
		if !k.waitsFor(a) {
			return
		}
		k.hand = &ev
		if status := k.media.preview(k, a, ev); status != 0 {
			k.giveUp(c, a, status)
		} else {
			k.apply(c, event{in: Rang, attempt: a.no})
		}
		k.hand = nil
	case legs.Accepted:
		k.accepted(c, a, ev)
	case legs.Refused:
		why := ByStatus
		if ev.Cause == legs.ByTimeout {
			why = ByTimeout
		} else if ev.Cause == legs.ByTransport {
			why = ByTransport
		}
		k.apply(c, event{in: Failed, attempt: a.no, status: ev.Status, why: why, reason: header(ev.Headers, "Reason")})
	case legs.Bye:
		k.apply(c, event{in: CalledGone, reason: ev.Reason})
	}
}

// waitsFor reports whether news of an attempt still matters.
func (k *call) waitsFor(a *attempt) bool {
	return k.m.Attempt == a.no && (k.m.Phase == Dialing || k.m.Phase == Ringing)
}

// accepted takes the 2xx of an attempt: its answer must fit, then the record is
// written, and only then is the caller answered.
func (k *call) accepted(c *legs.Core, a *attempt, ev legs.Event) {
	if !k.waitsFor(a) {
		a.leg.Hangup("") // given up meanwhile
		return
	}
	a.leg.Ack(legs.Body{})
	body, newTag, status := k.media.accept(k, a, ev)
	if status != 0 {
		k.giveUp(c, a, status)
		return
	}
	k.shown, k.newTag = body, newTag
	k.apply(c, event{in: Answered, attempt: a.no})
}

// giveUp ends an attempt whose answer cannot be used.
func (k *call) giveUp(c *legs.Core, a *attempt, status int) {
	a.leg.Hangup(`SIP;cause=488;text="Not Acceptable Here"`)
	k.apply(c, event{in: Failed, attempt: a.no, status: status, why: ByAnswer})
}

// passRinging shows the caller the 18x in hand.
func (k *call) passRinging() {
	ev := k.hand
	a := k.attempts[len(k.attempts)-1]
	now := k.b.wall()
	if a.rec().RingingAt == nil {
		a.rec().RingingAt = &now
	}
	if k.rec.RingingAt == nil {
		pdd := now.Sub(k.rec.StartedAt).Milliseconds()
		k.rec.RingingAt, k.rec.PDDMS = &now, &pdd
	}
	var body legs.Body
	newTag := false
	if k.shown != nil {
		body, newTag = *k.shown, k.newTag
		k.shown, k.newTag = nil, false
	}
	k.in.Progress(ev.Status, newTag, k.backward(a, ev.Headers), body)
}

// answer sends the caller 200.
func (k *call) answer(c *legs.Core) {
	a := k.attempts[len(k.attempts)-1]
	status := 200
	k.rec.SIPStatus = &status
	k.in.Answer(k.newTag, k.backward(a, nil), *k.shown)
	k.shown, k.inv, k.answered = nil, nil, c.Now()
	k.media.talk(k.b.cfg.MediaTimeout)
	k.b.metrics.answered.Inc()
}

// silent counts an m-line on which nobody has said anything for the media
// timeout; when none is left the call ends.
func (k *call) silent(c *legs.Core, index int) {
	if k.media.silent(index) {
		k.apply(c, event{in: Stop, end: cdr.EndMediaTimeout, reason: `Q.850;cause=41;text="Media timeout"`})
	}
}

// dropAttempt ends the outbound leg and its side of the media.
func (k *call) dropAttempt(no int, reason string) {
	a := k.attempts[no-1]
	k.stopRing()
	if a.leg != nil {
		a.leg.Hangup(reason)
	}
	if k.m.Phase != Done { // hunting goes on without it
		k.closeAttempt(a, cdr.EndNoAnswer)
		a.media.close()
		k.releaseLast()
	}
}

func (k *call) stopRing() {
	if k.ring != nil {
		k.ring.Stop()
		k.ring = nil
	}
}

// Owner lets the panic fence know whose timer it is.
func (a *attempt) Owner() any { return a.call }

// Wake is the ring timeout of the attempt.
func (a *attempt) Wake(c *legs.Core) { a.call.apply(c, event{in: RingTimeout, attempt: a.no}) }

// address is what a listener calls itself, when that is an IP address.
func address(l transport.Listener) netip.Addr {
	if ap, err := netip.ParseAddrPort(l.Advertise); err == nil {
		return ap.Addr()
	}
	return l.Addr.Addr()
}

func header(list []sipmsg.Header, name string) string {
	for _, h := range list {
		if h.Name == name {
			return h.Value
		}
	}
	return ""
}

func reasonHeaders(reason string) []sipmsg.Header {
	if reason == "" {
		return nil
	}
	return []sipmsg.Header{{Name: "Reason", Value: reason}}
}

// number draws 62 bits from a seed; they tell nothing of the ids to come.
func number(s *shard.Seed) uint64 {
	h := uint64(14695981039346656037)
	for _, b := range []byte(s.Next()) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h >> 2
}
