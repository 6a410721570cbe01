//go:build linux

package transport

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"b2bua/legs/sipmsg"
)

// message is one with a body, named so that it can be told from others.
func message(name string) string {
	return fmt.Sprintf("MESSAGE sip:%s SIP/2.0\r\nContent-Length: %d\r\n\r\n%s", name, len(name), name)
}

// dialTo connects to a set, from any address of the loopback network.
func dialTo(t *testing.T, to netip.AddrPort, from string) *net.TCPConn {
	t.Helper()
	d := net.Dialer{Timeout: patience}
	if from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	c, err := d.Dial("tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(*net.TCPConn)
}

func say(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// hear reads exactly as much as is wanted, and compares.
func hear(t *testing.T, c net.Conn, want string) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("heard %q, %v; want %q", got[:n], err, want)
	}
}

// ends waits until the other side has closed the connection.
func ends(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if n, err := io.Copy(io.Discard, c); n != 0 || errors.Is(err, net.ErrClosed) || isTimeout(err) {
		t.Fatalf("read %d bytes, %v; want the end", n, err)
	}
}

// turnsAway connects and is cut off, maybe before it knows that it was connected.
func turnsAway(t *testing.T, to netip.AddrPort, from string) {
	t.Helper()
	d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp", to.String())
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	ends(t, c)
}

// callee is a listener of the test's own.
func callee(t *testing.T, addr string) (*net.TCPListener, netip.AddrPort) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.(*net.TCPListener), addrOf(l.Addr())
}

func answerTo(t *testing.T, l *net.TCPListener) net.Conn {
	t.Helper()
	_ = l.SetDeadline(time.Now().Add(patience))
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// A result is what Connect said.
type result struct {
	flow Flow
	err  error
}

func connect(t *testing.T, s *Set, f Flow, within time.Duration) result {
	t.Helper()
	done := make(chan result, 2)
	begin(s, f, within, done)
	return await(t, done)
}

// begin sends what Connect says, now or later.
func begin(s *Set, f Flow, within time.Duration, done chan<- result) {
	flow, now, err := s.Connect(f, within, func(f Flow, err error) { done <- result{f, err} })
	if now {
		done <- result{flow, err}
	}
}

func await[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("nothing happened")
		panic("unreachable")
	}
}

func TestStreamRoundTrip(t *testing.T) {
	for _, ip := range []string{"127.0.0.1", "[::1]"} {
		t.Run(ip, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			s, got := listen(t, Config{Metrics: NewMetrics(reg)}, "udp://"+ip+":0", "tcp://"+ip+":0")
			l := s.Listeners()[1]
			c := dialTo(t, l.Addr, "")
			half := len(message("one")) / 2
			say(t, c, message("one")[:half])
			say(t, c, message("one")[half:]+"\r\n"+message("two")+"\r\n\r\n")
			hear(t, c, "\r\n") // the pong
			p, q := got.next(t), got.next(t)
			if string(p.Data) != message("one") || string(q.Data) != message("two") || p.Flow != q.Flow {
				t.Fatalf("got %q and %q", p.Data, q.Data)
			}
			if p.Flow.Listener != 1 || p.Flow.Conn == 0 || p.Flow.Peer != addrOf(c.LocalAddr()) {
				t.Errorf("by %+v", p.Flow)
			}
			s.Write([]Outgoing{{Flow: p.Flow, Data: []byte("1")}, {Flow: p.Flow, Data: []byte("2")}})
			hear(t, c, "12")
			_ = c.Close()
			second := dialTo(t, l.Addr, "")
			say(t, second, message("three"))
			if r := got.next(t); r.Flow.Conn == p.Flow.Conn {
				t.Error("two connections of one name")
			}
			counts := gather(t, reg)
			if counts["received_messages_total"] != 3 || counts["sent_messages_total"] != 3 || counts["connections_total accepted"] != 2 {
				t.Errorf("counted %v", counts)
			}
		})
	}
}

