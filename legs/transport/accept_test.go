//go:build linux

package transport

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

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

// A failing is a listener out of descriptors.
type failing struct{ closed atomic.Bool }

func (l *failing) Accept() (net.Conn, error) {
	if l.closed.Load() {
		return nil, net.ErrClosed
	}
	return nil, syscall.EMFILE
}

func (l *failing) Close() error {
	l.closed.Store(true)
	return nil
}

func (l *failing) Addr() net.Addr { return nil }

// A listener that cannot accept is tried again and again, with measure; the log
// has a line a second, and Close waits for none of it.
func TestAcceptFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg, log := prometheus.NewRegistry(), new(lockedWriter)
		cfg := Config{Metrics: NewMetrics(reg), Logger: slog.New(slog.NewTextHandler(log, nil))}
		s, l := newSet(cfg.withDefaults()), new(failing)
		s.listeners, s.groups = []Listener{{URL: "tcp://192.0.2.1"}}, []*group{{accepts: l}}
		s.wg.Go(func() { s.accept(0, l) })
		<-time.After(10*time.Second + errorPause/2)
		if n := strings.Count(log.String(), "cannot accept"); n != 11 {
			t.Errorf("%d lines in 10 s", n)
		}
		if n := gather(t, reg)["read_errors_total"]; n < 200 || n > 210 {
			t.Errorf("%v attempts in 10 s", n)
		}
		begin := time.Now()
		if err := s.Close(); err != nil || time.Since(begin) != 0 {
			t.Errorf("closed after %s: %v", time.Since(begin), err)
		}
	})
}
