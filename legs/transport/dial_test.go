//go:build linux

package transport

import (
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

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
