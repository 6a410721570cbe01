package transport

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
)

// nobody is an address where nobody listens.
func nobody(t *testing.T, like string) netip.AddrPort {
	t.Helper()
	c, addr := peer(t, like)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return addr
}

type refusal struct {
	out Outgoing
	err error
}

func refusals(n int) (chan refusal, func(Outgoing, error)) {
	got := make(chan refusal, n)
	return got, func(o Outgoing, err error) {
		o.Data = append([]byte(nil), o.Data...)
		got <- refusal{o, err}
	}
}

func nextRefusal(t *testing.T, got chan refusal) refusal {
	t.Helper()
	select {
	case r := <-got:
		return r
	case <-time.After(patience):
		t.Fatal("no error is reported")
		return refusal{}
	}
}

// A port where nobody listens is reported with what was sent there, whichever
// socket of the listener hears of it, though nothing ever arrives.
func TestUnreachableIsReported(t *testing.T) {
	for _, addr := range loopbacks {
		for _, sockets := range []int{1, 4} {
			t.Run(fmt.Sprintf("%s %d sockets", addr, sockets), func(t *testing.T) {
				reg := prometheus.NewRegistry()
				got, sendError := refusals(64)
				s, _ := listen(t, Config{Sockets: sockets, SendError: sendError, Metrics: NewMetrics(reg)}, "udp://127.0.0.1:0", "udp://"+addr)
				const n = 20
				for i := range n {
					out := Outgoing{Flow: Flow{Listener: 1, Peer: nobody(t, addr)}, Data: fmt.Appendf(nil, "INVITE %d", i)}
					s.Write([]Outgoing{out})
					r := nextRefusal(t, got)
					var e *ICMPError
					if r.out.Flow != out.Flow || string(r.out.Data) != string(out.Data) ||
						!errors.Is(r.err, syscall.ECONNREFUSED) || !errors.As(r.err, &e) || e.V6 != out.Flow.Peer.Addr().Is6() {
						t.Fatalf("reported %v %q: %v, want %v %q", r.out.Flow, r.out.Data, r.err, out.Flow, out.Data)
					}
				}
				counted := gather(t, reg)
				if counted["icmp_errors_total port_unreachable"] != n || counted["read_errors_total"] != 0 || counted["send_errors_total"] != 0 {
					t.Errorf("counted %v", counted)
				}
			})
		}
	}
}

// What ICMP says of one peer costs another nothing: whoever is told of the error
// by the kernel, each message to the living arrives, in order, and no error
// names one.
func TestLivingBesideDead(t *testing.T) {
	const rounds, each = 500, 10
	for _, addr := range loopbacks {
		t.Run(addr, func(t *testing.T) {
			living, alive := peer(t, addr)
			dead := nobody(t, addr)
			var wrong, right atomic.Int32
			s, _ := listen(t, Config{Sockets: 1, Batch: 4, SendError: func(o Outgoing, _ error) {
				if o.Flow.Peer == dead {
					right.Add(1)
				} else {
					wrong.Add(1)
				}
			}}, "udp://"+addr)
			for i := range rounds {
				var batch []Outgoing
				for j := range each {
					batch = append(batch,
						Outgoing{Flow: Flow{Peer: dead}, Data: []byte("to nobody")},
						Outgoing{Flow: Flow{Peer: alive}, Data: fmt.Appendf(nil, "%d %d", i, j)})
				}
				s.Write(batch)
				for j := range each {
					if got, _ := read(t, living); got != fmt.Sprintf("%d %d", i, j) {
						t.Fatalf("got %q, want %d %d", got, i, j)
					}
				}
			}
			if wrong.Load() != 0 || right.Load() == 0 {
				t.Errorf("%d errors name the living, %d the dead", wrong.Load(), right.Load())
			}
		})
	}
}

// refused sends n datagrams to where nobody listens, behind the back of those who
// would read the error queue.
func refused(t *testing.T, sock *socket, n int) {
	t.Helper()
	for dead := nobody(t, netip.AddrPortFrom(sock.addr().Addr(), 0).String()); n > 0; {
		err := sock.control(func(fd int) error { return unix.Sendto(fd, []byte("x"), unix.MSG_DONTWAIT, sockaddrOf(dead)) })
		switch {
		case err == nil:
			n--
		case !errors.Is(err, syscall.ECONNREFUSED): // about the one before
			t.Fatal(err)
		}
	}
}

// unread is a Set that nobody reads for, with one socket.
func unread(t *testing.T, cfg Config, addr string) (*Set, *socket) {
	t.Helper()
	socks, err := openUDP(netip.MustParseAddrPort(addr), 1, DefaultReadBuffer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socks[0].close() })
	s := newSet(cfg.withDefaults())
	s.groups = append(s.groups, &group{v4: socks[0].addr().Addr().Is4(), sockets: socks})
	return s, socks[0]
}

// A queue that is longer than a batch is read to its end, and then the reader
// sleeps.
func TestErrorsAreSeenOnce(t *testing.T) {
	const n = 3*errBatch + 1
	for _, addr := range loopbacks {
		seen := 0
		s, sock := unread(t, Config{SendError: func(Outgoing, error) { seen++ }}, addr)
		in := newInbox(sock, 4, 2048)
		refused(t, sock, n)
		if _, err := in.read(true); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatal(err)
		}
		if err := s.undeliverable(0, sock); err != nil || seen != n {
			t.Errorf("%s: %d of %d seen, then %v", addr, seen, n, err)
		}
		if err := sock.gate.SetDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := in.read(true); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: read returns %v when there is nothing", addr, err)
		}
	}
}

