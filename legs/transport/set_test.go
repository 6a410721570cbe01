package transport

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

// The second on an address is refused, and told which address it is, whether it
// shares its sockets or not, and so is a plain socket of somebody else.
func TestAddressInUse(t *testing.T) {
	for _, sockets := range []int{1, 3} {
		s, got := listen(t, Config{Sockets: sockets}, "udp://127.0.0.1:0")
		addr := s.Listeners()[0].Addr
		for _, again := range []int{1, 3} {
			for _, host := range []string{"127.0.0.1", "0.0.0.0"} {
				url := fmt.Sprintf("udp://%s:%d", host, addr.Port())
				second, err := Listen(Config{
					Listeners: []ListenerConfig{{URL: "udp://127.0.0.2:0"}, {URL: url, Network: "outside", Advertise: "10.0.0.1"}},
					Receive:   got.receive, Sockets: again,
				})
				if second != nil || !errors.Is(err, syscall.EADDRINUSE) ||
					!strings.Contains(err.Error(), url) || !strings.Contains(err.Error(), "networks.outside.listen") {
					t.Fatalf("%d sockets after %d: %v, want one that names %s", again, sockets, err, url)
				}
			}
		}
		if c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(addr)); err == nil {
			_ = c.Close()
			t.Error("a plain socket joins the group")
		}
		// The first is as well as before.
		c, _ := peer(t, "127.0.0.1:0")
		send(t, c, addr, "still here")
		if p := got.next(t); string(p.Data) != "still here" {
			t.Errorf("got %q", p.Data)
		}
	}
}

