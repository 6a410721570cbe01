package main

import (
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batchSize is how many datagrams one system call moves at most.
const batchSize = 64

// mmsghdr is the kernel's struct mmsghdr (recvmmsg(2)).
type mmsghdr struct {
	unix.Msghdr

	size uint32
}

// A socket is a UDP socket outside the runtime's poller: nobody sleeps on it,
// so that what arrives wakes nobody up at the sender's expense.
type socket struct {
	fd  int
	out batch
	in  batch
}

// A batch is the arguments of sendmmsg(2) or recvmmsg(2).
type batch struct {
	headers [batchSize]mmsghdr
	vectors [batchSize]unix.Iovec
	peers   [batchSize]*unix.RawSockaddrInet4
	buffers [batchSize][packetSize + 1]byte // of what is received; one more byte shows what is too long
	control [batchSize][64]byte
}

// openSocket binds a socket that stamps what it receives.
func openSocket(address netip.AddrPort) (*socket, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	s := &socket{fd: fd}
	for _, option := range []struct{ name, value int }{
		{unix.SO_TIMESTAMPNS, 1},
		{unix.SO_RCVBUFFORCE, 64 << 20},
		{unix.SO_SNDBUFFORCE, 16 << 20},
	} {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, option.name, option.value); err != nil {
			return nil, fmt.Errorf("socket option %d: %w", option.name, err)
		}
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: int(address.Port()), Addr: address.Addr().As4()}); err != nil {
		return nil, fmt.Errorf("bind %v: %w", address, err)
	}
	for i := range batchSize {
		in := &s.in
		in.vectors[i].Base = &in.buffers[i][0]
		in.vectors[i].SetLen(len(in.buffers[i]))
		in.headers[i].Iov, in.headers[i].Control = &in.vectors[i], &in.control[i][0]
		in.headers[i].SetIovlen(1)
		out := &s.out
		out.headers[i].Iov, out.headers[i].Namelen = &out.vectors[i], unix.SizeofSockaddrInet4
		out.headers[i].SetIovlen(1)
	}
	return s, nil
}

// sockaddr is the address as sendmmsg wants it.
func sockaddr(a netip.AddrPort) *unix.RawSockaddrInet4 {
	port := a.Port()
	return &unix.RawSockaddrInet4{Family: unix.AF_INET, Port: port>>8 | port<<8, Addr: a.Addr().As4()}
}

// put makes packet number i of the next send.
func (s *socket) put(i int, packet []byte, to *unix.RawSockaddrInet4) {
	s.out.vectors[i].Base = &packet[0]
	s.out.vectors[i].SetLen(len(packet))
	s.out.peers[i] = to
	s.out.headers[i].Name = (*byte)(unsafe.Pointer(to))
}

// send sends the first n that were put.
func (s *socket) send(n int) error {
	for done := 0; done < n; {
		// RawSyscall: it never blocks, so the scheduler need not know.
		sent, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(s.fd),
			uintptr(unsafe.Pointer(&s.out.headers[done])), uintptr(n-done), 0, 0, 0)
		if errno != 0 {
			return fmt.Errorf("sendmmsg: %w", errno)
		}
		done += int(sent)
	}
	return nil
}

// receive fills s.in and returns how many datagrams it has.
func (s *socket) receive() (int, error) {
	for i := range batchSize {
		s.in.headers[i].SetControllen(len(s.in.control[i]))
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd),
		uintptr(unsafe.Pointer(&s.in.headers[0])), batchSize, unix.MSG_DONTWAIT, 0, 0)
	if errno == unix.EAGAIN {
		return 0, nil
	}
	if errno != 0 {
		return 0, fmt.Errorf("recvmmsg: %w", errno)
	}
	return int(n), nil
}

// received is datagram i of the last receive, and when the kernel got it:
// nanoseconds since 1970, 0 when it did not say.
func (s *socket) received(i int) (packet []byte, stamp int64) {
	packet = s.in.buffers[i][:s.in.headers[i].size]
	header := (*unix.Cmsghdr)(unsafe.Pointer(&s.in.control[i][0]))
	if int(s.in.headers[i].Controllen) < unix.CmsgLen(int(unsafe.Sizeof(unix.Timespec{}))) || header.Type != unix.SCM_TIMESTAMPNS {
		return packet, 0
	}
	at := (*unix.Timespec)(unsafe.Pointer(&s.in.control[i][unix.CmsgLen(0)]))
	return packet, at.Nano()
}

// drops is how many datagrams the kernel has dropped at the socket.
func (s *socket) drops() (int, error) {
	var info [unix.SK_MEMINFO_VARS]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(s.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0, fmt.Errorf("SO_MEMINFO: %w", errno)
	}
	return int(info[unix.SK_MEMINFO_DROPS]), nil
}
