package bridge_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"b2bua/cdr"
	"b2bua/internal/siptest"
	"b2bua/legs/sipmsg"
	"b2bua/legs/txn"
	"b2bua/sdp"
)

// An end is one side of an answered call, with what it takes to speak inside its
// dialog.
type end struct {
	d      *dial
	peer   *siptest.Peer
	server netip.AddrPort
	build  func(method string, cseq uint32) *sipmsg.Message
	cseq   uint32
	last   *sipmsg.Message // its last re-INVITE
}

// ends are the caller's and the called side of a call.
func (d *dial) ends() (caller, called *end) {
	r := d.r
	caller = &end{d: d, peer: r.caller, server: r.server, cseq: d.invite.CSeq, build: func(method string, cseq uint32) *sipmsg.Message {
		return r.caller.Request(method, cseq, d.invite, d.answer)
	}}
	called = &end{d: d, peer: d.gate, server: r.inner, build: func(method string, cseq uint32) *sipmsg.Message {
		return d.gate.UASRequest(method, cseq, d.got, d.ok)
	}}
	return caller, called
}

// both are a call's ends in both orders: who offers, who answers.
func both(t *testing.T, test func(t *testing.T, r *rig, d *dial, from, to *end), options ...option) {
	t.Helper()
	for _, name := range []string{"caller", "called"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 1, options...)
			d := r.call()
			from, to := d.ends()
			if name == "called" {
				from, to = to, from
			}
			test(t, r, d, from, to)
		})
	}
}

func (e *end) contact() sipmsg.Address {
	return e.peer.Address("<sip:x@" + e.peer.Addr().String() + ">")
}

// offers sends a re-INVITE.
func (e *end) offers(body []byte) *sipmsg.Message {
	e.d.r.t.Helper()
	e.cseq++
	e.last = e.build("INVITE", e.cseq)
	e.last.Contacts = []sipmsg.Address{e.contact()}
	if e.last.Body = body; len(body) > 0 {
		e.last.ContentType = "application/sdp"
	}
	e.peer.Send(e.server, e.last)
	return e.last
}

// answers responds to a re-INVITE that it has heard.
func (e *end) answers(m *sipmsg.Message, status int, body []byte) {
	e.d.r.t.Helper()
	e.says(m, status, body)
	if status >= 200 {
		e.peer.Expect("ACK")
	}
}

// says only responds.
func (e *end) says(m *sipmsg.Message, status int, body []byte) {
	e.d.r.t.Helper()
	r := e.peer.Respond(m, status, "", body)
	r.Contacts = []sipmsg.Address{e.contact()}
	e.peer.Send(e.server, r)
}

// hears waits for the response to its re-INVITE and acknowledges a final one.
func (e *end) hears(what string) *sipmsg.Message {
	e.d.r.t.Helper()
	m := e.peer.Expect(what)
	if m.Status < 300 {
		e.peer.Send(e.server, e.build("ACK", e.last.CSeq))
	} else {
		e.peer.Send(e.server, e.peer.Ack(e.last, m))
	}
	return m
}

// agrees has from offer, to answer, and returns what each was told.
func agrees(from, to *end, offer, answer []byte) (told, back *sipmsg.Message) {
	from.d.r.t.Helper()
	from.offers(offer)
	told = to.peer.Expect("INVITE")
	to.answers(told, 200, answer)
	return told, from.hears("200 INVITE")
}

// bye ends the call from one side.
func (e *end) bye(other *end) {
	e.d.r.t.Helper()
	e.cseq++
	e.peer.Send(e.server, e.build("BYE", e.cseq))
	e.peer.Expect("200 BYE")
	other.says(other.peer.Await("BYE"), 200, nil)
}

func (e *end) at() netip.AddrPort { return netip.AddrPortFrom(e.peer.Addr().Addr(), 4400) }

func audio(at netip.AddrPort, lines ...string) []byte {
	return describe(at, append([]string{"m=audio PORT RTP/AVP 0 8"}, lines...)...)
}

func version(t *testing.T, m *sipmsg.Message) sdp.Origin { return parse(t, m.Body).Origin() }

