package rtprelay

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batchSize is how many ready sockets one epoll_wait returns at most.
const batchSize = 512

// wakeToken marks the eventfd among the events.
const wakeToken = ^uint64(0)

// epoll is the poller of one worker: raw non-blocking sockets, level-triggered,
// one receive per ready socket. A call has so few packets that a second receive
// would mostly find nothing.
type epoll struct {
	fd     int
	wakeFD int
	events []unix.EpollEvent
	name   unix.RawSockaddrAny // scratch for addresses; the worker's
}

// newPoller returns the best poller of this system.
func newPoller() (poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, systemError("epoll", err)
	}
	wakeFD, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(fd)
		return nil, systemError("eventfd", err)
	}
	p := &epoll{fd: fd, wakeFD: wakeFD, events: make([]unix.EpollEvent, batchSize)}
	if err := p.watch(wakeFD, wakeToken); err != nil {
		_ = p.close()
		return nil, err
	}
	return p, nil
}

// watch has epoll report fd under token.
func (p *epoll) watch(fd int, token uint64) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(token), Pad: int32(token >> 32)}
	return systemError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &ev))
}

// open implements poller.
func (p *epoll) open(local netip.AddrPort, token uint64) (socket, error) {
	domain := unix.AF_INET
	if local.Addr().Is6() {
		domain = unix.AF_INET6
	}
	fd, err := unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP)
	if err != nil {
		return nil, systemError("socket", err)
	}
	if err := p.setUp(fd, domain, local, token); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return &rawSocket{poller: p, fd: fd}, nil
}

// setUp binds fd and has it watched. There is no SO_REUSEADDR: a port belongs
// to one socket.
func (p *epoll) setUp(fd, domain int, local netip.AddrPort, token uint64) error {
	var name unix.Sockaddr
	if domain == unix.AF_INET6 {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return systemError("setsockopt IPV6_V6ONLY", err)
		}
		name = &unix.SockaddrInet6{Port: int(local.Port()), Addr: local.Addr().As16()}
	} else {
		name = &unix.SockaddrInet4{Port: int(local.Port()), Addr: local.Addr().As4()}
	}
	if err := unix.Bind(fd, name); err != nil {
		return systemError(fmt.Sprintf("bind %v", local), err)
	}
	return p.watch(fd, token)
}

// systemError gives a failed call its meaning to this package; nil stays nil.
func systemError(call string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EADDRINUSE):
		return fmt.Errorf("%w: %s: %w", errPortTaken, call, err)
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE), errors.Is(err, unix.ENOSPC),
		errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ENOMEM):
		return fmt.Errorf("%w: %s: %w", ErrNoDescriptors, call, err)
	default:
		return fmt.Errorf("rtprelay: %s: %w", call, err)
	}
}

// wait implements poller.
func (p *epoll) wait(tokens []uint64, timeout time.Duration) (n int, woken bool, err error) {
	ms := -1
	if timeout >= 0 { // round up: waking early would only mean waiting again
		ms = int(min((timeout+time.Millisecond-1)/time.Millisecond, 1<<30))
	}
	events := p.events[:min(len(p.events), len(tokens))]
	ready, err := unix.EpollWait(p.fd, events, ms)
	if err != nil {
		if err == unix.EINTR {
			return 0, false, nil
		}
		return 0, false, err
	}
	for i := range events[:ready] {
		token := uint64(uint32(events[i].Fd)) | uint64(uint32(events[i].Pad))<<32
		if token == wakeToken {
			p.drainWake()
			woken = true
			continue
		}
		tokens[n] = token
		n++
	}
	return n, woken, nil
}

// wake implements poller.
func (p *epoll) wake() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(p.wakeFD, one[:]) // fails only when it is readable already
}

// drainWake makes the eventfd unreadable.
func (p *epoll) drainWake() {
	var count [8]byte
	_, _ = unix.Read(p.wakeFD, count[:])
}

// close implements poller.
func (p *epoll) close() error { return errors.Join(unix.Close(p.wakeFD), unix.Close(p.fd)) }

// rawSocket is a UDP socket without the runtime's netpoller.
type rawSocket struct {
	poller    *epoll
	fd        int
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

// close implements socket. epoll forgets a closed descriptor by itself.
func (s *rawSocket) close() {
	if s.fd >= 0 {
		_ = unix.Close(s.fd)
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

// descriptorLimit is how many files the process may have open.
func descriptorLimit() (uint64, bool) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, false
	}
	return limit.Cur, true
}
