package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"b2bua/internal/gate"
)

// A socket is one UDP socket, read and written in batches. The runtime does not
// know it: it would wake up for every datagram, also while the reader rests. The
// reader waits at the gate instead.
type socket struct {
	file   *os.File // owns the descriptor, which blocks: every call says MSG_DONTWAIT
	raw    syscall.RawConn
	fd     int // for who is inside the gate
	gate   *gate.Gate
	local  netip.AddrPort
	buffer int // bytes of receive buffer granted
	closed atomic.Bool
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
	domain := unix.AF_INET
	if addr.Addr().Is6() {
		domain = unix.AF_INET6
	}
	fd, err := unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	sock := &socket{file: os.NewFile(uintptr(fd), "udp"), fd: fd}
	if err := sock.setUp(addr, shared, buffer); err != nil {
		return nil, errors.Join(err, sock.close())
	}
	return sock, nil
}

// setUp makes a UDP socket of a descriptor.
func (s *socket) setUp(addr netip.AddrPort, shared bool, buffer int) (err error) {
	if s.raw, err = s.file.SyscallConn(); err != nil {
		return err
	}
	if s.buffer, err = setUpUDP(s.fd, addr, shared, buffer); err != nil {
		return err
	}
	if s.local, err = localAddr(s.fd); err != nil {
		return err
	}
	s.gate, err = gate.New(s.fd)
	return err
}

// setUpUDP sets the options of a socket, binds it, and returns the receive buffer
// that was granted.
func setUpUDP(fd int, addr netip.AddrPort, shared bool, buffer int) (granted int, err error) {
	v6 := addr.Addr().Is6()
	if v6 {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return 0, fmt.Errorf("IPV6_V6ONLY: %w", err)
		}
	}
	if shared {
		if err := reusePort(fd); err != nil {
			return 0, err
		}
	}
	if granted, err = growBuffers(fd, buffer); err != nil {
		return 0, err
	}
	if err := recvErrors(fd, v6); err != nil {
		return 0, err
	}
	return granted, os.NewSyscallError("bind", unix.Bind(fd, sockaddrOf(addr)))
}

// sockaddrOf is an address as bind takes it.
func sockaddrOf(addr netip.AddrPort) unix.Sockaddr {
	a := addr.Addr().Unmap()
	if a.Is4() {
		return &unix.SockaddrInet4{Port: int(addr.Port()), Addr: a.As4()}
	}
	in := &unix.SockaddrInet6{Port: int(addr.Port()), Addr: a.As16()}
	if zone := a.Zone(); zone != "" {
		var z zones
		in.ZoneId = z.index(zone)
	}
	return in
}

// localAddr is the address that a socket is bound to.
func localAddr(fd int) (netip.AddrPort, error) {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, os.NewSyscallError("getsockname", err)
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)), nil //nolint:gosec // a port
	case *unix.SockaddrInet6:
		addr := netip.AddrFrom16(sa.Addr).Unmap()
		if sa.ZoneId != 0 {
			var z zones
			addr = addr.WithZone(z.name(sa.ZoneId))
		}
		return netip.AddrPortFrom(addr, uint16(sa.Port)), nil //nolint:gosec // a port
	}
	return netip.AddrPort{}, fmt.Errorf("getsockname: unexpected %T", sa)
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

func (s *socket) addr() netip.AddrPort { return s.local }

// close returns when no call is under way any more.
func (s *socket) close() error {
	s.closed.Store(true)
	var err error
	if s.gate != nil {
		err = s.gate.Close()
	}
	return errors.Join(err, s.file.Close())
}

// use runs f with the descriptor, which stays open meanwhile.
func (s *socket) use(f func(fd uintptr)) error {
	err := s.raw.Control(f)
	if err != nil && s.closed.Load() {
		return net.ErrClosed // a file's own error is not exported
	}
	return err
}

// control is use of what can fail.
func (s *socket) control(f func(fd int) error) error {
	var ferr error
	err := s.use(func(fd uintptr) { ferr = f(int(fd)) })
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
