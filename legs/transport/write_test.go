package transport

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func testAddr(testing.TB) netip.AddrPort { return netip.MustParseAddrPort("127.0.0.1:0") }

// A message that cannot go is reported with its reason, and holds up none of the
// others, whatever place it has in the batch.
func TestSendErrors(t *testing.T) {
	type failure struct {
		data string
		err  error
	}
	var failed []failure
	reg := prometheus.NewRegistry()
	s, _ := listen(t, Config{Batch: 4, Metrics: NewMetrics(reg), SendError: func(o Outgoing, err error) {
		failed = append(failed, failure{string(o.Data[:min(len(o.Data), 16)]), err})
	}}, "udp://127.0.0.1:0")
	c, addr := peer(t, "127.0.0.1:0")

	good := Flow{Peer: addr}
	for _, tt := range []struct {
		name string
		out  Outgoing
		want error
	}{
		{"too long", Outgoing{Flow: good, Data: []byte(strings.Repeat("long", 20000))}, syscall.EMSGSIZE},
		{"unknown listener", Outgoing{Flow: Flow{Listener: 1, Peer: addr}, Data: []byte("bad")}, ErrFlow},
		{"negative listener", Outgoing{Flow: Flow{Listener: -1, Peer: addr}, Data: []byte("bad")}, ErrFlow},
		{"connection", Outgoing{Flow: Flow{Conn: 1, Peer: addr}, Data: []byte("bad")}, ErrFlow},
		{"zero flow", Outgoing{Flow: Flow{}, Data: []byte("bad")}, ErrFlow},
		{"no port", Outgoing{Flow: Flow{Peer: netip.MustParseAddrPort("127.0.0.1:0")}, Data: []byte("bad")}, ErrFlow},
		{"other family", Outgoing{Flow: Flow{Peer: netip.MustParseAddrPort("[::1]:5060")}, Data: []byte("bad")}, ErrFlow},
		{"not from loopback", Outgoing{Flow: Flow{Peer: netip.MustParseAddrPort("192.0.2.1:5060")}, Data: []byte("bad")}, syscall.EINVAL},
	} {
		for at := range 6 {
			failed = nil
			var batch []Outgoing
			for i := range 6 {
				if i == at {
					batch = append(batch, tt.out)
				}
				batch = append(batch, Outgoing{Flow: good, Data: fmt.Appendf(nil, "%s %d %d", tt.name, at, i)})
			}
			s.Write(batch)
			for i := range 6 {
				if got, _ := read(t, c); got != fmt.Sprintf("%s %d %d", tt.name, at, i) {
					t.Fatalf("%s at %d: message %d is %q", tt.name, at, i, got)
				}
			}
			want := string(tt.out.Data[:min(len(tt.out.Data), 16)])
			if len(failed) != 1 || failed[0].data != want || !errors.Is(failed[0].err, tt.want) {
				t.Fatalf("%s at %d: reported %v, want %v", tt.name, at, failed, tt.want)
			}
		}
	}
	if n := gather(t, reg); n["send_errors_total"] != 8*6 || n["sent_datagrams_total"] != 8*6*6 {
		t.Errorf("counted %v", n)
	}
}

// SendError may write itself: the batch it is called from is not disturbed.
func TestWriteFromSendError(t *testing.T) {
	var s *Set
	c, addr := peer(t, "127.0.0.1:0")
	s, _ = listen(t, Config{SendError: func(Outgoing, error) {
		s.Write([]Outgoing{{Flow: Flow{Peer: addr}, Data: []byte("inner")}})
	}}, "udp://127.0.0.1:0")
	s.Write([]Outgoing{
		{Flow: Flow{Peer: addr}, Data: []byte("1")},
		{Flow: Flow{Peer: addr}, Data: make([]byte, 70000)},
		{Flow: Flow{Peer: addr}, Data: []byte("2")},
	})
	for _, want := range []string{"1", "inner", "2"} {
		if got, _ := read(t, c); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestWriteNothing(t *testing.T) {
	s, _ := listen(t, Config{}, "udp://127.0.0.1:0")
	s.Write(nil)
}

// Writers do not disturb one another: each peer gets its messages whole and in
// order.
func TestConcurrentWriters(t *testing.T) {
	const writers, each = 4, 200
	s, _ := listen(t, Config{Sockets: 2, Batch: 4}, "udp://127.0.0.1:0")
	var wg sync.WaitGroup
	for w := range writers {
		c, addr := peer(t, "127.0.0.1:0")
		wg.Go(func() {
			for i := 0; i < each; i += 10 {
				var batch []Outgoing
				for j := range 10 {
					batch = append(batch, Outgoing{Flow: Flow{Peer: addr}, Data: fmt.Appendf(nil, "%d %d", w, i+j)})
				}
				s.Write(batch)
			}
		})
		t.Cleanup(func() {
			for i := range each {
				if got, _ := read(t, c); got != fmt.Sprintf("%d %d", w, i) {
					t.Errorf("writer %d: message %d is %q", w, i, got)
					return
				}
			}
		})
	}
	wg.Wait()
}

// After the first write nothing is allocated on the way out.
func TestWriteAllocations(t *testing.T) {
	s, _ := listen(t, Config{}, "udp://127.0.0.1:0")
	_, addr := peer(t, "127.0.0.1:0")
	batch := make([]Outgoing, 8)
	for i := range batch {
		batch[i] = Outgoing{Flow: Flow{Peer: addr}, Data: []byte("SIP/2.0 200 OK\r\n\r\n")}
	}
	if n := testing.AllocsPerRun(100, func() { s.Write(batch) }); n > maxWriteAllocs {
		t.Errorf("%v allocations for a batch of %d", n, len(batch))
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, batch := range []int{1, 8, DefaultBatch} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) { benchmarkWrite(b, batch) })
	}
}

func benchmarkWrite(b *testing.B, batch int) {
	s, err := Listen(Config{
		Sockets: 1, Listeners: []ListenerConfig{{URL: "udp://127.0.0.1:0"}}, Receive: func([]Packet) {},
	})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	sink, err := openUDP(testAddr(b), 1, 4096) // drops what it is sent, at the cost of a local delivery
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = sink[0].close() }()
	out := make([]Outgoing, batch)
	for i := range out {
		out[i] = Outgoing{Flow: Flow{Peer: sink[0].addr()}, Data: make([]byte, 800)}
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		s.Write(out)
		n += batch
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "datagrams/s")
	b.ReportMetric(0, "ns/op")
}
