package bridge_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"b2bua/bridge"
	"b2bua/cdr"
	"b2bua/legs/sipmsg"
	"b2bua/policy"
)

func sdpBody(data []byte) edit { return body("application/sdp", data) }

// Sound goes both ways in an answered call, and the record counts it.
func TestSound(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	near, far := newSound(t, r.ip(callerIP)), newSound(t, r.ip(gateIP))
	d := r.invite(sdpBody(near.SDP()))
	d.answers(far.SDP())
	near.reaches(port(t, d.answer.Body), far, "hello")
	far.reaches(port(t, d.got.Body), near, "yes?")
	live, err := r.bridge.List(t.Context())
	if err != nil || len(live) != 1 || live[0].Media == nil || live[0].Media.Streams[0].Packets == 0 {
		t.Errorf("%v, %+v", err, live)
	}
	d.callerBye()
	rec := r.record()
	if rec.Media == nil || rec.Media.Mode != policy.MediaRelay || len(rec.Media.Streams) != 2 {
		t.Fatalf("%+v", rec.Media)
	}
	for i, s := range []*sound{near, far} {
		st := rec.Media.Streams[i]
		if st.Packets == 0 || st.SSRC != s.ssrc || st.Remote != s.addr().String() || st.Kind != "audio" || st.From != []string{"caller", "called"}[i] ||
			!strings.HasPrefix(st.Local, r.ip(relayIP)) || st.PayloadType != 0 {
			t.Errorf("stream %d: %+v", i, st)
		}
	}
}

// Both trunks say bypass: addresses of the media stay, everything else is ours.
func TestBypass(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, bypass(true, true))
	d := r.call()
	for side, b := range map[string][]byte{"offer": d.got.Body, "answer": d.answer.Body} {
		s := parse(t, b)
		want := netip.AddrPortFrom(r.caller.Addr().Addr(), 4000)
		if side == "answer" {
			want = netip.AddrPortFrom(d.gate.Addr().Addr(), 4002)
		}
		if got := s.Media()[0].RTPAddress(); got != want {
			t.Errorf("%s points at %s, want %s", side, got, want)
		}
		if o := s.Origin(); o.Address.String() != r.ip(serverIP) || o.Username == "phone" || o.ID == 1 {
			t.Errorf("%s from %+v", side, o)
		}
	}
	if g := r.relay.Gauges(); g.Sessions != 0 {
		t.Errorf("relay: %+v", g)
	}
	d.callerBye()
	rec := r.record()
	if rec.Media.Mode != policy.MediaBypass || len(rec.Media.Streams) != 0 {
		t.Errorf("%+v", rec.Media)
	}
}

// One trunk is not enough, and neither are two when the caller wants its media
// private (RFC 3323 §4.2).
func TestNoBypass(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		option option
		edits  []edit
	}{
		"caller's only": {bypass(true, false), nil},
		"called's only": {bypass(false, true), nil},
		"private":       {bypass(true, true), []edit{with("Privacy", "session")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 1, tt.option, func(c *config) { c.seen = false })
			d := r.call(tt.edits...)
			d.callerBye()
			if rec := r.record(); rec.Media.Mode != policy.MediaRelay {
				t.Errorf("%+v", rec.Media)
			}
		})
	}
}

func bypass(caller, called bool) option {
	mode := map[bool]string{true: policy.MediaBypass, false: policy.MediaRelay}
	return func(c *config) {
		c.pbx().Media, c.carrier().Media, c.seen = mode[caller], mode[called], caller && called
	}
}

