package rtprelay

import (
	"errors"
	"net/netip"
	"time"
)

// What a poller's calls may return besides errors that are only counted.
var (
	errAgain       = errors.New("rtprelay: nothing to receive")
	errUnreachable = errors.New("rtprelay: peer unreachable (ICMP)")
	errPortTaken   = errors.New("rtprelay: port held by another process")
	errSpammed     = errors.New("rtprelay: somebody keeps sending to the port")
)

// maxDatagram is the largest UDP payload there is.
const maxDatagram = 65535

// poller is a worker's door to the operating system: epoll on Linux, package
// net elsewhere. Only open and wake may be called from other goroutines than
// the worker's; nothing allocates but open.
type poller interface {
	// open binds a UDP socket that nobody else shares and watches it under
	// token. The error wraps errPortTaken, ErrNoDescriptors, or is the system's.
	open(local netip.AddrPort, token uint64) (socket, error)
	// wait fills tokens with those of sockets that can be received from, once
	// each, and returns how many. It returns after timeout at the latest, with a
	// negative one never; earlier with 0 for no reason, perhaps.
	wait(tokens []uint64, timeout time.Duration) (int, error)
	// rest lets d pass without looking at sockets or wakes, which stay for the
	// next wait. A poller that cannot returns at once.
	rest(d time.Duration) error
	// wake makes the wait that is running, or the next one, return: at once, or
	// after a while if the poller can. A later wake replaces an earlier one.
	wake(after time.Duration)
	// close releases what open does not: the sockets are closed one by one.
	close() error
}

// socket is one of a poller's sockets. The worker owns it; whoever opened it
// may close it as long as the worker does not know it.
type socket interface {
	// start is called once, when the worker knows the socket: before, its token
	// means nothing.
	start()
	// recv takes one datagram. errAgain: there was none; errUnreachable: there is
	// an ICMP error instead, now forgotten.
	recv(b []byte) (n int, from netip.AddrPort, err error)
	// send sends one datagram to its peer when connected, else to to.
	// errUnreachable: an earlier datagram failed, this one has not been sent.
	send(b []byte, to netip.AddrPort) error
	// connect has the system refuse all other sources and remember the route.
	// Datagrams that have arrived before still come. False: not possible.
	connect(to netip.AddrPort) bool
	// disconnect undoes connect; false: failed.
	disconnect() bool
	// rest makes the socket fit for another stream: as it was when it was opened
	// but for what has come. False: not possible, it has to be closed.
	rest() bool
	// empty throws away what has come, errors too, and reports whether nothing is
	// left; it gives up after most. Any goroutine may call it, beside recv too.
	empty(most int) bool
	close()
}
