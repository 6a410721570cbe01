package rtprelay

import (
	"net/netip"
	"testing"
	"time"
)

// FuzzDecide plays a fuzzed sequence of packets against the rules that must
// hold whatever comes: nobody implausible is ever accepted or sent to, whoever
// is accepted is the latched source, and a locked source is only ever replaced
// by the signalled address.
func FuzzDecide(f *testing.F) {
	f.Add(uint8(0), []byte{0, 1, 2, 3}, media(f, 1, 1))
	f.Add(uint8(1), []byte{2, 2, 2, 0, 3}, media(f, 1, 1))
	f.Add(uint8(3), []byte{2, 34, 18}, senderReport(f, 1))
	f.Add(uint8(7), []byte{255, 0}, []byte{0x80, 203, 0, 0})
	sources := []netip.AddrPort{
		signalledRTP, sameHost, natted, stranger, signalledRTCP, sameHostRTCP, nattedRTCP,
		netip.MustParseAddrPort("[2001:db8::66]:4000"),
	}
	f.Fuzz(func(t *testing.T, flags uint8, script, packet []byte) {
		r := peer()
		r.Mux = flags&1 != 0
		r.Recv = flags&2 == 0
		if flags&4 != 0 {
			learn(&r)
		}
		if flags&8 != 0 {
			r.RTP = netip.AddrPort{}
		}
		c := newControl(r)
		l := latch{generation: c.generation}
		now := time.Duration(0)
		for i, step := range script {
			a := arrival{packet: packet, from: sources[step&7], now: now, rtcpPort: step&8 != 0}
			if step&16 != 0 { // move the sequence on, as a sender does
				a.packet = append([]byte(nil), packet...)
				if len(a.packet) > 3 {
					a.packet[3] += byte(i)
				}
			}
			now += time.Duration(step>>5) * time.Second
			before := l
			v := decide(&l, c, &a)
			checkVerdict(t, c, &before, &l, &a, v)
		}
	})
}

// checkVerdict fails when one step broke a rule.
func checkVerdict(t *testing.T, c *control, before, after *latch, a *arrival, v verdict) {
	t.Helper()
	host := a.from.Addr()
	believable := a.from == c.rtp || a.from == c.rtcp || c.learn && c.plausible(host)
	source := after.rtp.source
	if a.rtcpPort {
		source = after.rtcp.source
	}
	switch {
	case v.accepted && !believable:
		t.Fatalf("accepted %v, which nothing makes plausible", a.from)
	case v.accepted && source != a.from:
		t.Fatalf("accepted %v while latched on %v", a.from, source)
	case v.relay && !v.accepted:
		t.Fatalf("relays what it did not accept: %+v", v)
	case v.relay && !v.rtcp && !c.recv:
		t.Fatalf("relays RTP while on hold: %+v", v)
	case !v.accepted && before.rtp != after.rtp:
		t.Fatalf("refused %v, yet the latch moved from %+v to %+v", a.from, before.rtp, after.rtp)
	case before.rtp.lock != unlocked && after.rtp != before.rtp && after.rtp.source != c.rtp:
		t.Fatalf("latch moved from %+v to %+v", before.rtp, after.rtp)
	case before.rtp.lock == signalled && after.rtp != before.rtp:
		t.Fatalf("latch left the signalled address for %+v", after.rtp)
	}
	for _, rtcp := range []bool{false, true} {
		_, to, _, ok := route(after, c, rtcp)
		if ok && to != c.rtp && to != c.rtcp && !(c.learn && c.plausible(to.Addr()) || to.Addr() == after.rtp.source.Addr()) {
			t.Fatalf("would send to %v", to)
		}
	}
}
