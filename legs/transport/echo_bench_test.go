package transport

import (
	"fmt"
	"net"
	"testing"
)

// A datagram there and back: the peer's own two system calls are part of it.
func BenchmarkEcho(b *testing.B) {
	for _, addr := range loopbacks {
		for _, burst := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s/%d at once", addr, burst), func(b *testing.B) { benchmarkEcho(b, addr, burst) })
		}
	}
}

func benchmarkEcho(b *testing.B, addr string, burst int) {
	var s *Set
	ready := make(chan struct{})
	out := make([]Outgoing, 0, DefaultBatch)
	s, err := Listen(Config{
		Listeners: []ListenerConfig{{URL: "udp://" + addr}}, Sockets: 1,
		Receive: func(ps []Packet) {
			<-ready
			out = out[:0]
			for i := range ps {
				out = append(out, Outgoing{Flow: ps[i].Flow, Data: ps[i].Data})
			}
			s.Write(out)
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	close(ready)
	b.Cleanup(func() { _ = s.Close() })
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(s.Listeners()[0].Addr))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	data := make([]byte, 600)
	b.ReportAllocs()
	for b.Loop() {
		for range burst {
			if _, err := conn.Write(data); err != nil {
				b.Fatal(err)
			}
		}
		for range burst {
			if _, err := conn.Read(data); err != nil {
				b.Fatal(err)
			}
		}
	}
}
