package rtprelay

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// portableDatagram is the largest datagram that a portable poller relays: a
// jumbo frame. Each socket holds a buffer of this size.
const portableDatagram = 9216

// portable is the poller for systems without epoll: a reader goroutine per
// socket hands datagrams to the worker. It serves development and tests; it
// costs about half as much again per packet and three times the memory.
type portable struct {
	arrived chan datagram
	woken   chan struct{}
	closed  chan struct{}
	readers sync.WaitGroup
	buffers sync.Pool
	touched []*portableSocket // sockets with datagrams of the last batch
}

// datagram is one received packet on its way to the worker.
type datagram struct {
	socket *portableSocket
	buffer *[portableDatagram]byte
	size   int
	from   netip.AddrPort
}

// newPortable returns a poller over package net.
func newPortable() (poller, error) {
	return &portable{
		arrived: make(chan datagram, 256),
		woken:   make(chan struct{}, 1),
		closed:  make(chan struct{}),
		buffers: sync.Pool{New: func() any { return new([portableDatagram]byte) }},
	}, nil
}

// open implements poller.
func (p *portable) open(local netip.AddrPort, token uint64) (socket, error) {
	network := "udp4"
	if local.Addr().Is6() {
		network = "udp6"
	}
	conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(local))
	if err != nil {
		return nil, portableError(err)
	}
	return &portableSocket{poller: p, conn: conn, token: token}, nil
}

// portableError gives a failed open its meaning to this package.
func portableError(err error) error {
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		switch {
		case errors.Is(call.Err, syscall.EADDRINUSE):
			return errors.Join(errPortTaken, err)
		case errors.Is(call.Err, syscall.EMFILE), errors.Is(call.Err, syscall.ENFILE):
			return errors.Join(ErrNoDescriptors, err)
		}
	}
	return err
}

// wait implements poller. Datagrams of the last batch that nobody received are
// dropped: their socket has been closed.
func (p *portable) wait(tokens []uint64, timeout time.Duration) (n int, err error) {
	for _, s := range p.touched {
		for s.next < len(s.pending) {
			p.release(s.pop())
		}
		s.pending, s.next = s.pending[:0], 0
	}
	p.touched = p.touched[:0]

	var expired <-chan time.Time
	if timeout >= 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case d := <-p.arrived:
		n = p.keep(d, tokens, n)
	case <-p.woken:
	case <-expired:
	}
	for n < len(tokens) {
		select {
		case d := <-p.arrived:
			n = p.keep(d, tokens, n)
			continue
		default:
		}
		break
	}
	return n, nil
}

// rest implements poller: the readers would be woken all the same.
func (p *portable) rest(time.Duration) error { return nil }

// keep puts d where its socket's recv finds it.
func (p *portable) keep(d datagram, tokens []uint64, n int) int {
	s := d.socket
	if len(s.pending) == 0 {
		p.touched = append(p.touched, s)
	}
	s.pending = append(s.pending, d)
	tokens[n] = s.token
	return n + 1
}

// release gives a datagram's buffer to the next reader.
func (p *portable) release(d datagram) { p.buffers.Put(d.buffer) }

// wake implements poller.
func (p *portable) wake(time.Duration) {
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

// close implements poller. It returns when the last reader is gone; the
// sockets must have been closed.
func (p *portable) close() error {
	close(p.closed)
	p.readers.Wait()
	return nil
}

// portableSocket is a UDP socket with a goroutine that reads it.
type portableSocket struct {
	poller *portable
	conn   *net.UDPConn
	token  uint64

	// owned by the worker
	pending []datagram
	next    int
}

// start implements socket.
func (s *portableSocket) start() { s.poller.readers.Go(s.read) }

// read hands datagrams to the worker until the socket is closed.
func (s *portableSocket) read() {
	for {
		buffer := s.poller.buffers.Get().(*[portableDatagram]byte)
		n, from, err := s.conn.ReadFromUDPAddrPort(buffer[:])
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil || n == len(buffer): // an ICMP error, or cut short
			s.poller.buffers.Put(buffer)
			continue
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		select {
		case s.poller.arrived <- datagram{s, buffer, n, from}:
		case <-s.poller.closed:
			return
		}
	}
}

// pop takes the oldest pending datagram.
func (s *portableSocket) pop() datagram {
	d := s.pending[s.next]
	s.next++
	return d
}

// recv implements socket.
func (s *portableSocket) recv(b []byte) (n int, from netip.AddrPort, err error) {
	if s.next == len(s.pending) {
		return 0, from, errAgain
	}
	d := s.pop()
	n = copy(b, d.buffer[:d.size])
	s.poller.release(d)
	return n, d.from, nil
}

// send implements socket.
func (s *portableSocket) send(b []byte, to netip.AddrPort) error {
	_, err := s.conn.WriteToUDPAddrPort(b, to)
	return err
}

// connect implements socket: package net cannot.
func (s *portableSocket) connect(netip.AddrPort) bool { return false }

// disconnect implements socket.
func (s *portableSocket) disconnect() bool { return true }

// rest implements socket: what its reader has read already would get through.
func (s *portableSocket) rest() bool { return false }

// empty implements socket; nobody asks who heeds rest.
func (s *portableSocket) empty(int) bool { return false }

// close implements socket.
func (s *portableSocket) close() { _ = s.conn.Close() }