// The first target is relayed, the second bypassed: the ports of the first are
// given back, and their silence does not end the call.
func TestBypassAfterRelay(t *testing.T) {
	t.Parallel()
	const timeout = 50 * time.Millisecond
	r := newRig(t, 2, bypass(true, true), mediaTimeout(timeout))
	set := &r.config.set
	relayed := policy.NewTrunk("relayed")
	relayed.Gateways = set.Trunks[1].Gateways[:1]
	set.Trunks[1].Gateways = set.Trunks[1].Gateways[1:]
	set.Trunks = append(set.Trunks, relayed)
	set.Routes[0].Targets = []policy.RouteTarget{policy.NewRouteTarget("relayed"), policy.NewRouteTarget("carrier")}
	r.engine.Swap(r.compile())
	d := r.invite()
	if port(t, d.got.Body).Addr().String() != r.ip(relayIP) {
		t.Fatalf("not relayed: %s", d.got.Body)
	}
	d.says(183, gateSDP(d.gate))
	early := d.hears("183")
	d.says(503, nil)
	d.hunted(1).answers(gateSDP(d.gate))
	if d.answer.To.Tag() == early.To.Tag() || port(t, d.answer.Body).Addr() != d.gate.Addr().Addr() {
		t.Errorf("answered with %s", d.answer.Body)
	}
	r.until("the ports are back", r.relay.Idle)
	if newSound(t, r.ip(callerIP)).hear(4*timeout) != "" || r.bridge.Live() != 1 {
		t.Errorf("%d calls live", r.bridge.Live())
	}
	d.callerBye()
	rec := r.ends(cdr.EndCompleted, cdr.ByCaller, 200)
	if rec.Media.Mode != policy.MediaBypass {
		t.Errorf("%+v", rec.Media)
	}
}

// Silence on every m-line ends the call, with both sides told and a record.
func TestMediaTimeout(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, mediaTimeout(100*time.Millisecond))
	d := r.call()
	for _, bye := range []*sipmsg.Message{d.callerGets("BYE"), d.calledGets("BYE")} {
		if bye.Header("Reason") != `Q.850;cause=41;text="Media timeout"` {
			t.Errorf("Reason %q", bye.Header("Reason"))
		}
	}
	rec := r.ends(cdr.EndMediaTimeout, cdr.BySystem, 200)
	if rec.AnsweredAt == nil || rec.BillableMS < 100 || *rec.Q850Cause != 41 {
		t.Errorf("%+v", rec)
	}
}

// One m-line that is heard is enough, also when it was the other one before.
func TestMediaTimeoutOfOneLine(t *testing.T) {
	t.Parallel()
	const timeout = 300 * time.Millisecond
	r := newRig(t, 1, mediaTimeout(timeout))
	audio, video := newSound(t, r.ip(callerIP)), newSound(t, r.ip(callerIP))
	far, watcher := newSound(t, r.ip(gateIP)), newSound(t, r.ip(gateIP))
	lines := func(a, v *sound) []byte {
		return describe(a.addr(), "m=audio PORT RTP/AVP 0", "m=video "+numberOf(v.addr())+" RTP/AVP 0")
	}
	d := r.invite(sdpBody(lines(audio, video)))
	d.answers(lines(far, watcher))
	answer := parse(t, d.answer.Body).Media()
	for end := time.Now().Add(3 * timeout); time.Now().Before(end); { // audio alone
		audio.reaches(answer[0].RTPAddress(), far, "audio")
		far.hear(20 * time.Millisecond)
	}
	for end := time.Now().Add(3 * timeout); time.Now().Before(end); { // then video alone
		video.reaches(answer[1].RTPAddress(), watcher, "video")
		watcher.hear(20 * time.Millisecond)
	}
	if r.bridge.Live() != 1 {
		t.Error("the call has ended although video was heard")
	}
	d.callerGets("BYE")
	d.calledGets("BYE")
	r.ends(cdr.EndMediaTimeout, cdr.BySystem, 200)
}

// Who holds may be silent.
func TestNoMediaTimeoutWhileHeld(t *testing.T) {
	t.Parallel()
	const timeout = 50 * time.Millisecond
	r := newRig(t, 1, mediaTimeout(timeout))
	near := newSound(t, r.ip(callerIP))
	d := r.invite(sdpBody(near.SDP("a=sendonly")))
	d.answers(newSound(t, r.ip(gateIP)).SDP("a=recvonly"))
	if near.hear(5*timeout) != "" || r.bridge.Live() != 1 {
		t.Errorf("%d calls live", r.bridge.Live())
	}
	d.callerBye()
	r.ends(cdr.EndCompleted, cdr.ByCaller, 200)
}

