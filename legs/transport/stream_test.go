//go:build linux

package transport

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
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
