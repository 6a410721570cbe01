//go:build linux

package transport

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

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

// A peer that falls behind again and again, and catches up, keeps its connection:
// WriteQueue bounds what waits, not what has ever waited.
func TestPeerCatchesUp(t *testing.T) {
	const limit = 128 << 10
	s, got := listen(t, Config{Streams: StreamConfig{WriteQueue: limit}}, "tcp://127.0.0.1:0")
	peer := dialTo(t, s.Listeners()[0].Addr, "")
	say(t, peer, message("x"))
	f := got.next(t).Flow
	c := s.pool.get(f.Conn)
	waiting := func() int {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.bytes
	}
	load := strings.Repeat("z", limit/4)
	for waited := 0; waited < 3*limit; {
		sent := 0
		for waiting() == 0 {
			s.Write([]Outgoing{{Flow: f, Data: []byte(load)}})
			sent++
		}
		waited += len(load)
		hear(t, peer, strings.Repeat(load, sent))
		waitFor(t, func() bool { return waiting() == 0 })
	}
	s.Write([]Outgoing{{Flow: f, Data: []byte("still here")}})
	hear(t, peer, "still here")
}