// An error that the kernel hands to a sender is read by that sender, wherever in
// a batch it is found out: the reader is not told again.
func TestSenderReadsErrors(t *testing.T) {
	for _, addr := range loopbacks {
		for at := range 3 {
			var got []string
			reg := prometheus.NewRegistry()
			s, _ := unread(t, Config{Metrics: NewMetrics(reg), SendError: func(o Outgoing, _ error) {
				got = append(got, string(o.Data))
			}}, addr)
			c, alive := peer(t, addr)
			var batch []Outgoing
			for i := range 4 {
				out := Outgoing{Flow: Flow{Peer: alive}, Data: fmt.Appendf(nil, "%d", i)}
				if i == at {
					out = Outgoing{Flow: Flow{Peer: nobody(t, addr)}, Data: []byte("to nobody")}
				}
				batch = append(batch, out)
			}
			s.Write(batch)
			if len(got) != 1 || got[0] != "to nobody" {
				t.Errorf("%s at %d: reported %q", addr, at, got)
			}
			for i := range 4 {
				if i == at {
					continue
				}
				if data, _ := read(t, c); data != fmt.Sprint(i) {
					t.Errorf("%s at %d: got %q, want %d", addr, at, data, i)
				}
			}
		}
	}
}

// What has arrived is taken though errors stand before it.
func TestErrorsHoldUpNoDatagram(t *testing.T) {
	for _, addr := range loopbacks {
		_, sock := unread(t, Config{}, addr)
		in := newInbox(sock, 4, 2048)
		c, _ := peer(t, addr)
		send(t, c, sock.addr(), "hello")
		refused(t, sock, 2)
		n, err := in.read(true)
		data, _ := in.datagram(0)
		if got := fmt.Sprint(n, " ", string(data)); got != "1 hello" || !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: read %q, then %v", addr, got, err)
		}
	}
}

// A panic of whoever is told of an error costs nothing else.
func TestReaderSurvivesPanicOverError(t *testing.T) {
	reg := prometheus.NewRegistry()
	told := make(chan struct{}, 4)
	s, got := listen(t, Config{Sockets: 1, Metrics: NewMetrics(reg), SendError: func(Outgoing, error) {
		told <- struct{}{}
		panic("bad error")
	}}, "udp://127.0.0.1:0")
	s.Write([]Outgoing{{Flow: Flow{Peer: nobody(t, "127.0.0.1:0")}, Data: []byte("x")}})
	<-told
	c, _ := peer(t, "127.0.0.1:0")
	send(t, c, s.Listeners()[0].Addr, "hello")
	if p := got.next(t); string(p.Data) != "hello" {
		t.Errorf("got %q", p.Data)
	}
	if n := gather(t, reg)["panics_total"]; n != 1 {
		t.Errorf("counted %v panics", n)
	}
}

// Control messages that are none, cut, or about something else name no error.
func TestExtendedErrIsStrict(t *testing.T) {
	v4 := []byte{24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11, 0, 0, 0, 111, 0, 0, 0, 2, 3, 3, 0}
	if e := parseExtendedErr(v4); e == nil || *e != (ICMPError{Type: 3, Code: 3, Errno: syscall.ECONNREFUSED}) {
		t.Fatalf("%+v", e)
	}
	for i := range v4 {
		if e := parseExtendedErr(v4[:i]); e != nil {
			t.Errorf("%d bytes: %v", i, e)
		}
	}
	for at, value := range map[int]byte{0: 12, 8: 1, 12: 10, 20: 1} { // length, level, type, origin
		other := append([]byte(nil), v4...)
		other[at] = value
		if e := parseExtendedErr(other); e != nil {
			t.Errorf("byte %d is %d: %v", at, value, e)
		}
	}
}

func TestICMPReasons(t *testing.T) {
	for _, tt := range []struct {
		e     ICMPError
		want  string
		fatal bool
	}{
		{ICMPError{Type: 3, Code: 0}, "network_unreachable", true},
		{ICMPError{Type: 3, Code: 1}, "host_unreachable", true},
		{ICMPError{Type: 3, Code: 2}, "other", true},
		{ICMPError{Type: 3, Code: 3}, "port_unreachable", true},
		{ICMPError{Type: 3, Code: 4}, "too_long", true},
		{ICMPError{Type: 3, Code: 13}, "prohibited", true},
		{ICMPError{Type: 11}, "expired", false},
		{ICMPError{Type: 12}, "other", true},
		{ICMPError{V6: true, Type: 1, Code: 0}, "network_unreachable", true},
		{ICMPError{V6: true, Type: 1, Code: 1}, "prohibited", true},
		{ICMPError{V6: true, Type: 1, Code: 3}, "host_unreachable", true},
		{ICMPError{V6: true, Type: 1, Code: 4}, "port_unreachable", true},
		{ICMPError{V6: true, Type: 1, Code: 9}, "other", true},
		{ICMPError{V6: true, Type: 2}, "too_long", true},
		{ICMPError{V6: true, Type: 3}, "expired", false},
		{ICMPError{V6: true, Type: 4}, "other", true},
	} {
		if r := tt.e.reason(); r.String() != tt.want || r.fatal() != tt.fatal {
			t.Errorf("%v: %v, fatal %v", &tt.e, r, r.fatal())
		}
	}
}
