package transport

import (
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A socket that fails again and again is counted, logged with measure, left
// alone for a while, and read again when it recovers.
func TestReaderSurvivesErrors(t *testing.T) {
	reg, log := prometheus.NewRegistry(), new(lockedWriter)
	s, got := listen(t, Config{
		Sockets: 1, Metrics: NewMetrics(reg), Logger: slog.New(slog.NewTextHandler(log, nil)),
	}, "udp://127.0.0.1:0")
	gate := s.groups[0].sockets[0].gate
	if err := gate.SetDeadline(time.Unix(1, 0)); err != nil { // every read fails from now on
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); gather(t, reg)["read_errors_total"] < freeErrors+2; {
		if time.Now().After(deadline) {
			t.Fatalf("%v errors counted", gather(t, reg)["read_errors_total"])
		}
	}
	if n := strings.Count(log.String(), "cannot read"); n != 1 {
		t.Errorf("%d lines: %s", n, log)
	}
	if err := gate.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	c, _ := peer(t, "127.0.0.1:0")
	send(t, c, s.Listeners()[0].Addr, "again")
	if p := got.next(t); string(p.Data) != "again" {
		t.Errorf("got %q", p.Data)
	}
}

// A reader that is failing ends with its socket like any other.
func TestCloseWhileFailing(t *testing.T) {
	reg := prometheus.NewRegistry()
	s, _ := listen(t, Config{Sockets: 2, Metrics: NewMetrics(reg)}, "udp://127.0.0.1:0")
	for _, sock := range s.groups[0].sockets {
		if err := sock.gate.SetDeadline(time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(patience); gather(t, reg)["read_errors_total"] < 2*(freeErrors+1); {
		if time.Now().After(deadline) {
			t.Fatal("no errors")
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// Where datagrams come fast the reader rests: it takes them in far fewer batches
// than came one after another, and loses none. Long rests, so that a machine on
// which the sender is twenty times too slow still sends fast.
func TestReaderRests(t *testing.T) {
	const n, delay = 6000, 50 * time.Millisecond
	batches := 0
	got := make(chan Packet, n)
	var beats, last atomic.Int32 // last: 1 promises another beat
	s, _ := listen(t, Config{Sockets: 1, BatchDelay: delay, Beat: func(again bool) {
		beats.Add(1)
		last.Store(0)
		if again {
			last.Store(1)
		}
	}, Receive: func(ps []Packet) {
		batches++
		for _, p := range ps {
			got <- p
		}
	}}, "udp://127.0.0.1:0")
	c, _ := peer(t, "127.0.0.1:0")
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for sent := 0; sent < n; {
		<-tick.C
		for range 10 {
			send(t, c, s.Listeners()[0].Addr, "x")
			sent++
		}
	}
	for range n {
		<-got
	}
	// Nothing comes any more, and so nobody comes by.
	waitFor(t, func() bool { return beats.Load() > 2 && last.Load() == 0 })
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if batches > n/4 {
		t.Errorf("%d datagrams in %d batches", n, batches)
	}
}

// After a full batch the reader does not rest, however busy it is: there is more.
func TestNoRestAfterAFullBatch(t *testing.T) {
	const batch, delay = 4, 200 * time.Millisecond
	socks, err := openUDP(testAddr(t), 1, DefaultReadBuffer)
	if err != nil {
		t.Fatal(err)
	}
	sock := socks[0]
	t.Cleanup(func() { _ = sock.close() })
	cfg := Config{Batch: batch, BatchDelay: delay, Receive: func([]Packet) {}}
	s := newSet(cfg.withDefaults())
	s.listeners = []Listener{{}}
	r := newReader(s, 0, sock)
	c, _ := peer(t, "127.0.0.1:0")
	for _, n := range []int{batch, batch - 1} {
		for range n {
			send(t, c, sock.addr(), "x")
		}
		waitFor(t, func() bool {
			got, err := r.in.read(true)
			return err == nil && got == n
		})
		r.pace.Took(1000, time.Now()) // a lot to do
		r.pace.Took(1000, time.Now().Add(4*delay))
		begin := time.Now()
		if r.take(n); (time.Since(begin) >= delay) != (n < batch) {
			t.Errorf("%d of %d: rested %s", n, batch, time.Since(begin))
		}
	}
}

// A reader that cannot read takes back that it will come by.
func TestNoBeatWithoutReading(t *testing.T) {
	var beats, last atomic.Int32
	s, _ := listen(t, Config{Sockets: 1, BatchDelay: 20 * time.Millisecond, Beat: func(again bool) {
		last.Store(0)
		if again {
			last.Store(1)
		}
		beats.Add(1)
	}, Receive: func([]Packet) {}}, "udp://127.0.0.1:0")
	c, _ := peer(t, "127.0.0.1:0")
	waitFor(t, func() bool {
		for range 100 {
			send(t, c, s.Listeners()[0].Addr, "x")
		}
		return beats.Load() > 0
	})
	if err := s.groups[0].sockets[0].gate.SetDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return last.Load() == 0 })
}

// The last thing that is heard of many readers is that none comes by again.
func TestBeatsOfMany(t *testing.T) {
	heard := false
	s := newSet((&Config{Receive: func([]Packet) {}, Beat: func(again bool) { heard = again }}).withDefaults())
	var wg sync.WaitGroup
	for range 4 {
		r := &reader{set: s}
		wg.Go(func() {
			for range 2000 {
				r.beat(true)
				r.beat(false)
			}
		})
	}
	wg.Wait()
	if heard || s.resting != 0 {
		t.Errorf("heard %v, %d rest", heard, s.resting)
	}
}
