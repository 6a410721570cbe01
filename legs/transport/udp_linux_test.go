package transport

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
)

// The kernel spreads peers over the sockets of a listener: while one reader is
// held up, other peers get through, and each peer always meets the same reader.
func TestPeersAreSpread(t *testing.T) {
	const peers = 64
	hold := make(chan struct{})
	var first sync.Once
	var through atomic.Int32
	enough := make(chan struct{})
	s, _ := listen(t, Config{Sockets: 4, Receive: func(ps []Packet) {
		held := false
		first.Do(func() { held = true })
		if held {
			<-hold
			return
		}
		if through.Add(int32(len(ps))) >= peers/4 {
			select {
			case <-enough:
			default:
				close(enough)
			}
		}
	}}, "udp://127.0.0.1:0")
	t.Cleanup(func() { close(hold) }) // before the set is closed
	for range peers {
		c, _ := peer(t, "127.0.0.1:0")
		send(t, c, s.Listeners()[0].Addr, "hello")
	}
	select {
	case <-enough:
	case <-time.After(patience):
		t.Errorf("%d of %d peers got past a reader that is held up", through.Load(), peers)
	}
}

// What the kernel drops because nobody reads is counted.
func TestKernelDrops(t *testing.T) {
	const n = 2000
	reg := prometheus.NewRegistry()
	hold, held := make(chan struct{}), make(chan struct{})
	var first sync.Once
	s, _ := listen(t, Config{
		Sockets: 1, ReadBuffer: 4096, Metrics: NewMetrics(reg),
		Receive: func([]Packet) { first.Do(func() { close(held); <-hold }) },
	}, "udp://127.0.0.1:0")
	t.Cleanup(func() { close(hold) })
	c, _ := peer(t, "127.0.0.1:0")
	send(t, c, s.Listeners()[0].Addr, "first")
	<-held
	for i := range n {
		send(t, c, s.Listeners()[0].Addr, fmt.Sprintf("%01000d", i))
	}
	if got := gather(t, reg)["dropped_datagrams_total kernel"]; got < n/2 || got > n {
		t.Errorf("counted %v of %d", got, n)
	}
}

// receiveBuffer asks the kernel, in the unit of setsockopt.
func receiveBuffer(t *testing.T, sock *socket) int {
	t.Helper()
	var n int
	err := sock.control(func(fd int) (err error) {
		n, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n / 2
}
