package bridge_test

import (
	"strings"
	"testing"
	"time"

	"b2bua/cdr"
	"b2bua/legs/sipmsg"
	"b2bua/legs/txn"
	"b2bua/sdp"
)

// Both sides offer at once: who comes second hears 491 (RFC 3261 §14.2), and may
// come again.
func TestGlare(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig, _ *dial, from, to *end) {
		from.offers(audio(from.at(), "a=sendonly"))
		told := to.peer.Expect("INVITE")
		to.offers(audio(to.at(), "a=inactive"))
		to.hears("491")
		to.answers(told, 200, audio(to.at(), "a=recvonly"))
		from.hears("200 INVITE")
		agrees(to, from, audio(to.at(), "a=inactive"), audio(from.at(), "a=inactive"))
		from.bye(to)
		r.record()
	})
}

// A side that answers 491 is asked again after a while, and not again when it
// asks first: then the other one has to wait.
func TestPending(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig, _ *dial, from, to *end) {
		from.offers(audio(from.at(), "a=sendonly"))
		to.answers(to.peer.Expect("INVITE"), 491, nil)
		r.advance(5 * time.Second)
		told := to.peer.Fresh("INVITE")
		to.answers(told, 200, audio(to.at(), "a=recvonly"))
		from.hears("200 INVITE")

		from.offers(audio(from.at()))
		to.answers(to.peer.Expect("INVITE"), 491, nil)
		to.offers(audio(to.at()))
		from.hears("491")
		from.answers(from.peer.Expect("INVITE"), 200, audio(from.at()))
		to.hears("200 INVITE")
		r.advance(5 * time.Second)
		to.peer.Silent()
		from.bye(to)
		r.record()
	})
}

// 481 and 408 end the call on both sides (RFC 3261 §12.2.1.2).
func TestReinviteToTheDead(t *testing.T) {
	t.Parallel()
	for _, status := range []int{481, 408} {
		both(t, func(t *testing.T, r *rig, _ *dial, from, to *end) {
			from.offers(audio(from.at(), "a=sendonly"))
			to.answers(to.peer.Expect("INVITE"), status, nil)
			to.says(to.peer.Expect("BYE"), 481, nil)
			from.hears("487")
			bye := from.peer.Expect("BYE")
			from.says(bye, 200, nil)
			if rec := r.record(); *rec.EndReason != cdr.EndUnreachable || *rec.HungUpBy != cdr.BySystem || *rec.SIPStatus != 200 {
				t.Errorf("%s by %s", *rec.EndReason, *rec.HungUpBy)
			}
		})
	}
}

// Either side hangs up while an offer is open: the offer gets 487, both legs end.
func TestByeDuringReinvite(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"offerer", "answerer"} {
		both(t, func(_ *testing.T, r *rig, _ *dial, from, to *end) {
			from.offers(audio(from.at(), "a=sendonly"))
			told := to.peer.Expect("INVITE")
			first, second := from, to
			if who == "answerer" {
				first, second = to, from
			}
			first.cseq++
			first.peer.Send(first.server, first.build("BYE", first.cseq))
			first.peer.Await("200 BYE")
			from.hears("487")
			second.says(second.peer.Await("BYE"), 200, nil)
			to.says(told, 487, nil)
			to.peer.Await("ACK")
			r.record()
		})
	}
}

// The API ends a call in the midst of an offer.
func TestHangupDuringReinvite(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig, _ *dial, from, to *end) {
		from.offers(audio(from.at(), "a=sendonly"))
		told := to.peer.Expect("INVITE")
		live, err := r.bridge.List(t.Context())
		if err != nil || len(live) != 1 {
			t.Fatal(err, live)
		}
		if err := r.bridge.Hangup(t.Context(), live[0].CallID); err != nil {
			t.Fatal(err)
		}
		from.hears("487")
		from.says(from.peer.Expect("BYE"), 200, nil)
		to.says(to.peer.Expect("BYE"), 200, nil)
		to.says(told, 200, audio(to.at())) // crossing: acknowledged all the same
		to.peer.Expect("ACK")
		r.ends(cdr.EndAPI, cdr.BySystem, 200)
	})
}

