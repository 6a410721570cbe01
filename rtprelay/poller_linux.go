package rtprelay

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"b2bua/internal/gate"
)

// batchSize is how many ready sockets one epoll_wait returns at most.
const batchSize = 512

// wakeToken marks the timer of wake among the events.
const wakeToken = ^uint64(0)

// epoll is the poller of one worker: raw non-blocking sockets, level-triggered,
// one receive per ready socket. A call has so few packets that a second receive
// would mostly find nothing. No system call of it blocks, see [gate.Gate].
type epoll struct {
	fd    int
	alarm *gate.Timer // of wake
	gate  *gate.Gate

	// the worker's
	name   unix.RawSockaddrAny // scratch for addresses
	events []unix.EpollEvent
	tokens []uint64    // what the wait that is running fills in,
	looks  func() bool // look, bound once
	found  int         // how many it has,
	err    error       // or what went wrong
}

// newPoller returns the best poller of this system.
func newPoller() (poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, systemError("epoll", err)
	}
	alarm, err := gate.NewTimer()
	if err != nil {
		_ = unix.Close(fd)
		return nil, systemError("timer", err)
	}
	p := &epoll{fd: fd, alarm: alarm, events: make([]unix.EpollEvent, batchSize)}
	p.looks = p.look
	if p.gate, err = gate.New(fd); err != nil {
		err = systemError("gate", err)
	} else {
		// Edge-triggered, so that nobody has to read it.
		err = p.watch(alarm.FD(), unix.EPOLLIN|unix.EPOLLET, wakeToken)
	}
	if err != nil {
		_ = p.close()
		return nil, err
	}
	return p, nil
}

// watch has epoll report fd under token.
func (p *epoll) watch(fd int, events uint32, token uint64) error {
	ev := unix.EpollEvent{Events: events, Fd: int32(token), Pad: int32(token >> 32)}
	return systemError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &ev))
}

// open implements poller.
func (p *epoll) open(local netip.AddrPort, token uint64) (socket, error) {
	domain := unix.AF_INET
	if local.Addr().Is6() {
		domain = unix.AF_INET6
	}
	// RawSyscall, here and below: none of these blocks, and saying so to the
	// scheduler costs as much as the shortest of them.
	fd, _, errno := unix.RawSyscall(unix.SYS_SOCKET, uintptr(domain),
		unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP)
	if errno != 0 {
		return nil, systemError("socket", errno)
	}
	if err := p.setUp(int(fd), domain, local, token); err != nil {
		closeNow(int(fd))
		return nil, err
	}
	return &rawSocket{poller: p, fd: int32(fd)}, nil
}

// setUp binds fd and has it watched. There is no SO_REUSEADDR: a port belongs
// to one socket.
func (p *epoll) setUp(fd, domain int, local netip.AddrPort, token uint64) error {
	if domain == unix.AF_INET6 {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return systemError("setsockopt IPV6_V6ONLY", err)
		}
	}
	var name unix.RawSockaddrAny
	size := setAddress(&name, local)
	if _, _, errno := unix.RawSyscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&name)), uintptr(size)); errno != 0 {
		return systemError(fmt.Sprintf("bind %v", local), errno)
	}
	return p.watch(fd, unix.EPOLLIN, token)
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
func (p *epoll) wait(tokens []uint64, timeout time.Duration) (int, error) {
	p.tokens, p.found, p.err = tokens, 0, nil
	err := p.gate.Wait(p.looks, timeout)
	return p.found, errors.Join(p.err, err)
}

// look fills in what can be received from now and reports whether the wait is
// over.
func (p *epoll) look() bool {
	events := p.events[:min(len(p.events), len(p.tokens))]
	// RawSyscall: the call does not block, so the scheduler need not know.
	ready, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		if errno != unix.EINTR {
			p.err = systemError("epoll_wait", errno)
		}
		return errno != unix.EINTR
	}
	for i := range events[:ready] {
		token := uint64(uint32(events[i].Fd)) | uint64(uint32(events[i].Pad))<<32
		if token == wakeToken {
			continue
		}
		p.tokens[p.found] = token
		p.found++
	}
	return ready > 0
}

// rest implements poller.
func (p *epoll) rest(d time.Duration) error { return p.gate.Rest(d) }

// wake implements poller.
func (p *epoll) wake(after time.Duration) {
	_ = p.alarm.Start(after) // fails only for what is no timer
}

// close implements poller.
func (p *epoll) close() error {
	var err error
	if p.gate != nil {
		err = p.gate.Close()
	}
	return errors.Join(err, p.alarm.Close(), unix.Close(p.fd))
}

// descriptorLimit is how many files the process may have open.
func descriptorLimit() (uint64, bool) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, false
	}
	return limit.Cur, true
}
