package legs_test

import (
	"testing"

	"b2bua/internal/siptest"
	"b2bua/legs"
	"b2bua/legs/sipmsg"
)

// A line is a confirmed dialog as its peer and the bridge see it.
type line struct {
	r     *rig
	leg   legs.Leg
	do    func(func()) // on its shard
	peer  *siptest.Peer
	build func(method string, cseq uint32) *sipmsg.Message
}

// lines are one leg of each kind, in calls of their own.
func lines(t *testing.T, test func(t *testing.T, r *rig, l *line)) {
	t.Helper()
	t.Run("inbound", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		invite, ok, in := r.answered("reinvite")
		test(t, r, &line{
			r: r, leg: in.leg, peer: r.caller,
			do:    func(fn func()) { r.on(in.shard, func(*legs.Core) { fn() }) },
			build: func(method string, cseq uint32) *sipmsg.Message { return r.caller.Request(method, cseq, invite, ok) },
		})
	})
	t.Run("outbound", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		leg, invite, ok := r.talking("g")
		test(t, r, &line{
			r: r, leg: leg, peer: r.gate,
			do:    func(fn func()) { r.on(out, func(*legs.Core) { fn() }) },
			build: func(method string, cseq uint32) *sipmsg.Message { return r.gate.UASRequest(method, cseq, invite, ok) },
		})
	})
}

var offer = legs.Body{Type: "application/sdp", Data: []byte("v=0\r\n")}

func (l *line) asks(cseq uint32, edits ...func(*sipmsg.Message)) *sipmsg.Message {
	l.r.t.Helper()
	m := l.build("INVITE", cseq)
	m.Contacts = []sipmsg.Address{l.peer.Address("<sip:asks@" + l.peer.Addr().String() + ">")}
	m.ContentType, m.Body = "application/sdp", []byte("v=0\r\n")
	for _, e := range edits {
		e(m)
	}
	l.peer.Send(l.r.server, m)
	return m
}

func (l *line) bye() {
	l.r.t.Helper()
	l.do(func() { l.leg.Hangup("") })
	m := l.peer.Await("BYE")
	l.peer.Send(l.r.server, l.peer.Respond(m, 200, "", nil))
	l.r.host.expect(legs.Ended)
	l.r.noLegs()
	l.r.host.none()
}

// The peer asks: 100 at once, the bridge's word, and 2xx until the ACK.
func TestAsked(t *testing.T) {
	t.Parallel()
	lines(t, func(t *testing.T, r *rig, l *line) {
		m := l.asks(10)
		l.peer.Expect("100 INVITE")
		if ev := r.host.expect(legs.Reoffered); string(ev.Body) != "v=0\r\n" || ev.ContentType != "application/sdp" {
			t.Errorf("%+v", ev)
		}
		l.do(func() { l.leg.Reanswer(offer) })
		ok := l.peer.Expect("200 INVITE")
		if len(ok.Contacts) != 1 || ok.Header("Allow") == "" || string(ok.Body) != "v=0\r\n" || ok.To.Raw != m.To.Raw {
			t.Errorf("%+v", ok)
		}
		l.peer.Expect("200 INVITE")              // again
		l.peer.Send(r.server, l.build("ACK", 9)) // of something else
		ack := l.build("ACK", 10)
		ack.ContentType, ack.Body = "application/sdp", []byte("v=2\r\n")
		l.peer.Send(r.server, ack)
		if ev := r.host.expect(legs.Acked); string(ev.Body) != "v=2\r\n" {
			t.Errorf("%+v", ev)
		}
		l.peer.Send(r.server, ack)
		r.host.none()

		refused := l.asks(11)
		r.host.expect(legs.Reoffered)
		l.do(func() { l.leg.Rerefuse(488, []sipmsg.Header{{Name: "Warning", Value: `399 x "y"`}}) })
		no := l.peer.Expect("488 INVITE")
		if no.Header("Warning") != `399 x "y"` {
			t.Errorf("%+v", no.Headers)
		}
		l.peer.Send(r.server, l.peer.Ack(refused, no))

		unknown := l.asks(12, func(m *sipmsg.Message) { m.Headers = []sipmsg.Header{{Name: "Require", Value: "foo, bar"}} })
		if no = l.peer.Expect("420 INVITE"); no.Header("Unsupported") != "foo, bar" {
			t.Errorf("%+v", no.Headers)
		}
		l.peer.Send(r.server, l.peer.Ack(unknown, no))
		l.bye()
	})
}

