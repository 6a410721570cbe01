package transport

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// gather reads everything that is not zero, by name and reason.
func gather(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := strings.TrimPrefix(f.GetName(), "b2bua_transport_")
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			if v := m.GetCounter().GetValue() + m.GetGauge().GetValue(); v != 0 {
				got[name] = v
			}
		}
	}
	return got
}

// lockedWriter lets a test read a log that a reader writes.
type lockedWriter struct {
	mu sync.Mutex
	b  strings.Builder
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *lockedWriter) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// A panic in Receive costs its batch, not the listener.
func TestReaderSurvivesPanic(t *testing.T) {
	reg, log := prometheus.NewRegistry(), new(lockedWriter)
	got := make(arrivals, 16)
	s, _ := listen(t, Config{
		Sockets: 1, Metrics: NewMetrics(reg), Logger: slog.New(slog.NewTextHandler(log, nil)),
		Receive: func(ps []Packet) {
			got.receive(ps)
			if string(ps[0].Data) == "bad" {
				panic("bad datagram")
			}
		},
	}, "udp://127.0.0.1:0")
	c, _ := peer(t, "127.0.0.1:0")
	for _, data := range []string{"bad", "good", "bad", "good"} {
		send(t, c, s.Listeners()[0].Addr, data)
		if p := got.next(t); string(p.Data) != data {
			t.Fatalf("got %q, want %q", p.Data, data)
		}
	}
	if n := gather(t, reg)["panics_total"]; n != 2 || !strings.Contains(log.String(), "bad datagram") {
		t.Errorf("counted %v panics, logged %s", n, log)
	}
}

// The port unreachable that a closed port answers with stops nothing.
func TestReaderSurvivesICMP(t *testing.T) {
	s, got := listen(t, Config{Sockets: 1}, "udp://127.0.0.1:0")
	closed, addr := peer(t, "127.0.0.1:0")
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	c, open := peer(t, "127.0.0.1:0")
	for range 20 {
		s.Write([]Outgoing{
			{Flow: Flow{Peer: addr}, Data: []byte("to nobody")},
			{Flow: Flow{Peer: open}, Data: []byte("to somebody")},
		})
		if data, _ := read(t, c); data != "to somebody" {
			t.Fatalf("got %q", data)
		}
		send(t, c, s.Listeners()[0].Addr, "back")
		if p := got.next(t); string(p.Data) != "back" {
			t.Fatalf("got %q", p.Data)
		}
	}
}

// What is too long is dropped and counted; what is just short enough is whole.
func TestOversize(t *testing.T) {
	const limit = 1000
	reg := prometheus.NewRegistry()
	s, got := listen(t, Config{Sockets: 1, MaxDatagram: limit, Metrics: NewMetrics(reg)}, "udp://127.0.0.1:0")
	c, _ := peer(t, "127.0.0.1:0")
	for _, n := range []int{limit + 1, 60000, limit} {
		send(t, c, s.Listeners()[0].Addr, strings.Repeat("x", n))
	}
	if p := got.next(t); len(p.Data) != limit {
		t.Errorf("got %d bytes", len(p.Data))
	}
	if n := gather(t, reg); n["dropped_datagrams_total oversize"] != 2 || n["received_datagrams_total"] != 3 {
		t.Errorf("counted %v", n)
	}
}

// The longest datagram there is arrives whole by default.
func TestLongest(t *testing.T) {
	s, got := listen(t, Config{Sockets: 1}, "udp://127.0.0.1:0")
	c, addr := peer(t, "127.0.0.1:0")
	long := strings.Repeat("x", 65507)
	send(t, c, s.Listeners()[0].Addr, long)
	if p := got.next(t); string(p.Data) != long {
		t.Errorf("got %d bytes", len(p.Data))
	}
	s.Write([]Outgoing{{Flow: Flow{Peer: addr}, Data: []byte(long)}})
	if data, _ := read(t, c); data != long {
		t.Errorf("sent %d bytes", len(data))
	}
}

func TestKeepAlives(t *testing.T) {
	reg := prometheus.NewRegistry()
	s, got := listen(t, Config{Sockets: 1, Metrics: NewMetrics(reg)}, "udp://127.0.0.1:0")
	c, _ := peer(t, "127.0.0.1:0")
	for _, data := range []string{"", "\r\n", "\r\n\r\n", "\x00", "\x00\x00\x00\x00", "\r\n\r\n\r\n"} {
		send(t, c, s.Listeners()[0].Addr, data)
	}
	if p := got.next(t); string(p.Data) != "\r\n\r\n\r\n" {
		t.Errorf("got %q", p.Data)
	}
	if n := gather(t, reg)["keepalive_datagrams_total"]; n != 5 {
		t.Errorf("counted %v", n)
	}
}

// Nothing is allocated on the way in, whatever the family.
func TestReadAllocations(t *testing.T) {
	const batch = 4
	for _, addr := range loopbacks {
		socks, err := openUDP(netip.MustParseAddrPort(addr), 1, DefaultReadBuffer)
		if err != nil {
			t.Fatal(err)
		}
		sock := socks[0]
		t.Cleanup(func() { _ = sock.close() })
		in, got, wrong := newInbox(sock, batch, 2048), 0, 0
		c, from := peer(t, addr)
		look := func(n int) {
			for i := range n {
				if data, peer := in.datagram(i); len(data) != 5 || peer != from {
					wrong++
				}
				got++
			}
		}
		const runs = 100
		for range batch * (runs + 1) {
			send(t, c, sock.addr(), "hello")
		}
		n := testing.AllocsPerRun(runs, func() {
			n, err := in.read(true)
			if look(n); err != nil {
				t.Error(err)
			}
		})
		if n > 0 || got != batch*(runs+1) || wrong > 0 {
			t.Errorf("%s: %v allocations for a batch of %d; %d datagrams read, %d wrong", addr, n, batch, got, wrong)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	for _, batch := range []int{1, DefaultBatch} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) { benchmarkRead(b, batch) })
	}
}

// benchmarkRead measures reading alone: a burst is queued, then read.
func benchmarkRead(b *testing.B, batch int) {
	sockets, err := openUDP(testAddr(b), 1, DefaultReadBuffer)
	if err != nil {
		b.Fatal(err)
	}
	sock := sockets[0]
	defer func() { _ = sock.close() }()
	c, err := net.Dial("udp4", sock.addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	in := newInbox(sock, batch, DefaultMaxDatagram)
	data := make([]byte, 800)
	look := func(n int) {
		for i := range n {
			_, _ = in.datagram(i)
		}
	}
	b.ReportAllocs()
	for done := 0; b.Loop(); done++ {
		if done%1024 == 0 {
			b.StopTimer()
			for range 1024 {
				if _, err := c.Write(data); err != nil {
					b.Fatal(err)
				}
			}
			b.StartTimer()
		}
		if done%batch == 0 {
			n, err := in.read(true)
			if look(n); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "datagrams/s")
}
