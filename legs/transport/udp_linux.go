package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// A socket is one UDP socket, read and written in batches.
type socket struct {
	conn   *net.UDPConn
	raw    syscall.RawConn
	buffer int           // bytes of receive buffer granted
	lost   atomic.Uint64 // datagrams the kernel has dropped, as of the last look
}

// openUDP binds n sockets to one address, among which the kernel spreads the
// peers. The first is bound alone, without SO_REUSEPORT, so that the address is
// refused when anybody else has it, another process of ours included; only then
// is it opened to the others.
func openUDP(addr netip.AddrPort, n, buffer int) (sockets []*socket, err error) {
	defer func() {
		if err != nil {
			for _, sock := range sockets {
				err = errors.Join(err, sock.close())
			}
			sockets = nil
		}
	}()
	for i := range n {
		sock, err := bindUDP(addr, i > 0, buffer)
		if err != nil {
			return sockets, err
		}
		sockets = append(sockets, sock)
		if i == 0 {
			addr = sock.addr() // a port of 0 is chosen now
		}
		if i == 0 && n > 1 {
			if err := sock.control(reusePort); err != nil {
				return sockets, err
			}
		}
	}
	return sockets, nil
}

func bindUDP(addr netip.AddrPort, shared bool, buffer int) (*socket, error) {
	network := "udp4"
	if addr.Addr().Is6() {
		network = "udp6" // and IPV6_V6ONLY with it
	}
	granted := 0
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		cerr := c.Control(func(fd uintptr) {
			if shared {
				err = reusePort(int(fd))
			}
			if err == nil {
				granted, err = growBuffers(int(fd), buffer)
			}
			if err == nil {
				err = recvErrors(int(fd), addr.Addr().Is6())
			}
		})
		return errors.Join(cerr, err)
	}}
	pc, err := lc.ListenPacket(context.Background(), network, addr.String())
	if err != nil {
		return nil, err
	}
	conn, ok := pc.(*net.UDPConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("unexpected connection %T", pc), pc.Close())
	}
	sock := &socket{conn: conn, buffer: granted}
	if sock.raw, err = conn.SyscallConn(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return sock, nil
}

func reusePort(fd int) error {
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	if err != nil {
		return fmt.Errorf("SO_REUSEPORT: %w", err)
	}
	return nil
}

// growBuffers asks for the buffer sizes, past net.core.rmem_max where we have
// CAP_NET_ADMIN, and returns what was granted for receiving.
func growBuffers(fd, size int) (granted int, err error) {
	set := func(force, plain int) error {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, size) == nil {
			return nil
		}
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, plain, size)
	}
	if err := set(unix.SO_RCVBUFFORCE, unix.SO_RCVBUF); err != nil {
		return 0, fmt.Errorf("SO_RCVBUF: %w", err)
	}
	if err := set(unix.SO_SNDBUFFORCE, unix.SO_SNDBUF); err != nil {
		return 0, fmt.Errorf("SO_SNDBUF: %w", err)
	}
	doubled, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	if err != nil {
		return 0, fmt.Errorf("SO_RCVBUF: %w", err)
	}
	return doubled / 2, nil // socket(7): the kernel doubles the value for its own book-keeping
}

func (s *socket) addr() netip.AddrPort {
	a := s.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

func (s *socket) close() error { return s.conn.Close() }

// control runs f with the descriptor.
func (s *socket) control(f func(fd int) error) error {
	var ferr error
	err := s.raw.Control(func(fd uintptr) { ferr = f(int(fd)) })
	return errors.Join(err, ferr)
}

// kernelDrops returns how many datagrams the kernel has dropped because the
// receive buffer was full. After close it is the last number seen.
func (s *socket) kernelDrops() uint64 {
	_ = s.control(func(fd int) error {
		if drops, err := readDrops(fd); err == nil {
			s.lost.Store(uint64(drops))
		}
		return nil
	})
	return s.lost.Load()
}

// isCongestion reports whether the kernel had no room for a datagram.
func isCongestion(err error) bool {
	return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOBUFS)
}
