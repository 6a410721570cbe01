//go:build linux

package transport

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"b2bua/legs/sipmsg"
)

// Who says nothing, or never ends what it says, is closed; who is heard is not.
func TestStreamTimeouts(t *testing.T) {
	nobody := func(netip.Addr) bool { return false }
	for name, tt := range map[string]struct {
		cfg  StreamConfig
		said string
		why  string
	}{
		"nothing at all": {StreamConfig{MessageTimeout: 50 * time.Millisecond, IdleTimeout: time.Hour}, "", "partial"},
		"half a header":  {StreamConfig{MessageTimeout: 50 * time.Millisecond, IdleTimeout: time.Hour}, message("a") + "INVITE", "partial"},
		"half a body":    {StreamConfig{MessageTimeout: 50 * time.Millisecond, IdleTimeout: time.Hour}, message("abc")[:48], "partial"},
		"idle":           {StreamConfig{MessageTimeout: time.Hour, IdleTimeout: 50 * time.Millisecond}, message("a"), "idle"},
		"keep-alives of a stranger": {
			StreamConfig{MessageTimeout: 50 * time.Millisecond, IdleTimeout: time.Hour, Known: nobody}, "\r\n", "partial",
		},
		"keep-alives after a stranger's message": {
			StreamConfig{MessageTimeout: 100 * time.Millisecond, IdleTimeout: 200 * time.Millisecond, Known: nobody}, message("a") + "\r\n", "idle",
		},
		"keep-alives of somebody known": {StreamConfig{MessageTimeout: 100 * time.Millisecond, IdleTimeout: 200 * time.Millisecond}, "\r\n", "idle"},
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
// first. Nor do halves of keep-alives hold the connection of a stranger.
func TestSlowloris(t *testing.T) {
	for _, text := range []string{"x", "\n\r"} {
		s, _ := listen(t, Config{Streams: StreamConfig{
			MessageTimeout: 100 * time.Millisecond, Known: func(netip.Addr) bool { return false },
		}}, "tcp://127.0.0.1:0")
		c := dialTo(t, s.Listeners()[0].Addr, "")
		say(t, c, "\r")
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for {
				if _, err := io.WriteString(c, text); err != nil {
					return
				}
				<-tick.C
			}
		}()
		await(t, gone)
	}
}

// A source that has spent its budget is read no faster than it gets more, and
// loses nothing.
func TestStreamKeepsBudget(t *testing.T) {
	const rate, n = 50, 6
	reg := prometheus.NewRegistry()
	s, got := listen(t, Config{
		Metrics: NewMetrics(reg), Budget: newTestBudget(t, BudgetConfig{Stranger: Limit{Rate: rate, Burst: 1}}),
	}, "tcp://127.0.0.1:0")
	c := dialTo(t, s.Listeners()[0].Addr, "")
	begin := time.Now()
	for i := range n {
		say(t, c, message(fmt.Sprint(i)))
	}
	for i := range n {
		if p := got.next(t); string(p.Data) != message(fmt.Sprint(i)) {
			t.Fatalf("got %q", p.Data)
		}
	}
	if took := time.Since(begin); took < (n-2)*time.Second/rate {
		t.Errorf("%d messages in %s", n, took)
	}
	if paced := gather(t, reg)["paced_messages_total"]; paced < n-2 {
		t.Errorf("%v waited", paced)
	}
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
