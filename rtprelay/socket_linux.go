package rtprelay

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawSocket is a UDP socket without the runtime's netpoller.
type rawSocket struct {
	poller    *epoll
	fd        int32 // -1 = closed
	connected bool
}

// start implements socket: a datagram that has come early is reported until it
// is received.
func (s *rawSocket) start() {}

// recv implements socket. The source comes with every datagram, also when
// connected: those that arrived before connect are anybody's.
func (s *rawSocket) recv(b []byte) (n int, from netip.AddrPort, err error) {
	name := &s.poller.name
	size := uint32(unix.SizeofSockaddrAny)
	// RawSyscall: the call never blocks, so the scheduler need not know.
	r, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT,
		uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return 0, from, packetError(errno)
	}
	return int(r), addressOf(name), nil
}

// send implements socket.
func (s *rawSocket) send(b []byte, to netip.AddrPort) error {
	var name unsafe.Pointer
	var size uint32
	if !s.connected {
		name, size = unsafe.Pointer(&s.poller.name), setAddress(&s.poller.name, to)
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL,
		uintptr(name), uintptr(size))
	if errno != 0 {
		return packetError(errno)
	}
	return nil
}

// packetError names what recv and send may run into.
func packetError(errno unix.Errno) error {
	switch errno {
	case unix.EAGAIN, unix.EINTR:
		return errAgain
	case unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EHOSTDOWN, unix.ENETDOWN:
		return errUnreachable
	default:
		return errno // a small number: boxing it does not allocate
	}
}

// connect implements socket.
func (s *rawSocket) connect(to netip.AddrPort) bool {
	size := setAddress(&s.poller.name, to)
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(s.fd),
		uintptr(unsafe.Pointer(&s.poller.name)), uintptr(size))
	s.connected = s.connected || errno == 0
	return errno == 0
}

// disconnect implements socket. The local address stays: it was bound.
func (s *rawSocket) disconnect() bool {
	s.poller.name.Addr.Family = unix.AF_UNSPEC
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(s.fd),
		uintptr(unsafe.Pointer(&s.poller.name)), unsafe.Sizeof(s.poller.name.Addr))
	s.connected = false // whatever happened, send names its destination again
	return errno == 0
}

// rest implements socket: connect is all that is ever done to it.
func (s *rawSocket) rest() bool { return !s.connected || s.disconnect() }

// empty implements socket. Without a buffer the kernel hands out nothing of a
// datagram, which is gone all the same.
func (s *rawSocket) empty(most int) bool {
	for range most + 1 {
		_, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
		if errno == unix.EAGAIN {
			return true
		}
	}
	return false
}

// closeNow closes a UDP socket, which does not block.
func closeNow(fd int) { _, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

// close implements socket. epoll forgets a closed descriptor by itself.
func (s *rawSocket) close() {
	if s.fd >= 0 {
		closeNow(int(s.fd))
		s.fd = -1
	}
}

// addressOf reads the address that the kernel wrote. A scope is left out: the
// addresses it is compared with have none.
func addressOf(name *unix.RawSockaddrAny) netip.AddrPort {
	switch name.Addr.Family {
	case unix.AF_INET:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), swapPort(in.Port))
	case unix.AF_INET6:
		in := (*unix.RawSockaddrInet6)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom16(in.Addr), swapPort(in.Port))
	default:
		return netip.AddrPort{}
	}
}

// setAddress writes an address for the kernel and returns its size.
func setAddress(name *unix.RawSockaddrAny, to netip.AddrPort) uint32 {
	if to.Addr().Is4() {
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		in.Family, in.Port, in.Addr = unix.AF_INET, swapPort(to.Port()), to.Addr().As4()
		return unix.SizeofSockaddrInet4
	}
	in := (*unix.RawSockaddrInet6)(unsafe.Pointer(name))
	*in = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: swapPort(to.Port()), Addr: to.Addr().As16()}
	return unix.SizeofSockaddrInet6
}

// swapPort converts a port between the host's and the network's byte order.
func swapPort(port uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], port)
	return binary.NativeEndian.Uint16(b[:])
}