// One connection serves all that goes to a peer, from the listener's address.
func TestConnect(t *testing.T) {
	reg := prometheus.NewRegistry()
	s, got := listen(t, Config{Metrics: NewMetrics(reg)}, "tcp://127.0.0.7:0", "udp://127.0.0.1:0")
	l, addr := callee(t, "127.0.0.1:0")
	s.Write([]Outgoing{{Flow: Flow{Peer: addr}, Data: []byte("a")}, {Flow: Flow{Peer: addr}, Data: []byte("b")}})
	c := answerTo(t, l)
	hear(t, c, "ab")
	r := connect(t, s, Flow{Peer: addr}, time.Nanosecond)
	if r.err != nil || r.flow.Conn == 0 || addrOf(c.RemoteAddr()).Addr().String() != "127.0.0.7" {
		t.Fatalf("%+v from %v", r, c.RemoteAddr())
	}
	say(t, c, message("back"))
	if p := got.next(t); p.Flow != r.flow {
		t.Errorf("heard by %+v, want %+v", p.Flow, r.flow)
	}
	if again := connect(t, s, r.flow, 0); again != r {
		t.Errorf("another flow: %+v", again)
	}
	if udp := (Flow{Listener: 1, Peer: addr}); connect(t, s, udp, 0) != (result{flow: udp}) {
		t.Error("UDP has no connections")
	}
	if r := connect(t, s, Flow{Listener: 9, Peer: addr}, 0); !errors.Is(r.err, ErrFlow) {
		t.Errorf("%+v", r)
	}
	if n := gather(t, reg)["dials_total ok"]; n != 1 {
		t.Errorf("%v dials", n)
	}
}

// What cannot be connected fails, and says how; its messages with it.
func TestConnectFails(t *testing.T) {
	failed := make(chan error, 16)
	reg := prometheus.NewRegistry()
	s, _ := listen(t, Config{
		Metrics: NewMetrics(reg), SendError: func(_ Outgoing, err error) { failed <- err },
		Streams: StreamConfig{DialTimeout: 200 * time.Millisecond, Dials: 1},
	}, "tcp://127.0.0.1:0")
	l, addr := callee(t, "127.0.0.1:0")
	_ = l.Close()
	if r := connect(t, s, Flow{Peer: addr}, 0); dialOutcome(r.err) != "refused" {
		t.Errorf("%+v", r)
	}
	silent := silence(t)
	done := make(chan result, 4)
	begin(s, Flow{Peer: silent}, 20*time.Millisecond, done)
	s.Write([]Outgoing{{Flow: Flow{Peer: silent}, Data: []byte("x")}})
	begin(s, Flow{Peer: addr}, 0, done)
	if r := await(t, done); !errors.Is(r.err, ErrLimit) {
		t.Errorf("a second dial: %+v", r)
	}
	if r := await(t, done); !errors.Is(r.err, ErrConnectTimeout) || r.flow.Conn != 0 {
		t.Errorf("impatient: %+v", r)
	}
	if err := await(t, failed); !errors.Is(err, ErrConnectTimeout) {
		t.Errorf("the message that waited: %v", err)
	}
	counts := gather(t, reg)
	if counts["dials_total refused"] != 1 || counts["dials_total timeout"] != 1 || counts["refused_connections_total dials"] != 1 {
		t.Errorf("counted %v", counts)
	}
}

// A connection that is gone fails what needs it, and is replaced for what does
// not.
func TestConnectionLost(t *testing.T) {
	lost, failed := make(chan result, 4), make(chan error, 4)
	s, got := listen(t, Config{
		Closed:    func(f Flow, err error) { lost <- result{f, err} },
		SendError: func(_ Outgoing, err error) { failed <- err },
	}, "tcp://127.0.0.1:0")
	l, addr := callee(t, "127.0.0.1:0")
	c := dialTo(t, s.Listeners()[0].Addr, "")
	say(t, c, message("hello"))
	f := got.next(t).Flow
	_ = c.SetLinger(0)
	_ = c.Close()
	if r := await(t, lost); r.flow != f || r.err == nil {
		t.Errorf("%+v, want %+v", r, f)
	}
	f.Peer = addr
	s.Write([]Outgoing{{Flow: f, Data: []byte("request")}})
	if err := await(t, failed); !errors.Is(err, ErrGone) {
		t.Error(err)
	}
	s.Write([]Outgoing{{Flow: f, Data: []byte("response"), Redial: true}})
	hear(t, answerTo(t, l), "response")
	if r := connect(t, s, f, 0); r.err != nil || r.flow.Conn == f.Conn || r.flow.Peer != addr {
		t.Errorf("%+v", r)
	}
}

