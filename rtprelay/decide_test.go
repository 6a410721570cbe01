package rtprelay

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// The cast of the tables below.
var (
	signalledRTP  = netip.MustParseAddrPort("192.0.2.1:4000")
	signalledRTCP = netip.MustParseAddrPort("192.0.2.1:4001")
	sameHost      = netip.MustParseAddrPort("192.0.2.1:61000")
	sameHostRTCP  = netip.MustParseAddrPort("192.0.2.1:61001")
	natted        = netip.MustParseAddrPort("198.51.100.9:7000") // within Prefixes
	nattedRTCP    = netip.MustParseAddrPort("198.51.100.9:7001")
	stranger      = netip.MustParseAddrPort("203.0.113.66:4000")
)

const testWindow = 10 * time.Second

// outcome is the part of a verdict that the tables name.
type outcome string

const (
	relayed outcome = "relay"
	latches outcome = "relay, latched"
	first   outcome = "stranger, conflict"
)

func outcomeOf(v verdict) outcome {
	switch {
	case v.relay && v.latched:
		return latches
	case v.relay:
		return relayed
	case v.drop == DropStranger && v.conflict:
		return first
	case v.accepted:
		return outcome("accepted, " + v.drop.String())
	default:
		return outcome(v.drop.String())
	}
}

// arriving is one packet of a scenario.
type arriving struct {
	at   time.Duration
	from netip.AddrPort
	b    []byte
	rtcp bool
	want outcome
}

// media is the seq-th packet of a stream of PT 8.
func media(tb testing.TB, ssrc uint32, seq uint16) []byte {
	return rtpPacket(tb, rtp.Header{PayloadType: 8, SequenceNumber: seq, SSRC: ssrc}, 160)
}

// peer is what signalling says in the tables, changed by edits.
func peer(edits ...func(*Remote)) Remote {
	r := Remote{RTP: signalledRTP, RTCP: signalledRTCP, Send: true, Recv: true}
	for _, edit := range edits {
		edit(&r)
	}
	return r
}

func learn(r *Remote) {
	r.Learn, r.Prefixes = true, []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
}
func mux(r *Remote) { r.Mux = true }

// newControl is the control of a stream whose SetRemote came at time 0.
func newControl(r Remote) *control {
	c := control{window: testWindow, needed: 3}.describe(r, targetOf(r, 0), 0)
	return &c
}