// The next re-INVITE is as good as the ACK of the last 2xx.
func TestAskedAgain(t *testing.T) {
	t.Parallel()
	lines(t, func(_ *testing.T, r *rig, l *line) {
		l.asks(10)
		r.host.expect(legs.Reoffered)
		l.do(func() { l.leg.Reanswer(offer) })
		l.peer.Expect("200 INVITE")
		l.asks(11)
		r.host.expect(legs.Acked)
		r.host.expect(legs.Reoffered)
		l.do(func() { l.leg.Reanswer(offer) })
		l.peer.Await("200 INVITE")
		l.peer.Send(r.server, l.build("ACK", 11))
		r.host.expect(legs.Acked)
		l.bye()
	})
}

// We ask while the peer's refusal is not acknowledged yet: ours waits for that
// (RFC 3261 §14.1).
func TestAskingWaits(t *testing.T) {
	t.Parallel()
	lines(t, func(t *testing.T, r *rig, l *line) {
		theirs := l.asks(10)
		r.host.expect(legs.Reoffered)
		l.do(func() { l.leg.Reoffer(offer) }) // not now
		if ev := r.host.expect(legs.Rerefused); ev.Status != 491 {
			t.Errorf("%+v", ev)
		}
		l.do(func() {
			l.leg.Rerefuse(491, nil)
			l.leg.Reoffer(offer)
		})
		no := l.peer.Expect("491 INVITE")
		l.peer.Silent()
		l.peer.Send(r.server, l.peer.Ack(theirs, no))
		ours := l.peer.Expect("INVITE")
		if len(ours.Contacts) != 1 || ours.Header("Allow") == "" || string(ours.Body) != "v=0\r\n" {
			t.Errorf("%+v", ours)
		}
		l.peer.Send(r.server, l.peer.Respond(ours, 180, "", nil))
		ok := l.peer.Respond(ours, 200, "", nil)
		l.peer.Send(r.server, ok)
		r.host.expect(legs.Reanswered)
		l.do(func() { l.leg.Ack(legs.Body{}) })
		ack := l.peer.Expect("ACK")
		if want := ok.Contacts[0].URI.String(); ack.RequestURI != want || ack.CSeq != ours.CSeq {
			t.Errorf("ACK %s, CSeq %d", ack.RequestURI, ack.CSeq)
		}

		theirs = l.asks(11)
		r.host.expect(legs.Reoffered)
		l.do(func() { l.leg.Reanswer(offer); l.leg.Reoffer(offer) })
		l.peer.Expect("200 INVITE")
		l.peer.Silent()
		l.peer.Send(r.server, l.build("ACK", theirs.CSeq))
		r.host.expect(legs.Acked)
		ours = l.peer.Fresh("INVITE")
		l.peer.Send(r.server, l.peer.Respond(ours, 606, "", nil))
		l.peer.Expect("ACK")
		if ev := r.host.expect(legs.Rerefused); ev.Status != 606 || ev.Cause != legs.ByResponse {
			t.Errorf("%+v", ev)
		}
		l.bye()
	})
}

// Nothing comes of ours: the dialog is over (RFC 3261 §12.2.1.2).
func TestAskingIsNotAnswered(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *rig, c *legs.Config) { c.Timers = brief })
	leg, _, _ := r.talking("g")
	r.on(out, func(*legs.Core) { leg.Reoffer(offer) })
	r.gate.Expect("INVITE")
	if ev := r.host.expect(legs.Lost); ev.Status != 408 {
		t.Errorf("%+v", ev)
	}
	bye := r.gate.Await("BYE")
	r.gate.Send(r.server, r.gate.Respond(bye, 200, "", nil))
	r.host.expect(legs.Ended)
	r.idle()
	r.host.none()
}

// What is asked of a leg that cannot: an outcome while it lives, else nothing.
func TestAskingTooSoonOrLate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, in := r.call("reinvite-early")
	r.on(in.shard, func(*legs.Core) {
		in.leg.Reoffer(offer)
		in.leg.Withdraw()
		in.leg.Reanswer(offer)
		in.leg.Rerefuse(488, nil)
		in.leg.Ack(legs.Body{})
	})
	if ev := r.host.expect(legs.Rerefused); ev.Status != 491 {
		t.Errorf("%+v", ev)
	}
	r.on(in.shard, func(*legs.Core) { in.leg.Refuse(486, "", nil); in.leg.Reoffer(offer) })
	r.host.expect(legs.Ended)
	r.host.none()
	r.caller.Expect("486 INVITE")
	r.caller.Silent()
}