func TestConnectionLimits(t *testing.T) {
	known := netip.MustParseAddr("127.0.0.2")
	reg := prometheus.NewRegistry()
	s, got := listen(t, Config{
		Metrics: NewMetrics(reg),
		Streams: StreamConfig{Connections: 8, PerSource: 3, Known: func(a netip.Addr) bool { return a == known }},
	}, "tcp://127.0.0.1:0")
	to := s.Listeners()[0].Addr
	proves := func(c net.Conn) Flow {
		t.Helper()
		say(t, c, message("x"))
		return got.next(t).Flow
	}
	var first net.Conn
	for i := range 3 {
		if c := dialTo(t, to, "127.0.0.2"); i == 0 {
			first = c
			proves(c)
		} else {
			proves(c)
		}
	}
	turnsAway(t, to, "127.0.0.2") // source
	proves(dialTo(t, to, "127.0.0.3"))
	proves(dialTo(t, to, "127.0.0.4"))
	turnsAway(t, to, "127.0.0.5") // strangers
	for i := range 3 {            // 5 are open
		l, addr := callee(t, "127.0.0.1:0")
		if r := connect(t, s, Flow{Peer: addr}, 0); r.err != nil {
			t.Fatalf("dial %d: %v", i, r.err)
		}
		answerTo(t, l)
	}
	turnsAway(t, to, "127.0.0.6") // total
	l, addr := callee(t, "127.0.0.1:0")
	defer func() { _ = l.Close() }()
	if r := connect(t, s, Flow{Peer: addr}, 0); !errors.Is(r.err, ErrLimit) {
		t.Errorf("%+v", r)
	}
	counts := gather(t, reg)
	for name, want := range map[string]float64{
		"refused_connections_total source": 1, "refused_connections_total strangers": 1, "refused_connections_total total": 2,
		"open_connections accepted": 5, "open_connections dialled": 3,
	} {
		if counts[name] != want {
			t.Errorf("%s: %v, want %v", name, counts[name], want)
		}
	}
	_ = first.Close() // there is room again
	waitFor(t, func() bool { return gather(t, reg)["open_connections accepted"] == 4 })
	proves(dialTo(t, to, "127.0.0.2"))
}

// waitFor polls what has no signal.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatal("it does not happen")
		}
	}
}

// A peer that does not read loses its connection, and holds up nobody: Write
// never waits.
func TestStuckPeer(t *testing.T) {
	for name, cfg := range map[string]StreamConfig{
		"full queue": {WriteQueue: 64 << 10, WriteTimeout: time.Hour},
		"time":       {WriteQueue: 1 << 30, WriteTimeout: 50 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			failed, lost := make(chan error, 100000), make(chan error, 1)
			reg := prometheus.NewRegistry()
			s, got := listen(t, Config{
				Metrics: NewMetrics(reg), Streams: cfg,
				SendError: func(_ Outgoing, err error) { failed <- err }, Closed: func(_ Flow, err error) { lost <- err },
			}, "tcp://127.0.0.1:0")
			stuck, fine := dialTo(t, s.Listeners()[0].Addr, ""), dialTo(t, s.Listeners()[0].Addr, "")
			say(t, stuck, message("stuck"))
			bad := got.next(t).Flow
			say(t, fine, message("fine"))
			good := got.next(t).Flow
			load := []byte(strings.Repeat("x", 60000))
			for range 400 { // more than the kernel holds
				s.Write([]Outgoing{{Flow: bad, Data: load}, {Flow: good, Data: []byte("hello")}})
				hear(t, fine, "hello")
			}
			if err := await(t, lost); !errors.Is(err, ErrSlow) {
				t.Error(err)
			}
			if err := await(t, failed); !errors.Is(err, ErrSlow) && !errors.Is(err, ErrGone) {
				t.Error(err)
			}
			if counts := gather(t, reg); counts["closed_connections_total slow"] != 1 || counts["send_errors_total"] == 0 {
				t.Errorf("counted %v", counts)
			}
		})
	}
}

// A peer that reads slowly gets everything, in order.
func TestSlowPeer(t *testing.T) {
	s, got := listen(t, Config{Streams: StreamConfig{WriteQueue: 1 << 30}}, "tcp://127.0.0.1:0")
	c := dialTo(t, s.Listeners()[0].Addr, "")
	say(t, c, message("x"))
	f := got.next(t).Flow
	var want strings.Builder
	for i := range 3000 { // more than the kernel holds
		text := fmt.Sprintf("%d %s\n", i, strings.Repeat("y", 2*i))
		want.WriteString(text)
		s.Write([]Outgoing{{Flow: f, Data: []byte(text)}})
	}
	all := make([]byte, want.Len())
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadFull(c, all); err != nil || string(all) != want.String() {
		t.Errorf("%d bytes are not what was sent: %v", want.Len(), err)
	}
}