func TestDecide(t *testing.T) {
	t.Parallel()
	m := func(seq uint16) []byte { return media(t, 1, seq) }
	other := func(seq uint16) []byte { return media(t, 2, seq) }
	report := senderReport(t, 1)
	only8 := func(r *Remote) { r.SetPayloadType(8) }
	pcmu := rtpPacket(t, rtp.Header{SequenceNumber: 1, SSRC: 1}, 160)
	s := time.Second

	for name, tt := range map[string]struct {
		remote Remote
		in     []arriving
	}{
		"nothing signalled": {Remote{}, []arriving{
			{0, signalledRTP, m(1), false, "stranger"},
			{0, signalledRTCP, report, true, "stranger"},
		}},
		"signalled address is believed at once, others never": {peer(), []arriving{
			{0, stranger, m(1), false, first},
			{0, sameHost, m(1), false, "stranger"},
			{0, signalledRTP, m(1), false, latches},
			{0, signalledRTP, m(2), false, relayed},
			{0, stranger, m(3), false, "stranger"},
			{0, sameHost, m(3), false, "stranger"},
			{99 * s, signalledRTP, other(900), false, relayed}, // a new SSRC from the peer
		}},
		"no remote port needed to hear RTCP": {peer(), []arriving{
			{0, signalledRTCP, report, true, relayed},
			{0, sameHostRTCP, report, true, first},
			{0, stranger, report, true, "stranger"},
		}},
		"NAT: learned after three, then strict": {peer(learn), []arriving{
			{0, natted, m(1), false, "learning"},
			{0, natted, m(2), false, "learning"},
			{0, natted, m(3), false, latches},
			{0, natted, m(4), false, relayed},
			{0, sameHost, m(5), false, first},
			{0, stranger, m(5), false, "stranger"},
		}},
		"NAT: another port of the signalled host is plausible": {peer(learn), []arriving{
			{0, sameHost, m(1), false, "learning"},
			{0, sameHost, m(3), false, "learning"},
			{0, sameHost, m(9), false, latches},
		}},
		"NAT: implausible stays out": {peer(learn), []arriving{
			{0, stranger, m(1), false, first},
			{0, stranger, m(2), false, "stranger"},
			{0, stranger, m(3), false, "stranger"},
			{0, stranger, m(4), false, "stranger"},
		}},
		"signalled address wins while another is learned": {peer(learn), []arriving{
			{0, natted, m(1), false, "learning"},
			{0, natted, m(2), false, "learning"},
			{0, signalledRTP, m(3), false, latches},
			{0, natted, m(3), false, first},
		}},
		"signalled address wins over a learned one within the window": {peer(learn), []arriving{
			{0, natted, m(1), false, "learning"},
			{0, natted, m(2), false, "learning"},
			{0, natted, m(3), false, latches},
			{9 * s, signalledRTP, m(4), false, latches},
			{9 * s, natted, m(5), false, first},
		}},
		"and not after it": {peer(learn), []arriving{
			{0, natted, m(1), false, "learning"},
			{0, natted, m(2), false, "learning"},
			{0, natted, m(3), false, latches},
			{10 * s, signalledRTP, m(4), false, first},
			{10 * s, natted, m(5), false, relayed},
		}},
		"window closes on learning, not on the signalled address": {peer(learn), []arriving{
			{0, natted, m(1), false, "learning"},
			{9 * s, natted, m(2), false, "learning"},
			{10 * s, natted, m(3), false, first},
			{60 * s, signalledRTP, m(3), false, latches},
		}},
		"inconsistent SSRC starts over": {peer(learn), []arriving{
			{0, natted, m(1), false, "learning"},
			{0, natted, m(2), false, "learning"},
			{0, natted, other(3), false, "learning"},
			{0, natted, other(4), false, "learning"},
			{0, natted, other(5), false, latches},
		}},
		"sequence that jumps starts over, one that wraps does not": {peer(learn), []arriving{
			{0, natted, m(1), false, "learning"},
			{0, natted, m(2), false, "learning"},
			{0, natted, m(5000), false, "learning"},
			{0, natted, m(65534), false, "learning"},
			{0, natted, m(65535), false, "learning"},
			{0, natted, m(0), false, latches},
		}},
		"duplicates and late packets neither count nor start over": {peer(learn), []arriving{
			{0, natted, m(5), false, "learning"},
			{0, natted, m(5), false, "learning"},
			{0, natted, m(4), false, "learning"},
			{0, natted, m(6), false, "learning"},
			{0, natted, m(7), false, latches},
		}},
		"payload type that was not agreed is not learned": {peer(learn, only8), []arriving{
			{0, natted, pcmu, false, first},
			{0, natted, m(1), false, "learning"},
			{0, natted, m(2), false, "learning"},
			{0, natted, m(3), false, latches},
			{0, natted, pcmu, false, relayed},
		}},
		"two sources in the running": {peer(learn), []arriving{
			{0, natted, m(1), false, "learning"},
			{0, sameHost, other(1), false, "learning"},
			{0, natted, m(2), false, "learning"},
			{0, sameHost, other(2), false, "learning"},
			{0, sameHost, other(3), false, latches},
			{0, natted, m(3), false, first},
		}},
		"a third takes the place of the one that got less far": {peer(learn), []arriving{
			{0, natted, m(1), false, "learning"},
			{0, natted, m(2), false, "learning"},
			{0, sameHost, other(1), false, "learning"},
			{0, nattedRTCP, other(1), false, "learning"},
			{0, natted, m(3), false, latches},
		}},
		"RTCP is learned beside RTP: same host, same SSRC": {peer(learn), []arriving{
			{0, nattedRTCP, report, true, first},
			{0, natted, m(1), false, "learning"},
			{0, natted, m(2), false, "learning"},
			{0, natted, m(3), false, latches},
			{s, nattedRTCP, senderReport(t, 77), true, "stranger"},
			{s, sameHostRTCP, report, true, "stranger"},
			{s, nattedRTCP, report, true, relayed},
			{s, signalledRTCP, report, true, "stranger"},
			{99 * s, nattedRTCP, senderReport(t, 77), true, relayed}, // locked: any SSRC
		}},
		"RTCP is learned for a window only": {peer(learn), []arriving{
			{0, signalledRTP, m(1), false, latches},
			{10 * s, sameHostRTCP, report, true, first},
		}},
		"RTCP of a source that was wrong is forgotten": {peer(learn), []arriving{
			{0, natted, m(1), false, "learning"},
			{0, natted, m(2), false, "learning"},
			{0, natted, m(3), false, latches},
			{0, nattedRTCP, report, true, relayed},
			{s, signalledRTP, m(4), false, latches},
			{s, nattedRTCP, report, true, first},
			{s, signalledRTCP, report, true, relayed},
		}},
		"mux: RTCP on the RTP port, none on the other": {peer(mux), []arriving{
			{0, signalledRTP, report, false, latches},
			{0, signalledRTP, m(1), false, relayed},
			{0, signalledRTP, report, false, relayed},
			{0, stranger, report, false, first},
			{0, signalledRTCP, report, true, "unexpected"},
		}},
		"mux: nothing is learned from RTCP": {peer(mux, learn), []arriving{
			{0, natted, report, false, "learning"},
			{0, natted, report, false, "learning"},
			{0, natted, report, false, "learning"},
			{0, natted, report, false, "learning"},
		}},
		"no mux: RTCP on the RTP port is refused": {peer(), []arriving{
			{0, signalledRTP, report, false, "unexpected"},
			{0, signalledRTP, m(1), true, "unexpected"},
		}},
		"on hold: the latch works, RTP stays, RTCP passes": {peer(func(r *Remote) { r.Recv = false }), []arriving{
			{0, signalledRTP, m(1), false, "accepted, not_receiving"},
			{0, stranger, m(2), false, first},
			{0, signalledRTCP, report, true, relayed},
		}},
		"garbage": {peer(mux), []arriving{
			{0, signalledRTP, nil, false, "malformed"},
			{0, signalledRTP, []byte{0x80}, false, "malformed"},
			{0, signalledRTP, []byte("OPTIONS sip:x SIP/2.0\r\n"), false, "malformed"},
			{0, signalledRTP, []byte{0x80, 200, 0, 0}, false, "malformed"},
			{0, signalledRTCP, []byte{0x80, 203, 0, 0}, true, "malformed"},
			{0, signalledRTP, m(1), false, latches},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newControl(tt.remote)
			l := latch{generation: c.generation}
			for i, p := range tt.in {
				got := outcomeOf(decide(&l, c, &arrival{p.b, p.from, p.at, p.rtcp}))
				if got != p.want {
					t.Fatalf("packet %d from %v at %v: %s, want %s", i, p.from, p.at, got, p.want)
				}
			}
		})
	}
}

