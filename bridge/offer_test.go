package bridge_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"b2bua/cdr"
	"b2bua/legs/sipmsg"
	"b2bua/sdp"
)

// Offers that no call can be made of: refused before anybody is dialled.
func TestUnfitOffer(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	near := netip.AddrPortFrom(r.caller.Addr().Addr(), 4000)
	for name, tt := range map[string]struct {
		edit   edit
		status string
		header sipmsg.Header // that must say what would do
	}{
		"none":     {body("", nil), "488", sipmsg.Header{}},
		"not SDP":  {body("text/plain", []byte("v=0\r\n")), "415", sipmsg.Header{Name: "Accept", Value: "application/sdp"}},
		"ISUP":     {body("application/ISUP;version=nxv3", []byte{1, 0x11}), "415", sipmsg.Header{Name: "Accept", Value: "application/sdp"}},
		"coded":    {with("Content-Encoding", "gzip"), "415", sipmsg.Header{Name: "Accept-Encoding", Value: "identity"}},
		"rubbish":  {sdpBody([]byte("call me\r\n")), "488", sipmsg.Header{}},
		"no media": {sdpBody(describe(near)), "488", sipmsg.Header{}},
		"rejected": {sdpBody(describe(near, "m=audio 0 RTP/AVP 0")), "488", sipmsg.Header{}},
	} {
		m := r.send(tt.edit).hears(tt.status)
		if tt.header.Name != "" && m.Header(tt.header.Name) != tt.header.Value {
			t.Errorf("%s: %+v", name, m.Headers)
		}
		if rec := r.record(); *rec.EndReason != cdr.EndBadOffer || *rec.HungUpBy != cdr.BySystem || len(rec.Attempts) != 0 {
			t.Errorf("%s: %s by %s, %d attempts", name, *rec.EndReason, *rec.HungUpBy, len(rec.Attempts))
		}
	}
	r.gates[0].Silent()
	d := r.invite(body("Application/SDP ; charset=utf-8", r.offer()), with("Content-Encoding", "identity"))
	d.answers(gateSDP(d.gate)).callerBye()
	r.record()
}

// Nothing that could be relayed: 488 without dialling.
func TestNothingToRelay(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	near := netip.AddrPortFrom(r.caller.Addr().Addr(), 4000)
	r.send(sdpBody(describe(near, "m=message PORT TCP/MSRP *", "a=path:msrp://callers-host:4000/x;tcp"))).hears("488")
	r.ends(cdr.EndBadOffer, cdr.BySystem, 488)
}

// Answers that cannot be used: the called side is hung up, the caller refused,
// nobody else is rung.
func TestUnfitAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	far := netip.AddrPortFrom(r.gates[0].Addr().Addr(), 4002)
	offer := describe(netip.AddrPortFrom(r.caller.Addr().Addr(), 4000), "m=audio PORT RTP/AVP 0", "m=video PORT RTP/AVP 99", "a=rtpmap:99 H264/90000")
	for name, edit := range map[string]edit{
		"none":            body("", nil),
		"not SDP":         body("text/plain", []byte("v=0\r\n")),
		"rubbish":         sdpBody([]byte("hello\r\n")),
		"fewer m-lines":   sdpBody(describe(far, "m=audio PORT RTP/AVP 0")),
		"more m-lines":    sdpBody(describe(far, "m=audio PORT RTP/AVP 0", "m=video PORT RTP/AVP 99", "m=audio PORT RTP/AVP 0")),
		"other order":     sdpBody(describe(far, "m=video PORT RTP/AVP 99", "m=audio PORT RTP/AVP 0")),
		"other transport": sdpBody(describe(far, "m=audio PORT RTP/SAVP 0", "m=video PORT RTP/AVP 99")),
		"no codec shared": sdpBody(describe(far, "m=audio PORT RTP/AVP 18", "m=video PORT RTP/AVP 99")),
	} {
		d := r.invite(sdpBody(offer))
		d.says(200, gateSDP(d.gate), edit)
		d.gate.Expect("ACK")
		if bye := d.calledGets("BYE"); !strings.Contains(bye.Header("Reason"), "488") {
			t.Errorf("%s: BYE with Reason %q", name, bye.Header("Reason"))
		}
		d.hears("488")
		rec := r.ends(cdr.EndBadOffer, cdr.BySystem, 488)
		if a := rec.Attempts[0]; len(rec.Attempts) != 1 || *a.SIPStatus != 200 || a.AnsweredAt == nil || *a.EndReason != cdr.EndBadOffer || rec.AnsweredAt != nil {
			t.Errorf("%s: %+v", name, rec)
		}
	}
	r.gates[1].Silent()
}

