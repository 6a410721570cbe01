package rtprelay

import (
	"net"
	"runtime"
	"testing"
	"time"
)

// line is a session with two phones, packets prepared, for measuring.
type line struct {
	a, b       *Stream
	alice, bob *phone
	voice      []byte
	report     []byte
	buffer     []byte
}

// newLine opens a session that has latched, by step.
func newLine(tb testing.TB, g *rig, step func(), edits ...func(*Remote)) *line {
	tb.Helper()
	s, err := g.Session(0, SessionConfig{Timeout: time.Minute})
	if err != nil {
		tb.Fatal(err)
	}
	l := &line{buffer: make([]byte, 2048), voice: media(tb, 1, 0), report: senderReport(tb, 1)}
	for _, side := range []struct {
		st **Stream
		p  **phone
	}{{&l.a, &l.alice}, {&l.b, &l.bob}} {
		if *side.st, err = s.Open("default", false); err != nil {
			tb.Fatal(err)
		}
		*side.p = newPhone(tb, newHost())
		(*side.st).SetRemote((*side.p).remote(edits...))
	}
	s.Join(l.a, l.b)
	step()
	for range DefaultLearnPackets {
		l.send(tb, l.alice.rtp, l.a)
		l.send(tb, l.bob.rtp, l.b)
		step()
		l.sequence()
	}
	l.drain(tb)
	return l
}

// sequence moves the prepared packet on by one.
func (l *line) sequence() {
	if l.voice[3]++; l.voice[3] == 0 {
		l.voice[2]++
	}
}

// send sends the prepared packet.
func (l *line) send(tb testing.TB, from *net.UDPConn, to *Stream) {
	if _, err := from.WriteToUDPAddrPort(l.voice, to.LocalRTP()); err != nil {
		tb.Fatal(err)
	}
}

// receive takes what the relay has sent.
func (l *line) receive(tb testing.TB, on *net.UDPConn) {
	if _, _, err := on.ReadFromUDPAddrPort(l.buffer); err != nil {
		tb.Fatal(err)
	}
}

// drain takes all that the latching has left.
func (l *line) drain(tb testing.TB) {
	for _, on := range []*net.UDPConn{l.alice.rtp, l.bob.rtp} {
		_ = on.SetReadDeadline(time.Now().Add(time.Millisecond))
		for {
			if _, _, err := on.ReadFromUDPAddrPort(l.buffer); err != nil {
				break
			}
		}
		if err := on.SetReadDeadline(time.Time{}); err != nil {
			tb.Fatal(err)
		}
	}
}

// exchange sends RTP both ways and RTCP one way and takes it at the far ends.
func (l *line) exchange(tb testing.TB, step func()) {
	l.sequence()
	l.send(tb, l.alice.rtp, l.a)
	l.send(tb, l.bob.rtp, l.b)
	if _, err := l.alice.rtcp.WriteToUDPAddrPort(l.report, l.a.LocalRTCP()); err != nil {
		tb.Fatal(err)
	}
	step()
	l.receive(tb, l.bob.rtp)
	l.receive(tb, l.alice.rtp)
	l.receive(tb, l.bob.rtcp)
}

// TestNoAllocationPerPacket drives the worker's own step over real sockets:
// epoll, receive, decision, statistics, send.
func TestNoAllocationPerPacket(t *testing.T) { // not parallel: it counts the process's allocations
	natted := func(r *Remote) { // latched by learning, so the sockets are not connected
		r.RTP, r.Learn = natPort(r.RTP), true
		r.ClockRates = map[uint8]uint32{8: 8000, 101: 0}
	}
	for name, edits := range map[string][]func(*Remote){"connected": nil, "not connected": {natted}} {
		g := newStill(t)
		l := newLine(t, g.rig, g.w.step, edits...)
		if connected := edits == nil; l.a.connected != connected {
			t.Fatalf("%s: connected is %v", name, l.a.connected)
		}
		before := l.a.Stats().Packets
		const runs = 2000
		if n := testing.AllocsPerRun(runs, func() { l.exchange(t, g.w.step) }); n != 0 {
			t.Errorf("%s: %v allocations per 3 packets, want 0", name, n)
		}
		if s := l.a.Stats(); s.Packets < before+runs || s.SentPackets < runs || s.RTCPPackets < runs || s.Dropped() > DefaultLearnPackets {
			t.Errorf("%s: %+v: that was not the packet path", name, s)
		}
	}
}

// TestNoAllocationInTheRunningRelay counts the whole process's allocations
// while a started relay moves packets on its own thread.
func TestNoAllocationInTheRunningRelay(t *testing.T) { // not parallel, likewise
	g := newRig(t, newPoller, func(c *Config) { c.Workers = 1 })
	l := newLine(t, g, g.settle)
	idle := func() {}
	l.exchange(t, idle)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const exchanges = 2000
	for range exchanges {
		l.exchange(t, idle)
	}
	runtime.ReadMemStats(&after)
	if n := after.Mallocs - before.Mallocs; n > exchanges/100 { // the runtime has some of its own
		t.Errorf("%d allocations for %d packets, want none per packet", n, 3*exchanges)
	}
}

// BenchmarkRelay is the cost of a packet through the worker's step, 32 calls
// talking both ways; sending and taking at the far ends are not in ns/packet.
func BenchmarkRelay(b *testing.B) {
	const calls = 32
	g := newStill(b)
	lines := make([]*line, calls)
	for i := range lines {
		lines[i] = newLine(b, g.rig, g.w.step)
	}
	b.ReportAllocs()
	var relaying time.Duration
	packets := 0
	for b.Loop() {
		for _, l := range lines {
			l.sequence()
			l.send(b, l.alice.rtp, l.a)
			l.send(b, l.bob.rtp, l.b)
		}
		began := time.Now()
		g.w.step()
		relaying += time.Since(began)
		packets += 2 * calls
		for _, l := range lines {
			l.receive(b, l.bob.rtp)
			l.receive(b, l.alice.rtp)
		}
	}
	b.ReportMetric(float64(relaying.Nanoseconds())/float64(packets), "ns/packet")
}

// BenchmarkDecide is the decision and the statistics alone.
func BenchmarkDecide(b *testing.B) {
	c := newControl(peer())
	l := latch{generation: c.generation}
	var q quality
	var n counters
	packet := media(b, 1, 0)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		packet[2], packet[3] = byte(i>>8), byte(i)
		now := time.Duration(i) * 20 * time.Millisecond
		v := decide(&l, c, &arrival{packet: packet, from: signalledRTP, now: now})
		q.update(v.header, c.clockRate(v.header.payloadType), now)
		n.accept(&v, len(packet), &q, now)
	}
}