func TestRoute(t *testing.T) {
	t.Parallel()
	known := func(lock lock, rtp, rtcp netip.AddrPort) latch {
		l := latch{rtp: flow{rtp, lock}}
		if rtcp.IsValid() {
			l.rtcp = flow{rtcp, learned}
		}
		return l
	}
	none := netip.AddrPort{}
	for name, tt := range map[string]struct {
		remote Remote
		latch  latch
		rtcp   bool
		want   string
	}{
		"RTP before latching":                {peer(), latch{}, false, "rtp " + signalledRTP.String()},
		"RTP once learned":                   {peer(), known(learned, natted, none), false, "rtp " + natted.String()},
		"RTP to nowhere":                     {Remote{Send: true}, latch{}, false, "no_destination"},
		"RTP on hold":                        {peer(func(r *Remote) { r.Send = false }), latch{}, false, "not_sending"},
		"RTCP on hold":                       {peer(func(r *Remote) { r.Send = false }), latch{}, true, "rtcp " + signalledRTCP.String()},
		"RTCP once learned":                  {peer(), known(learned, natted, nattedRTCP), true, "rtcp " + nattedRTCP.String()},
		"RTCP behind NAT, not learned":       {peer(), known(learned, natted, none), true, "no_destination"},
		"RTCP, RTP learned on the same host": {peer(), known(learned, sameHost, none), true, "rtcp " + signalledRTCP.String()},
		"RTCP address not signalled":         {peer(func(r *Remote) { r.RTCP = none }), latch{}, true, "no_destination"},
		"RTCP under mux":                     {peer(mux), latch{}, true, "rtp " + signalledRTP.String()},
		"RTCP under mux, learned":            {peer(mux), known(learned, natted, none), true, "rtp " + natted.String()},
	} {
		fromRTCP, to, drop, ok := route(&tt.latch, newControl(tt.remote), tt.rtcp)
		got := drop.String()
		if ok {
			got = map[bool]string{false: "rtp ", true: "rtcp "}[fromRTCP] + to.String()
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

func TestDescribeMovesTheGenerationOnlyWithAnAddress(t *testing.T) {
	t.Parallel()
	base := newControl(peer())
	for name, tt := range map[string]struct {
		edit  func(*Remote)
		moves bool
	}{
		"nothing":      {func(*Remote) {}, false},
		"hold":         {func(r *Remote) { r.Send, r.Recv = false, false }, false},
		"learn":        {learn, false},
		"codec":        {func(r *Remote) { r.SetPayloadType(0) }, false},
		"RTP port":     {func(r *Remote) { r.RTP = sameHost }, true},
		"RTCP port":    {func(r *Remote) { r.RTCP = sameHostRTCP }, true},
		"mux":          {mux, true},
		"0.0.0.0 hold": {func(r *Remote) { r.RTP = netip.MustParseAddrPort("0.0.0.0:4000") }, true},
	} {
		r := peer(tt.edit)
		c := base.describe(r, targetOf(r, 0), time.Minute)
		if moved := c.generation != base.generation; moved != tt.moves {
			t.Errorf("%s: generation moved %v, want %v", name, moved, tt.moves)
		}
		if c.learnUntil != time.Minute+testWindow {
			t.Errorf("%s: learn window ends at %v, want %v", name, c.learnUntil, time.Minute+testWindow)
		}
	}
}

func TestUsableAddresses(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][2]string{ // by family of the stream; "" = not known
		"192.0.2.1:4000":          {"192.0.2.1:4000", ""},
		"[::ffff:192.0.2.1]:4000": {"192.0.2.1:4000", ""},
		"[2001:db8::1]:4000":      {"", "[2001:db8::1]:4000"},
		"192.0.2.1:0":             {"", ""},
		"0.0.0.0:4000":            {"", ""},
		"[::]:4000":               {"", ""},
		"224.0.0.1:4000":          {"", ""},
	} {
		for fam := range want {
			got := usable(netip.MustParseAddrPort(in), fam)
			if s := fmt.Sprint(got); got.IsValid() && s != want[fam] || !got.IsValid() && want[fam] != "" {
				t.Errorf("%s for IPv%d: %q, want %q", in, 4+2*fam, s, want[fam])
			}
		}
	}
}

func TestPayloadTypeSet(t *testing.T) {
	t.Parallel()
	var r Remote
	for _, pt := range []uint8{0, 63, 64, 127} {
		r.SetPayloadType(pt)
	}
	c := newControl(r)
	for pt := range uint8(128) {
		want := pt == 0 || pt == 63 || pt == 64 || pt == 127
		if c.offers(pt) != want {
			t.Errorf("payload type %d: offered %v, want %v", pt, c.offers(pt), want)
		}
	}
	if !newControl(Remote{}).offers(5) {
		t.Error("an empty set must allow any payload type")
	}
}

func TestClockRate(t *testing.T) {
	t.Parallel()
	c := newControl(Remote{ClockRates: map[uint8]uint32{96: 48000, 101: 0, 8: 16000}})
	for pt, want := range map[uint8]uint32{96: 48000, 101: 0, 8: 16000, 0: 8000, 9: 8000, 34: 90000, 97: 0} {
		if got := c.clockRate(pt); got != want {
			t.Errorf("payload type %d: %d Hz, want %d", pt, got, want)
		}
	}
}