func mediaTimeout(timeout time.Duration) option {
	return func(c *config) { c.bridge.MediaTimeout = timeout }
}

func numberOf(a netip.AddrPort) string { _, port, _ := strings.Cut(a.String(), ":"); return port }

// No port is left: 503, and nothing is taken.
func TestNoPorts(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, func(c *config) {
		n := c.relay.Networks["default"]
		n.PortMax = n.PortMin + 3 // two pairs: one call
		c.relay.Networks["default"] = n
	})
	d := r.call()
	r.send().hears("503")
	rec := r.ends(cdr.EndNoPorts, cdr.BySystem, 503)
	if len(rec.Attempts) != 1 || rec.Attempts[0].SIPStatus != nil || *rec.Attempts[0].EndReason != cdr.EndNoPorts {
		t.Errorf("%+v", rec.Attempts)
	}
	d.callerBye()
	r.ends(cdr.EndCompleted, cdr.ByCaller, 200)
	r.idle()
	r.call().callerBye()
	r.record()
}

// Behind NAT: SDP names the public address, the sockets are on the local one.
func TestAdvertisedMediaAddress(t *testing.T) {
	t.Parallel()
	public := netip.MustParseAddr("203.0.113.7")
	r := newRig(t, 1, func(c *config) {
		c.bridge.Advertise = map[string]netip.Addr{bridge.AdvertiseKey("default", false): public}
	})
	d := r.call()
	for _, b := range [][]byte{d.got.Body, d.answer.Body} {
		if got := port(t, b).Addr(); got != public || strings.Contains(string(b), r.ip(relayIP)) || parse(t, b).Origin().Address != public {
			t.Errorf("points at %s:\n%s", got, b)
		}
	}
	d.callerBye()
	r.record()
}

// An IPv4 caller and an IPv6 gateway: sound goes both ways.
func TestFamiliesJoin(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, ipv6)
	near, far := newSound(t, r.ip(callerIP)), newSound(t, "::1")
	d := r.invite(sdpBody(near.SDP()))
	if a := port(t, d.got.Body).Addr(); a.String() != "::1" || !strings.Contains(string(d.got.Body), "c=IN IP6 ::1") {
		t.Errorf("the offer points at %s:\n%s", a, d.got.Body)
	}
	if host := d.got.From.URI.Host; host != "::1" || !strings.Contains(d.got.From.Raw, "@[::1]") {
		t.Errorf("From %s", d.got.From.Raw)
	}
	d.answers(far.SDP())
	if a := port(t, d.answer.Body).Addr(); a.String() != r.ip(relayIP) || !strings.Contains(string(d.answer.Body), "c=IN IP4 ") {
		t.Errorf("the answer points at %s:\n%s", a, d.answer.Body)
	}
	near.reaches(port(t, d.answer.Body), far, "hello")
	far.reaches(port(t, d.got.Body), near, "yes?")
	d.calledBye()
	rec := r.ends(cdr.EndCompleted, cdr.ByCalled, 200)
	if !slices.ContainsFunc(rec.Media.Streams, func(s cdr.Stream) bool { return strings.HasPrefix(s.Local, "[::1]:") }) {
		t.Errorf("%+v", rec.Media.Streams)
	}
}

func ipv6(c *config) {
	c.v6 = true
	l := c.legs.Listeners[0]
	l.URL = "udp://[::1]:0"
	c.legs.Listeners = append(c.legs.Listeners, l)
	n := c.relay.Networks["default"]
	n.Addresses = append(n.Addresses, netip.IPv6Loopback())
	c.relay.Networks["default"] = n
}