// An offer that is taken back: CANCEL passes, and the session is as it was. When
// the other side has accepted meanwhile it is offered what it had.
func TestCancelReinvite(t *testing.T) {
	t.Parallel()
	for _, crossed := range []bool{false, true} {
		both(t, func(t *testing.T, r *rig, _ *dial, from, to *end) {
			from.offers(audio(from.at(), "a=sendonly"))
			told := to.peer.Expect("INVITE")
			from.peer.Send(from.server, from.peer.Cancel(from.last))
			from.peer.Expect("200 CANCEL")
			from.hears("487")
			to.peer.Silent() // nothing may be cancelled before a 1xx
			to.says(told, 100, nil)
			cancel := to.peer.Expect("CANCEL")
			if cancel.Vias[0].Raw != told.Vias[0].Raw || cancel.CSeq != told.CSeq {
				t.Errorf("CANCEL of something else: %+v", cancel)
			}
			to.says(cancel, 200, nil)
			if crossed {
				to.answers(told, 200, audio(to.at(), "a=recvonly"))
				again := to.peer.Expect("INVITE")
				if parse(t, again.Body).Media()[0].Direction() != sdp.SendRecv {
					t.Errorf("restored with %s", again.Body)
				}
				to.answers(again, 200, audio(to.at()))
			} else {
				to.answers(told, 487, nil)
			}
			agrees(from, to, audio(from.at()), audio(to.at()))
			from.bye(to)
			r.record()
		})
	}
}

// Retransmissions are absorbed: the other side hears of one re-INVITE, a copy of
// its 2xx is acknowledged again.
func TestReinviteRepeated(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig, _ *dial, from, to *end) {
		m := from.offers(audio(from.at(), "a=sendonly"))
		from.peer.Send(from.server, m)
		told := to.peer.Expect("INVITE")
		from.peer.Send(from.server, m)
		ok := to.peer.Respond(told, 200, "", audio(to.at(), "a=recvonly"))
		ok.Contacts = []sipmsg.Address{to.contact()}
		to.peer.Send(to.server, ok)
		first := to.peer.Expect("ACK")
		to.peer.Send(to.server, ok)
		if again := to.peer.Expect("ACK"); again.Vias[0].Raw != first.Vias[0].Raw || again.CSeq != told.CSeq {
			t.Errorf("ACK %d with %s, then %d with %s", first.CSeq, first.Vias[0].Raw, again.CSeq, again.Vias[0].Raw)
		}
		from.peer.Expect("200 INVITE")
		from.peer.Expect("200 INVITE") // until the ACK
		from.peer.Send(from.server, from.build("ACK", m.CSeq))
		from.peer.Send(from.server, m)
		to.peer.Silent()
		from.cseq++
		from.bye(to)
		r.record()
	})
}

// Nobody acknowledges the 2xx to a re-INVITE: both sides are hung up.
func TestReinviteAckLost(t *testing.T) {
	t.Parallel()
	brief := func(c *config) { c.legs.Timers = txn.Timers{T1: 10 * time.Millisecond, T2: 40 * time.Millisecond} }
	both(t, func(t *testing.T, r *rig, _ *dial, from, to *end) {
		from.offers(audio(from.at(), "a=sendonly"))
		to.answers(to.peer.Fresh("INVITE"), 200, audio(to.at(), "a=recvonly"))
		bye := from.peer.Await("BYE")
		if !strings.Contains(bye.Header("Reason"), "ACK timeout") {
			t.Errorf("Reason %q", bye.Header("Reason"))
		}
		from.says(bye, 200, nil)
		to.says(to.peer.Await("BYE"), 200, nil)
		r.ends(cdr.EndAckTimeout, cdr.BySystem, 200)
	}, brief)
}

// A re-INVITE before the caller has acknowledged the call: the caller is asked
// after the ACK. One of the caller's own counts as that.
func TestReinviteBeforeTheAck(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	d := r.invite()
	d.ok = d.says(200, gateSDP(d.gate))
	d.gate.Expect("ACK")
	d.answer = r.caller.Expect("200 INVITE")
	caller, called := d.ends()
	called.offers(audio(called.at(), "a=sendonly"))
	r.caller.Silent()
	r.caller.Send(r.server, r.caller.Request("ACK", d.invite.CSeq, d.invite, d.answer))
	caller.answers(r.caller.Fresh("INVITE"), 200, audio(caller.at(), "a=recvonly"))
	called.hears("200 INVITE")
	caller.bye(called)
	r.record()

	d = r.invite()
	d.ok = d.says(200, gateSDP(d.gate))
	d.gate.Expect("ACK")
	d.answer = r.caller.Expect("200 INVITE")
	caller, called = d.ends()
	agrees(caller, called, audio(caller.at(), "a=sendonly"), audio(called.at(), "a=recvonly"))
	caller.bye(called)
	r.record()
}

// A second re-INVITE while the first is open: 500 and when to come again (RFC
// 3261 §14.2). An older CSeq: 500.
func TestReinviteTwice(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig, _ *dial, from, to *end) {
		first := from.offers(audio(from.at(), "a=sendonly"))
		told := to.peer.Expect("INVITE")
		from.offers(audio(from.at(), "a=inactive"))
		if m := from.hears("500"); m.Header("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		from.last = first
		to.answers(told, 200, audio(to.at(), "a=recvonly"))
		from.hears("200 INVITE")
		from.last = from.build("INVITE", first.CSeq)
		from.peer.Send(from.server, from.last)
		from.hears("500")
		to.peer.Silent()
		from.bye(to)
		r.record()
	})
}