// Hold and back, from either side, in every form there is: the other side hears
// the direction, the answer comes back, our own o= counts on.
func TestHold(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig, d *dial, from, to *end) {
		first := parse(t, d.got.Body).Origin()
		if from.peer != r.caller {
			first = parse(t, d.answer.Body).Origin()
		}
		last := first
		for _, tt := range []struct {
			offer   []byte
			answer  string
			told    sdp.Direction
			back    sdp.Direction
			changed bool
		}{
			{audio(from.at(), "a=sendonly"), "a=recvonly", sdp.SendOnly, sdp.RecvOnly, true},
			{audio(from.at(), "a=sendonly"), "a=sendrecv", sdp.SendOnly, sdp.RecvOnly, false}, // telephones do
			{audio(from.at(), "a=sendrecv"), "a=sendrecv", sdp.SendRecv, sdp.SendRecv, true},
			{audio(from.at(), "a=inactive"), "a=inactive", sdp.Inactive, sdp.Inactive, true},
			{audio(from.at()), "a=sendrecv", sdp.SendRecv, sdp.SendRecv, true},
			{audio(netip.AddrPortFrom(netip.IPv4Unspecified(), 4400)), "a=recvonly", sdp.SendOnly, sdp.RecvOnly, true},
			{audio(from.at()), "a=sendrecv", sdp.SendRecv, sdp.SendRecv, true},
			{audio(from.at()), "a=sendrecv", sdp.SendRecv, sdp.SendRecv, false},
		} {
			told, back := agrees(from, to, tt.offer, audio(to.at(), tt.answer))
			line, other := parse(t, told.Body).Media()[0], parse(t, back.Body).Media()[0]
			if line.Direction() != tt.told || other.Direction() != tt.back {
				t.Errorf("%q: told %s, answered %s", tt.offer, line.Direction(), other.Direction())
			}
			if line.Address().String() != r.ip(relayIP) || other.Address() != line.Address() {
				t.Errorf("%q: told %s, answered %s", tt.offer, line.Address(), other.Address())
			}
			now := version(t, told)
			grown := now.Version - last.Version
			if now.ID != first.ID || (grown == 1) != tt.changed || grown > 1 {
				t.Errorf("%q: o= %+v after %+v", tt.offer, now, last)
			}
			last = now
		}
		from.bye(to)
		r.record()
	})
}

// A new address: sound goes there, and the old one is not believed any more.
func TestMediaMoves(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"caller", "called"} {
		t.Run(side, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 1)
			near, far := newSound(t, r.ip(callerIP)), newSound(t, r.ip(gateIP))
			d := r.invite(sdpBody(near.SDP()))
			d.answers(far.SDP())
			toNear, toFar := port(t, d.answer.Body), port(t, d.got.Body)
			near.reaches(toNear, far, "before")
			far.reaches(toFar, near, "before")
			from, to := d.ends()
			var told, back *sipmsg.Message
			if side == "caller" {
				moved := newSound(t, r.ip(callerIP))
				told, back = agrees(from, to, moved.SDP(), far.SDP())
				far.reaches(toFar, moved, "to the new place")
				moved.reaches(toNear, far, "from the new place")
				near.say(toNear, "from the old place")
			} else {
				from, to = to, from
				moved := newSound(t, r.ip(gateIP))
				told, back = agrees(from, to, moved.SDP(), near.SDP())
				near.reaches(toNear, moved, "to the new place")
				moved.reaches(toFar, near, "from the new place")
				far.say(toFar, "from the old place")
				near, far = far, near
			}
			if heard := far.hear(50 * time.Millisecond); heard == "from the old place" {
				t.Error("the old place is still heard")
			}
			if heard := near.hear(time.Millisecond); heard != "" && heard != "before" {
				t.Errorf("the old place hears %q", heard)
			}
			if ports := []netip.AddrPort{port(t, told.Body), port(t, back.Body)}; ports[0] != toNear && ports[0] != toFar || ports[1] != toNear && ports[1] != toFar {
				t.Errorf("our ports moved to %v", ports)
			}
			from.bye(to)
			r.record()
		})
	}
}

// On hold nothing is heard, and silence does not end the call.
func TestHoldIsSilent(t *testing.T) {
	t.Parallel()
	const timeout = 150 * time.Millisecond
	r := newRig(t, 1, mediaTimeout(timeout))
	near, far := newSound(t, r.ip(callerIP)), newSound(t, r.ip(gateIP))
	d := r.invite(sdpBody(near.SDP()))
	d.answers(far.SDP())
	from, to := d.ends()
	agrees(from, to, near.SDP("a=inactive"), far.SDP("a=inactive"))
	far.say(port(t, d.got.Body), "into the void")
	if heard := near.hear(4 * timeout); heard != "" || r.bridge.Live() != 1 {
		t.Errorf("heard %q, %d calls live", heard, r.bridge.Live())
	}
	agrees(from, to, near.SDP(), far.SDP())
	far.reaches(port(t, d.got.Body), near, "back again")
	from.bye(to)
	r.ends(cdr.EndCompleted, cdr.ByCaller, 200)
}