// Who says nothing, or never ends what it says, is closed; who is heard is not.
func TestStreamTimeouts(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg  StreamConfig
		said string
		why  string
	}{
		"nothing at all": {StreamConfig{MessageTimeout: 50 * time.Millisecond, IdleTimeout: time.Hour}, "", "partial"},
		"half a header":  {StreamConfig{MessageTimeout: 50 * time.Millisecond, IdleTimeout: time.Hour}, message("a") + "INVITE", "partial"},
		"half a body":    {StreamConfig{MessageTimeout: 50 * time.Millisecond, IdleTimeout: time.Hour}, message("abc")[:48], "partial"},
		"idle":           {StreamConfig{MessageTimeout: time.Hour, IdleTimeout: 50 * time.Millisecond}, message("a"), "idle"},
	} {
		t.Run(name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			s, _ := listen(t, Config{Metrics: NewMetrics(reg), Streams: tt.cfg}, "tcp://127.0.0.1:0")
			c := dialTo(t, s.Listeners()[0].Addr, "")
			say(t, c, tt.said)
			ends(t, c)
			waitFor(t, func() bool { return gather(t, reg)["closed_connections_total "+tt.why] == 1 })
		})
	}
}

// A byte now and then does not keep a message alive: its time counts from the
// first.
func TestSlowloris(t *testing.T) {
	s, _ := listen(t, Config{Streams: StreamConfig{MessageTimeout: 100 * time.Millisecond}}, "tcp://127.0.0.1:0")
	c := dialTo(t, s.Listeners()[0].Addr, "")
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			if _, err := c.Write([]byte("x")); err != nil {
				return
			}
			<-tick.C
		}
	}()
	await(t, gone)
}

// What cannot be framed is answered, if the owner wants to, and the connection
// closed: nobody knows where the next message begins.
func TestMalformedStream(t *testing.T) {
	for name, tt := range map[string]struct {
		said   string
		status int
		head   bool
	}{
		"no length": {"OPTIONS sip:a SIP/2.0\r\nVia: x\r\n\r\n" + message("hidden"), 400, true},
		"too long":  {"OPTIONS sip:a SIP/2.0\r\nContent-Length: 5000\r\n\r\nabc", 513, true},
		"no end":    {strings.Repeat("x", 5000), 513, false},
	} {
		t.Run(name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			var s *Set
			got := make(arrivals, 16)
			ready := make(chan struct{})
			s, _ = listen(t, Config{
				Metrics: NewMetrics(reg), Streams: StreamConfig{MaxMessage: 4096},
				Receive: func(ps []Packet) {
					<-ready
					got.receive(ps)
					s.Write([]Outgoing{{Flow: ps[0].Flow, Data: []byte("refused")}})
				},
			}, "tcp://127.0.0.1:0")
			close(ready)
			c := dialTo(t, s.Listeners()[0].Addr, "")
			say(t, c, tt.said)
			if tt.head {
				hear(t, c, "refused")
				p := got.next(t)
				var e *sipmsg.Error
				if !errors.As(p.Flaw, &e) || e.Status != tt.status || !strings.HasSuffix(string(p.Data), "\r\n\r\n") {
					t.Errorf("%q: %v", p.Data, p.Flaw)
				}
			}
			_ = c.CloseWrite()
			_, _ = io.Copy(io.Discard, c)
			waitFor(t, func() bool { return gather(t, reg)["closed_connections_total malformed"] == 1 })
			if len(got) != 0 {
				t.Error("what follows was read")
			}
		})
	}
}

// A panic over one message costs that message.
func TestStreamSurvivesPanic(t *testing.T) {
	got := make(arrivals, 4)
	s, _ := listen(t, Config{Receive: func(ps []Packet) {
		got.receive(ps)
		panic("bad message")
	}}, "tcp://127.0.0.1:0")
	c := dialTo(t, s.Listeners()[0].Addr, "")
	say(t, c, message("one")+message("two"))
	got.next(t)
	if p := got.next(t); string(p.Data) != message("two") {
		t.Errorf("got %q", p.Data)
	}
}

// Messages of every size come through, pipelined, and the buffer shrinks again.
func TestStreamSizes(t *testing.T) {
	s, got := listen(t, Config{}, "tcp://127.0.0.1:0")
	c := dialTo(t, s.Listeners()[0].Addr, "")
	var want []string
	for i := 1; i < 65000; i = i*3 + 1 {
		want = append(want, message(strings.Repeat("z", i/2)), message("small"))
	}
	go func() { _, _ = io.WriteString(c, strings.Join(want, "")) }()
	for _, w := range want {
		if p := got.next(t); string(p.Data) != w {
			t.Fatalf("got %d bytes, want %d", len(p.Data), len(w))
		}
	}
}
