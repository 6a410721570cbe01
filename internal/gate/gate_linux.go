// Package gate is how a goroutine waits for a descriptor, or for a time, without
// a thread of its own that blocks and without being woken by what can wait.
//
//	descriptor → gate → the runtime's epoll
//	timer      ↗
//
// A goroutine that blocks in a system call thousands of times a second has its
// processor taken away by the runtime's monitor and begs it back each time. Here
// it waits as others wait for a connection: one switch of threads per wake-up. But
// the runtime is also woken by every datagram for a connection that nobody reads
// from just then. So the gate can be shut: what happens at the descriptor then
// wakes nobody, and a goroutine that has a lot to do can let it gather (see
// [Pace]). A time.Sleep would cost a second thread's wake-up besides: the
// runtime starts one to look for work whenever a timer has gone off.
package gate

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Gate waits for one descriptor. Make one with [New]. It belongs to one
// goroutine, but Close and SetDeadline may be called from anywhere.
type Gate struct {
	fd    int      // an epoll instance with inner and timer
	file  *os.File // owns fd
	conn  syscall.RawConn
	inner int
	timer *Timer

	closed atomic.Bool

	// the waiting goroutine's
	ready func() bool   // of the Wait under way
	err   error         // that ends it
	open  bool          // to inner
	due   time.Time     // when the timer was told to go off; zero = it is off, or served a rest
	pause time.Duration // the rest that has to begin; 0 = it has begun

	// bound once, since binding allocates
	passes, rested func(uintptr) bool
}

// New returns a gate to a descriptor that epoll can watch, which stays the
// caller's: close it after the gate.
func New(fd int) (*Gate, error) {
	g := &Gate{fd: -1, inner: fd, open: true}
	g.passes, g.rested = g.mayPass, g.hasRested
	if err := g.build(); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// build opens what the gate is made of.
func (g *Gate) build() (err error) {
	if g.timer, err = NewTimer(); err != nil {
		return err
	}
	if g.fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(g.fd, true); err != nil { // or the runtime does not wait for it
		return os.NewSyscallError("fcntl", err)
	}
	for _, fd := range []int{g.inner, g.timer.FD()} {
		if err := g.watch(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN); err != nil {
			return err
		}
	}
	g.file = os.NewFile(uintptr(g.fd), "gate")
	if g.conn, err = g.file.SyscallConn(); err != nil {
		return err
	}
	return g.file.SetDeadline(time.Time{}) // fails when the runtime cannot wait for it
}

func (g *Gate) watch(op, fd int, events uint32) error {
	ev := unix.EpollEvent{Events: events}
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(g.fd), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(&ev)), 0, 0)
	if errno != 0 {
		return os.NewSyscallError("epoll_ctl", errno)
	}
	return nil
}

// Wait returns when ready says so, or after timeout unless that is negative; now
// and then earlier. It asks at once, and again whenever something has come. An
// error is os.ErrClosed after Close, and os.ErrDeadlineExceeded.
//
// While ready runs the gate stays open, whoever closes it.
func (g *Gate) Wait(ready func() bool, timeout time.Duration) error {
	g.ready, g.err = ready, nil
	if err := g.set(timeout); err != nil {
		return err
	}
	return g.park(g.passes)
}

// mayPass is asked before the goroutine parks and whenever it is woken. After a
// rest there mostly is something, so it looks before it opens the gate. Then it
// looks again: opening does not tell of what has come before.
func (g *Gate) mayPass(uintptr) bool {
	over := g.ready() || !g.due.IsZero() && !time.Now().Before(g.due)
	if over || g.open {
		return over
	}
	g.err = g.watch(unix.EPOLL_CTL_MOD, g.inner, unix.EPOLLIN)
	g.open = g.err == nil
	return g.err != nil || g.ready()
}

// set has the timer go off after timeout, or never. A timer that goes off
// earlier is left alone, so that deadlines, which mostly move away, cost one
// early wake-up each and not a system call for every packet.
func (g *Gate) set(timeout time.Duration) error {
	if timeout < 0 {
		g.due = time.Time{}
		return nil
	}
	now := time.Now()
	due := now.Add(timeout)
	if now.Before(g.due) && g.due.Before(due.Add(time.Millisecond)) {
		return nil
	}
	g.due = due
	if timeout == 0 {
		return nil // nobody parks
	}
	return g.timer.Start(timeout)
}

// Rest returns after d, whatever happens at the descriptor.
func (g *Gate) Rest(d time.Duration) error {
	if g.open {
		if err := g.shut(); err != nil {
			return err
		}
	}
	g.pause, g.err = d, nil
	return g.park(g.rested)
}

// park asks whether it is over, and again whenever the runtime sees something.
func (g *Gate) park(over func(uintptr) bool) error {
	err := g.conn.Read(over)
	switch {
	case err == nil:
		return g.err
	case g.closed.Load():
		return os.ErrClosed // the runtime has an error of its own for it
	}
	return err
}

// shut closes the gate to the descriptor while nobody closes the gate.
func (g *Gate) shut() error {
	var err error
	cerr := g.conn.Control(func(uintptr) { err = g.watch(unix.EPOLL_CTL_MOD, g.inner, 0) })
	g.open = false
	if g.closed.Load() {
		return os.ErrClosed
	}
	return errors.Join(cerr, err)
}

// hasRested is mayPass of a rest. It starts the timer itself, the first time:
// the runtime forgets what happened before it was told to wait.
func (g *Gate) hasRested(uintptr) bool {
	if g.pause != 0 {
		g.due = time.Now().Add(g.pause)
		g.err = g.timer.Start(g.pause)
		g.pause = 0
		return g.err != nil
	}
	return !time.Now().Before(g.due)
}

// SetDeadline makes what waits, and all that waits later, fail at that time, as
// with a net.Conn; the zero time lifts it.
func (g *Gate) SetDeadline(t time.Time) error { return g.file.SetDeadline(t) }

// Close ends who waits, with os.ErrClosed, and returns when nobody looks at the
// descriptor any more.
func (g *Gate) Close() error {
	g.closed.Store(true)
	var errs []error
	switch {
	case g.file != nil:
		errs = append(errs, g.file.Close())
	case g.fd >= 0:
		errs = append(errs, unix.Close(g.fd))
	}
	if g.timer != nil {
		errs = append(errs, g.timer.Close())
	}
	return errors.Join(errs...)
}