// A refusal leaves the session as it was on both sides; so does what nobody can
// make anything of, which the other side never hears of.
func TestRefusedReinvite(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig, d *dial, from, to *end) {
		for status, want := range map[int]string{488: "488", 404: "488", 503: "500", 302: "488", 603: "603"} {
			from.offers(audio(from.at(), "a=sendonly"))
			to.answers(to.peer.Expect("INVITE"), status, nil)
			from.hears(want)
		}
		for name, tt := range map[string]struct {
			contentType string
			body        []byte
			status      string
			header      string
		}{
			"no offer":      {"", nil, "488", "Warning"},
			"rubbish":       {"application/sdp", []byte("hello\r\n"), "488", ""},
			"no SDP":        {"text/plain", []byte("v=0\r\n"), "415", "Accept"},
			"fewer m-lines": {"application/sdp", describe(from.at()), "488", "Warning"},
		} {
			from.cseq++
			from.last = from.build("INVITE", from.cseq)
			from.last.ContentType, from.last.Body = tt.contentType, tt.body
			from.peer.Send(from.server, from.last)
			if m := from.hears(tt.status); tt.header != "" && m.Header(tt.header) == "" {
				t.Errorf("%s: no %s", name, tt.header)
			}
		}
		to.peer.Silent()
		told, _ := agrees(from, to, audio(from.at()), audio(to.at()))
		if parse(t, told.Body).Media()[0].Direction() != sdp.SendRecv {
			t.Errorf("told %s", told.Body)
		}
		from.bye(to)
		r.record()
	})
}

// An answer that cannot be used: the offerer is refused, and who has accepted is
// offered what it had before.
func TestMisansweredReinvite(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig, _ *dial, from, to *end) {
		agrees(from, to, audio(from.at()), audio(to.at()))
		from.offers(audio(from.at(), "a=sendonly"))
		told := to.peer.Expect("INVITE")
		to.answers(told, 200, describe(to.at(), "m=audio PORT RTP/AVP 18"))
		from.hears("488")
		again := to.peer.Expect("INVITE")
		if s := parse(t, again.Body); s.Media()[0].Direction() != sdp.SendRecv || s.Origin().Version != version(t, told).Version+1 {
			t.Errorf("restored with %s", again.Body)
		}
		to.answers(again, 200, audio(to.at()))
		from.bye(to)
		r.record()
	})
}

// Added, removed and changed m-lines keep their places, and sound finds its way.
func TestLinesComeAndGo(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig, _ *dial, from, to *end) {
		a, b := newSound(t, from.peer.Addr().Addr().String()), newSound(t, to.peer.Addr().Addr().String())
		two := []string{"m=audio 4400 RTP/AVP 0 8", "m=video PORT RTP/AVP 0"}
		told, back := agrees(from, to, describe(a.addr(), two...), describe(b.addr(), two...))
		check(t, told.Body, "audio", "video")
		check(t, back.Body, "audio", "video")
		place := func(m *sipmsg.Message) netip.AddrPort { return parse(t, m.Body).Media()[1].RTPAddress() }
		a.reaches(place(back), b, "moving pictures")
		one := []string{"m=audio 4400 RTP/AVP 0 8", "m=video 0 RTP/AVP 0"}
		told, back = agrees(from, to, describe(a.addr(), one...), describe(b.addr(), one...))
		check(t, told.Body, "audio", "-video")
		check(t, back.Body, "audio", "-video")
		fax := []string{"m=image PORT udptl t38", "m=video 0 RTP/AVP 0"}
		told, _ = agrees(from, to, describe(a.addr(), fax...), describe(b.addr(), fax...))
		check(t, told.Body, "image", "-video")
		from.offers(describe(a.addr(), two...)) // refused: what it needed is given back
		to.answers(to.peer.Expect("INVITE"), 488, nil)
		from.hears("488")
		told, back = agrees(from, to, describe(a.addr(), two...), describe(b.addr(), two...))
		a.reaches(place(back), b, "once more")
		b.reaches(place(told), a, "and back")
		from.bye(to)
		r.record()
	})
}

// Bypassed media: the addresses pass, the o= is ours and counts.
func TestReinviteBypassed(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig, _ *dial, from, to *end) {
		told, back := agrees(from, to, audio(from.at(), "a=sendonly"), audio(to.at(), "a=recvonly"))
		if port(t, told.Body) != from.at() || port(t, back.Body) != to.at() {
			t.Errorf("told %s, answered %s", told.Body, back.Body)
		}
		if o := version(t, told); o.Username == "phone" || o.Address.String() != r.ip(serverIP) {
			t.Errorf("o= %+v", o)
		}
		again, _ := agrees(from, to, audio(from.at()), audio(to.at()))
		if version(t, again).Version != version(t, told).Version+1 {
			t.Errorf("o= %+v after %+v", version(t, again), version(t, told))
		}
		from.bye(to)
		r.record()
	}, bypass(true, true))
}

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