// A broken description in a provisional response ends the attempt with CANCEL.
func TestUnfitEarlyAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	d := r.invite()
	d.says(183, []byte("hello\r\n"))
	d.cancelled()
	d.hears("488")
	rec := r.ends(cdr.EndBadOffer, cdr.BySystem, 488)
	if a := rec.Attempts[0]; a.SIPStatus != nil || a.AnsweredAt != nil {
		t.Errorf("%+v", a)
	}
}

// A caller that offers audio, video, fax, chat and something it has rejected: all
// keep their places on both legs.
func TestLinesKeepTheirPlaces(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	near, far := netip.AddrPortFrom(r.caller.Addr().Addr(), 4000), netip.AddrPortFrom(r.gates[0].Addr().Addr(), 4002)
	d := r.invite(sdpBody(describe(near,
		"m=audio PORT RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16", "a=X-own:kept",
		"m=video PORT RTP/AVP 99", "a=rtpmap:99 H264/90000",
		"m=image PORT udptl t38", "a=T38FaxVersion:0",
		"m=message PORT TCP/MSRP *", "a=path:msrp://callers-host:4000/x;tcp",
		"m=audio 0 RTP/AVP 8")))
	check(t, d.got.Body, "audio", "video", "image", "-message", "-audio")
	if text := string(d.got.Body); !strings.Contains(text, "a=X-own:kept\r\n") || !strings.Contains(text, "a=fmtp:101 0-16\r\n") {
		t.Errorf("lost attributes:\n%s", text)
	}
	d.answers(describe(far,
		"m=audio PORT RTP/AVP 0 101", "m=video 0 RTP/AVP 99", "m=image PORT udptl t38", "m=message 0 TCP/MSRP *", "m=audio 0 RTP/AVP 8"))
	check(t, d.answer.Body, "audio", "-video", "image", "-message", "-audio")
	d.callerBye()
	rec := r.record()
	kinds := ""
	for _, s := range rec.Media.Streams {
		kinds += fmt.Sprintf("%d %s %s, ", s.Index, s.Kind, s.From)
	}
	if kinds != "0 audio caller, 0 audio called, 1 video caller, 2 image caller, 2 image called, " {
		t.Errorf("streams %s", kinds)
	}
}

// check compares the m-lines of a description: kinds in order, a minus before
// the rejected ones; live ones have ports of their own.
func check(t *testing.T, body []byte, want ...string) {
	t.Helper()
	var got []string
	ports := map[int]bool{}
	for _, l := range parse(t, body).Media() {
		kind := l.Kind()
		if l.Disabled() {
			kind = "-" + kind
		} else if ports[l.Port()] || l.Port()%2 != 0 {
			t.Errorf("port %d", l.Port())
		}
		ports[l.Port()] = true
		got = append(got, kind)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("m-lines %v, want %v\n%s", got, want, body)
	}
}

// Directions cross the call; what an answer may not say is cut down to what it
// may.
func TestDirections(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	near, far := netip.AddrPortFrom(r.caller.Addr().Addr(), 4000), netip.AddrPortFrom(r.gates[0].Addr().Addr(), 4002)
	for _, tt := range []struct{ offered, answered, heard sdp.Direction }{
		{sdp.SendRecv, sdp.SendRecv, sdp.SendRecv},
		{sdp.SendRecv, sdp.RecvOnly, sdp.RecvOnly},
		{sdp.SendOnly, sdp.RecvOnly, sdp.RecvOnly},
		{sdp.SendOnly, sdp.SendRecv, sdp.RecvOnly}, // not allowed, and common
		{sdp.RecvOnly, sdp.SendOnly, sdp.SendOnly},
		{sdp.Inactive, sdp.Inactive, sdp.Inactive},
		{sdp.Inactive, sdp.SendRecv, sdp.Inactive},
	} {
		d := r.invite(sdpBody(describe(near, "m=audio PORT RTP/AVP 0", "a="+tt.offered.String())))
		if got := parse(t, d.got.Body).Media()[0].Direction(); got != tt.offered {
			t.Errorf("offered %s, passed on as %s", tt.offered, got)
		}
		d.answers(describe(far, "m=audio PORT RTP/AVP 0", "a="+tt.answered.String()))
		if got := parse(t, d.answer.Body).Media()[0].Direction(); got != tt.heard {
			t.Errorf("offered %s, answered %s, heard %s", tt.offered, tt.answered, got)
		}
		d.callerBye()
		r.record()
	}
}

// The old form of hold, by address, becomes a direction: our address is real.
func TestHoldByAddress(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	d := r.invite(sdpBody(describe(netip.MustParseAddrPort("0.0.0.0:4000"), "m=audio PORT RTP/AVP 0")))
	l := parse(t, d.got.Body).Media()[0]
	if l.Direction() != sdp.SendOnly || l.Address().String() != r.ip(relayIP) {
		t.Errorf("passed on as %s", d.got.Body)
	}
	d.answers(gateSDP(d.gate))
	if got := parse(t, d.answer.Body).Media()[0].Direction(); got != sdp.RecvOnly {
		t.Errorf("answered %s", d.answer.Body)
	}
	d.callerBye()
	r.record()
}