// After Close the address is free, every goroutine is gone, and writing says so.
func TestClose(t *testing.T) {
	before := goleak.IgnoreCurrent()
	var failed []error
	cfg := Config{
		Sockets:   4,
		Receive:   func([]Packet) {},
		SendError: func(_ Outgoing, err error) { failed = append(failed, err) },
		Listeners: []ListenerConfig{{URL: "udp://127.0.0.1:0"}, {URL: "udp://[::1]:0"}},
	}
	s, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	goleak.VerifyNone(t, before)

	s.Write([]Outgoing{{Flow: Flow{Peer: netip.MustParseAddrPort("127.0.0.1:5060")}, Data: []byte("x")}})
	if len(failed) != 1 || !errors.Is(failed[0], net.ErrClosed) {
		t.Errorf("write after close: %v", failed)
	}
	cfg.Listeners = []ListenerConfig{{URL: "udp://" + s.Listeners()[0].Addr.String()}}
	again, err := Listen(cfg)
	if err != nil {
		t.Fatalf("the address is not free: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

// Close waits for a Receive that is under way.
func TestCloseWaits(t *testing.T) {
	var s *Set
	var addr netip.AddrPort
	var closed, finished atomic.Bool
	held, opened := make(chan struct{}), make(chan struct{})
	s, _ = listen(t, Config{
		Sockets:   1,
		SendError: func(Outgoing, error) { closed.Store(true) },
		Receive: func(ps []Packet) {
			<-opened
			close(held)
			for !closed.Load() {
				s.Write([]Outgoing{{Flow: ps[0].Flow, Data: []byte("x")}})
			}
			for range 10_000 { // ample time to return too early
				runtime.Gosched()
			}
			finished.Store(true)
		},
	}, "udp://127.0.0.1:0")
	addr = s.Listeners()[0].Addr
	close(opened)
	c, _ := peer(t, "127.0.0.1:0")
	send(t, c, addr, "hello")
	<-held
	if err := s.Close(); err != nil || !finished.Load() {
		t.Errorf("closed while receiving: %v", err)
	}
}

func TestListenRefuses(t *testing.T) {
	receive := func([]Packet) {}
	ok := []ListenerConfig{{URL: "udp://127.0.0.1:0"}}
	for _, tt := range []struct {
		cfg Config
		err string
	}{
		{Config{Receive: receive}, "sip.listen"},
		{Config{Listeners: ok}, "Receive"},
		{Config{Listeners: ok, Receive: receive, Sockets: 257}, "1 to 256"},
		{Config{Listeners: ok, Receive: receive, Sockets: -1}, "1 to 256"},
		{Config{Listeners: ok, Receive: receive, ReadBuffer: -1}, "positive"},
		{Config{Listeners: ok, Receive: receive, Batch: 1025}, "1 to 1024"},
		{Config{Listeners: ok, Receive: receive, MaxDatagram: 65536}, "1 to 65535"},
		{Config{Listeners: []ListenerConfig{{URL: "udp://host"}}, Receive: receive}, "sip.listen"},
		{Config{Listeners: []ListenerConfig{{URL: "udp://host", Network: "inside"}}, Receive: receive}, "networks.inside.listen"},
		{Config{Listeners: []ListenerConfig{{URL: "tls://127.0.0.1"}}, Receive: receive}, "udp and tcp only"},
		{Config{Listeners: []ListenerConfig{{URL: "udp://127.0.0.1?x=y"}}, Receive: receive}, "no parameters"},
		{Config{Listeners: []ListenerConfig{{URL: "udp://0.0.0.0:0"}}, Receive: receive}, "sip.advertise"},
		{Config{Listeners: []ListenerConfig{{URL: "udp://192.0.2.1:0"}}, Receive: receive}, "udp://192.0.2.1:0"}, // not ours
		{Config{Listeners: append(ok, ok[0], ListenerConfig{URL: "udp://[::]:0", Network: "inside"}), Receive: receive}, "networks.inside.advertise"},
	} {
		s, err := Listen(tt.cfg)
		if err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%+v: %v, want an error that says %s", tt.cfg.Listeners, err, tt.err)
		}
		if s != nil {
			t.Errorf("%+v: error and a set", tt.cfg.Listeners)
			_ = s.Close()
		}
	}
}

func TestListeners(t *testing.T) {
	got := make(arrivals, 1)
	s, _ := listen(t, Config{Receive: got.receive, Listeners: []ListenerConfig{
		{URL: "udp://127.0.0.1:0"},
		{URL: "udp://0.0.0.0:0", Network: "outside", Advertise: "198.51.100.7"},
		{URL: "udp://[::1]:0", Network: "outside", Advertise: "sbc.example.com:5061"},
	}})
	ls := s.Listeners()
	for i, l := range ls {
		if l.Addr.Port() == 0 || l.Transport != "udp" || l.URL != s.cfg.Listeners[i].URL {
			t.Errorf("%+v", l)
		}
	}
	if ls[0].Network != "default" || ls[0].Advertise != ls[0].Addr.String() {
		t.Errorf("%+v", ls[0])
	}
	if want := fmt.Sprintf("198.51.100.7:%d", ls[1].Addr.Port()); ls[1].Network != "outside" || ls[1].Advertise != want {
		t.Errorf("%+v", ls[1])
	}
	if ls[2].Advertise != "sbc.example.com:5061" {
		t.Errorf("%+v", ls[2])
	}
	ls[0].Advertise = "changed"
	if s.Listeners()[0].Advertise == "changed" {
		t.Error("the set shares its list")
	}
}

// The buffers are what the kernel says it has granted, read back, and a grant
// that falls short is logged with the remedy.
func TestBuffersAreGranted(t *testing.T) {
	for _, asked := range []int{1, 256 << 10, 1 << 30} {
		var log strings.Builder
		reg := prometheus.NewRegistry()
		s, _ := listen(t, Config{
			Sockets: 2, ReadBuffer: asked, Metrics: NewMetrics(reg),
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
		}, "udp://127.0.0.1:0")
		granted := receiveBuffer(t, s.groups[0].sockets[0])
		for _, sock := range s.groups[0].sockets {
			if sock.buffer != granted || receiveBuffer(t, sock) != granted {
				t.Errorf("asked %d, reports %d bytes, the kernel %d", asked, sock.buffer, granted)
			}
		}
		if got := gather(t, reg)["receive_buffer_bytes"]; int(got) != granted {
			t.Errorf("metric says %v, want %d", got, granted)
		}
		if warned := strings.Contains(log.String(), "net.core.rmem_max"); warned != (granted < asked) {
			t.Errorf("granted %d of %d, logged %s", granted, asked, &log)
		}
		if !strings.Contains(log.String(), fmt.Sprintf("receive_buffer_bytes=%d", granted)) {
			t.Errorf("not logged: %s", &log)
		}
	}
}

func TestSelect(t *testing.T) {
	s := &Set{listeners: []Listener{
		0: {Network: "default", Transport: "udp", Addr: netip.MustParseAddrPort("127.0.0.1:5060")},
		1: {Network: "default", Transport: "udp", Addr: netip.MustParseAddrPort("10.0.0.1:5060")},
		2: {Network: "default", Transport: "udp", Addr: netip.MustParseAddrPort("[::1]:5060")},
		3: {Network: "default", Transport: "tcp", Addr: netip.MustParseAddrPort("10.0.0.1:5060")},
		4: {Network: "outside", Transport: "udp", Addr: netip.MustParseAddrPort("0.0.0.0:5060")},
		5: {Network: "outside", Transport: "udp", Addr: netip.MustParseAddrPort("127.0.0.1:5062")},
		6: {Network: "only4", Transport: "udp", Addr: netip.MustParseAddrPort("10.0.0.1:5064")},
		7: {Network: "both", Transport: "udp", Addr: netip.MustParseAddrPort("0.0.0.0:5066")},
		8: {Network: "both", Transport: "udp", Addr: netip.MustParseAddrPort("10.0.0.1:5068")},
	}}
	for _, tt := range []struct {
		network, transport, dst string
		want                    int // -1: none
	}{
		{"", "udp", "127.0.0.2:5060", 0},
		{"default", "udp", "192.0.2.1:5060", 1},
		{"default", "UDP", "192.0.2.1:5060", 1},
		{"default", "tcp", "192.0.2.1:5060", 3},
		{"default", "udp", "[::1]:5060", 2},
		{"default", "udp", "[2001:db8::1]:5060", 2}, // the only one of its family: the kernel decides
		{"default", "udp", "[::ffff:192.0.2.1]:5060", 1},
		{"outside", "udp", "192.0.2.1:5060", 4},
		{"outside", "udp", "127.0.0.2:5060", 5},
		{"only4", "udp", "127.0.0.2:5060", 6},
		{"both", "udp", "192.0.2.1:5060", 8},
		{"both", "udp", "127.0.0.2:5060", 7},
		{"only4", "udp", "[::1]:5060", -1},
		{"only4", "tls", "10.0.0.2:5060", -1},
		{"nowhere", "udp", "10.0.0.2:5060", -1},
	} {
		got, ok := s.Select(tt.network, tt.transport, netip.MustParseAddrPort(tt.dst))
		if ok != (tt.want >= 0) || ok && got != tt.want {
			t.Errorf("%s %s %s: got %d %v, want %d", tt.network, tt.transport, tt.dst, got, ok, tt.want)
		}
	}
	if _, ok := s.Select("", "udp", netip.AddrPort{}); ok {
		t.Error("a way to nowhere")
	}
}
