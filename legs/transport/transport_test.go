package transport

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// arrivals collects copies of what a set receives.
type arrivals chan Packet

func (a arrivals) receive(ps []Packet) {
	for _, p := range ps {
		p.Data = append([]byte(nil), p.Data...)
		a <- p
	}
}

func (a arrivals) next(t *testing.T) Packet {
	t.Helper()
	select {
	case p := <-a:
		return p
	case <-time.After(patience):
		t.Fatal("nothing arrived")
		return Packet{}
	}
}

// loopbacks are the two families, with a port of the kernel's choice.
var loopbacks = []string{"127.0.0.1:0", "[::1]:0"}

// listen starts a set on the URLs and closes it with the test.
func listen(t *testing.T, cfg Config, urls ...string) (*Set, arrivals) {
	t.Helper()
	got := make(arrivals, 4096)
	if cfg.Receive == nil {
		cfg.Receive = got.receive
	}
	for _, u := range urls {
		cfg.Listeners = append(cfg.Listeners, ListenerConfig{URL: u})
	}
	s, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, got
}

// peer is a plain socket of the test's own.
func peer(t *testing.T, addr string) (*net.UDPConn, netip.AddrPort) {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, c.LocalAddr().(*net.UDPAddr).AddrPort()
}

func send(t *testing.T, c *net.UDPConn, to netip.AddrPort, data string) {
	t.Helper()
	if _, err := c.WriteToUDPAddrPort([]byte(data), to); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, c *net.UDPConn) (string, netip.AddrPort) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 65536)
	n, from, err := c.ReadFromUDPAddrPort(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n]), from
}

func TestRoundTrip(t *testing.T) {
	for _, tt := range []struct{ url, peer string }{
		{"udp://127.0.0.1:0", "127.0.0.1:0"},
		{"udp://[::1]:0", "[::1]:0"},
	} {
		t.Run(tt.url, func(t *testing.T) {
			s, got := listen(t, Config{}, tt.url)
			c, addr := peer(t, tt.peer)
			l := s.Listeners()[0]

			before := time.Now()
			send(t, c, l.Addr, "hello")
			p := got.next(t)
			if string(p.Data) != "hello" || p.Flow != (Flow{Peer: addr}) {
				t.Fatalf("got %q over %+v, want hello from %v", p.Data, p.Flow, addr)
			}
			if p.At.Before(before) || p.At.After(time.Now()) {
				t.Errorf("arrived at %v", p.At)
			}

			s.Write([]Outgoing{{Flow: p.Flow, Data: []byte("back")}})
			if data, from := read(t, c); data != "back" || from != l.Addr {
				t.Errorf("got %q from %v, want back from %v", data, from, l.Addr)
			}
		})
	}
}

// All datagrams of one peer arrive in order, whatever the number of sockets.
func TestOrderFromOnePeer(t *testing.T) {
	const n = 500
	s, got := listen(t, Config{Sockets: 4}, "udp://127.0.0.1:0")
	c, _ := peer(t, "127.0.0.1:0")
	to := s.Listeners()[0].Addr
	for i := range n {
		send(t, c, to, fmt.Sprint(i))
	}
	for i := range n {
		if p := got.next(t); string(p.Data) != fmt.Sprint(i) {
			t.Fatalf("datagram %d is %q", i, p.Data)
		}
	}
}

// A batch to one peer leaves in order, also across several system calls and
// with messages to others in between.
func TestOrderToOnePeer(t *testing.T) {
	const n = 100
	s, _ := listen(t, Config{Batch: 8}, "udp://127.0.0.1:0", "udp://127.0.0.2:0")
	a, aAddr := peer(t, "127.0.0.1:0")
	b, bAddr := peer(t, "127.0.0.1:0")
	var batch []Outgoing
	for i := range n {
		batch = append(batch,
			Outgoing{Flow: Flow{Peer: aAddr}, Data: fmt.Appendf(nil, "a%d", i)},
			Outgoing{Flow: Flow{Listener: 1, Peer: bAddr}, Data: fmt.Appendf(nil, "b%d", i)})
	}
	s.Write(batch)
	for i := range n {
		if got, from := read(t, a); got != fmt.Sprintf("a%d", i) || from != s.Listeners()[0].Addr {
			t.Fatalf("message %d to a is %q from %v", i, got, from)
		}
		if got, from := read(t, b); got != fmt.Sprintf("b%d", i) || from != s.Listeners()[1].Addr {
			t.Fatalf("message %d to b is %q from %v", i, got, from)
		}
	}
}