// rtcp-mux is agreed on with each side alone: what the called side accepts
// decides nothing about the caller (RFC 5761 §5.1.1).
func TestMuxPerLeg(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	near, far := newSound(t, r.ip(callerIP)), newSound(t, r.ip(gateIP))
	for _, tt := range []struct{ offered, accepted bool }{{true, true}, {true, false}, {false, false}} {
		mux := func(on bool) (lines []string) {
			if on {
				lines = []string{"a=rtcp-mux"}
			}
			return lines
		}
		d := r.invite(sdpBody(near.SDP(mux(tt.offered)...)))
		if got := parse(t, d.got.Body).Media()[0].Mux(); got != tt.offered {
			t.Errorf("offered %v, passed on %v", tt.offered, got)
		}
		d.answers(far.SDP(mux(tt.accepted)...))
		if got := parse(t, d.answer.Body).Media()[0].Mux(); got != tt.offered {
			t.Errorf("offered %v, accepted %v, answered %v", tt.offered, tt.accepted, got)
		}
		near.reaches(port(t, d.answer.Body), far, "hello")
		far.reaches(port(t, d.got.Body), near, "yes?")
		d.callerBye()
		r.record()
	}
}

// An answer that accepts rtcp-mux without having been offered it (RFC 5761
// §5.1.1): RTCP goes to the port beside.
func TestMuxNobodyOffered(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	near, nearRTCP := newPair(t, r.ip(callerIP))
	far, farRTCP := newPair(t, r.ip(gateIP))
	d := r.invite(sdpBody(near.SDP()))
	d.answers(far.SDP("a=rtcp-mux"))
	nearRTCP.reports(rtcpPort(t, d.answer.Body), farRTCP)
	farRTCP.reports(rtcpPort(t, d.got.Body), nearRTCP)
	d.callerBye()
	if rec := r.record(); rec.Media.Streams[0].RTCPPackets == 0 || rec.Media.Streams[1].RTCPPackets == 0 {
		t.Errorf("%+v", rec.Media)
	}
}

// The caller multiplexes, the called side does not: each gets what it agreed to.
func TestMuxOnOneLegOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	near := newSound(t, r.ip(callerIP))
	far, farRTCP := newPair(t, r.ip(gateIP))
	d := r.invite(sdpBody(near.SDP("a=rtcp-mux")))
	d.answers(far.SDP())
	near.reports(port(t, d.answer.Body), farRTCP)
	farRTCP.reports(rtcpPort(t, d.got.Body), near)
	d.callerBye()
	r.record()
}

// Who only receives is not heard.
func TestOneWay(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	near, far := newSound(t, r.ip(callerIP)), newSound(t, r.ip(gateIP))
	d := r.invite(sdpBody(near.SDP("a=sendonly")))
	d.answers(far.SDP("a=recvonly"))
	near.reaches(port(t, d.answer.Body), far, "music on hold")
	far.say(port(t, d.got.Body), "hello?")
	far.say(port(t, d.got.Body), "hello?")
	near.reaches(port(t, d.answer.Body), far, "more music") // the relay has seen those by now
	if heard := near.hear(time.Millisecond); heard != "" {
		t.Errorf("the caller heard %q", heard)
	}
	d.callerBye()
	r.record()
}

// What is true only between the two peers' own sockets, or names them, does not
// cross.
func TestDescriptionsAreClean(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	near := netip.AddrPortFrom(r.caller.Addr().Addr(), 4000)
	d := r.invite(sdpBody(describe(near,
		"a=tool:callers-agent", "a=ice-ufrag:x", "a=ice-pwd:callerscallerscallersxx", "a=group:BUNDLE 0",
		"m=audio PORT RTP/AVP 0", "a=candidate:1 1 UDP 1 "+near.Addr().String()+" 4000 typ host", "a=rtcp:4001 IN IP4 "+near.Addr().String(),
		"a=ssrc:1 cname:user@callers-host")))
	for _, word := range []string{"tool", "ice", "candidate", "BUNDLE", "callers-host", near.Addr().String()} {
		if strings.Contains(string(d.got.Body), word) {
			t.Errorf("%s in\n%s", word, d.got.Body)
		}
	}
	far := netip.AddrPortFrom(d.gate.Addr().Addr(), 4002)
	d.answers(describe(far, "i=callees-host", "u=http://callees-host/", "a=tool:callees-agent",
		"m=audio PORT RTP/AVP 0", "i=callees-host", "a=rtcp:4003 IN IP4 "+far.Addr().String(), "a=ssrc:1 cname:user@callees-host"))
	if got := parse(t, d.answer.Body); got.SessionName() != "-" || strings.Contains(string(d.answer.Body), "callees") {
		t.Errorf("answered with\n%s", d.answer.Body)
	}
	d.callerBye()
	r.record()
}
