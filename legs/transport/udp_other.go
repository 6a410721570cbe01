//go:build !linux

package transport

import (
	"fmt"
	"net"
	"net/netip"
	"time"
)

// A socket is one plain UDP socket: the portable fall-back, one datagram per
// system call.
type socket struct {
	conn   *net.UDPConn
	buffer int // bytes of receive buffer asked for; not every platform tells what it grants
}

// openUDP binds one socket whatever n is: sharing a port by peer is Linux's.
func openUDP(addr netip.AddrPort, _, buffer int) ([]*socket, error) {
	network := "udp4"
	if addr.Addr().Is6() {
		network = "udp6"
	}
	conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, err
	}
	sock := &socket{conn: conn, buffer: buffer}
	if err := conn.SetReadBuffer(buffer); err != nil {
		sock.buffer = 0
	}
	return []*socket{sock}, nil
}

func (s *socket) addr() netip.AddrPort {
	a := s.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

func (s *socket) close() error { return s.conn.Close() }

func (s *socket) kernelDrops() uint64 { return 0 }

func isCongestion(error) bool { return false }

func isPending(error) bool { return false }

// An inbox holds the one datagram of a reader.
type inbox struct {
	sock *socket
	buf  []byte
	n    int
	peer netip.AddrPort
}

func newInbox(sock *socket, _, size int) *inbox {
	return &inbox{sock: sock, buf: make([]byte, size+1)}
}

// read waits for a datagram and returns the number of them; without wait there is
// none.
func (in *inbox) read(wait bool) (n int, err error) {
	if !wait {
		return 0, nil
	}
	size, peer, err := in.sock.conn.ReadFromUDPAddrPort(in.buf)
	if err != nil {
		return 0, err
	}
	in.n, in.peer = size, netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port())
	return 1, nil
}

// rest does nothing: the runtime wakes up for every datagram all the same.
func (in *inbox) rest(time.Duration) error { return nil }

func (in *inbox) datagram(int) ([]byte, netip.AddrPort) { return in.buf[:in.n], in.peer }

// A writer holds one message.
type writer struct{ out *Outgoing }

func newWriter(int) *writer { return &writer{} }

func (w *writer) add(out *Outgoing) { w.out = out }
func (w *writer) full() bool        { return w.out != nil }

func (w *writer) left() int {
	if w.out == nil {
		return 0
	}
	return 1
}

func (w *writer) write(sock *socket) (n, bytes int, err error) {
	n, err = sock.conn.WriteToUDPAddrPort(w.out.Data, w.out.Flow.Peer)
	if err != nil {
		return 0, 0, fmt.Errorf("write %v: %w", w.out.Flow.Peer, err)
	}
	w.out = nil
	return 1, n, nil
}

func (w *writer) skip() *Outgoing {
	out := w.out
	w.out = nil
	return out
}

func (w *writer) reset() { w.out = nil }
