package bridge_test

import (
	"net/netip"
	"testing"
	"time"

	"b2bua/cdr"
	"b2bua/legs/sipmsg"
	"b2bua/sdp"
)

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
