package rtprelay

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// gate is how a goroutine waits for an epoll instance, or for a time, without
// a thread of its own that blocks.
//
//	inner → gate → the runtime's epoll
//	timer ↗
//
// A goroutine that blocks in a system call thousands of times a second has its
// processor taken away by the runtime's monitor and begs it back each time,
// which costs several times what relaying a packet does. Here it waits as
// others wait for a connection: one switch of threads per wake-up. And the gate
// can be shut to the inner instance: what happens there then wakes nobody.
type gate struct {
	fd    int      // of inner and timer
	file  *os.File // owns fd
	conn  syscall.RawConn
	inner int
	timer int

	// the waiting goroutine's
	check func() bool
	open  bool          // to inner
	due   time.Time     // when the timer was told to go off; zero = it is off, or served a rest
	pause time.Duration // the rest that has to begin; 0 = it has begun

	// bound once, since binding allocates
	passes, rested func(uintptr) bool
}

// newGate returns a gate to the epoll instance inner. The check says whether
// there is anything to stop waiting for.
func newGate(inner int, check func() bool) (*gate, error) {
	g := &gate{fd: -1, inner: inner, timer: -1, check: check, open: true}
	g.passes, g.rested = g.mayPass, g.hasRested
	if err := g.build(); err != nil {
		return nil, errors.Join(err, g.close())
	}
	return g, nil
}

// build opens what the gate is made of.
func (g *gate) build() (err error) {
	if g.fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return systemError("epoll", err)
	}
	if err := unix.SetNonblock(g.fd, true); err != nil { // or the runtime does not wait for it
		return systemError("fcntl", err)
	}
	if g.timer, err = newTimer(); err != nil {
		return systemError("timerfd", err)
	}
	for _, fd := range []int{g.inner, g.timer} {
		ev := unix.EpollEvent{Events: unix.EPOLLIN}
		if err := unix.EpollCtl(g.fd, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
			return systemError("epoll_ctl", err)
		}
	}
	g.file = os.NewFile(uintptr(g.fd), "rtprelay")
	if g.conn, err = g.file.SyscallConn(); err != nil {
		return err
	}
	return g.file.SetDeadline(time.Time{}) // fails when the runtime cannot wait for it
}

// wait returns when check says so, or after timeout unless that is negative;
// now and then earlier.
func (g *gate) wait(timeout time.Duration) error {
	if !g.open || timeout == 0 { // after a rest there mostly is something, so look before opening
		if g.check() || timeout == 0 {
			return nil
		}
		if err := g.let(unix.EPOLLIN); err != nil {
			return err
		}
	}
	if err := g.set(timeout); err != nil {
		return err
	}
	return g.conn.Read(g.passes)
}

// mayPass is asked before the goroutine parks and whenever it is woken.
func (g *gate) mayPass(uintptr) bool {
	return g.check() || !g.due.IsZero() && !time.Now().Before(g.due)
}

// set has the timer go off after timeout, or never. A timer that goes off
// earlier is left alone, so that deadlines, which mostly move away, cost one
// early wake-up each and not a system call for every packet.
func (g *gate) set(timeout time.Duration) error {
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
	return startTimer(g.timer, timeout)
}

// rest returns after d, whatever happens at inner.
func (g *gate) rest(d time.Duration) error {
	if g.open {
		if err := g.let(0); err != nil {
			return err
		}
	}
	g.pause = d
	return g.conn.Read(g.rested)
}

// hasRested is mayPass of a rest. It starts the timer itself, the first time:
// the runtime forgets what happened before it was told to wait.
func (g *gate) hasRested(uintptr) bool {
	if g.pause != 0 {
		g.due = time.Now().Add(g.pause)
		err := startTimer(g.timer, g.pause)
		g.pause = 0
		return err != nil
	}
	return !time.Now().Before(g.due)
}

// let opens the gate to these events of inner, or shuts it.
func (g *gate) let(events uint32) error {
	ev := unix.EpollEvent{Events: events}
	if err := unix.EpollCtl(g.fd, unix.EPOLL_CTL_MOD, g.inner, &ev); err != nil {
		return systemError("epoll_ctl", err)
	}
	g.open = events != 0
	return nil
}

// close releases what build has opened.
func (g *gate) close() error {
	var errs []error
	if g.file != nil {
		errs = append(errs, g.file.Close())
	} else if g.fd >= 0 {
		errs = append(errs, unix.Close(g.fd))
	}
	if g.timer >= 0 {
		errs = append(errs, unix.Close(g.timer))
	}
	return errors.Join(errs...)
}

// newTimer returns the descriptor of a timer that is off.
func newTimer() (int, error) {
	return unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
}

// startTimer has a timer go off once, after d. Any goroutine may call it.
func startTimer(timer int, d time.Duration) error {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(int64(d), 1))}
	return systemError("timerfd_settime", unix.TimerfdSettime(timer, 0, &spec, nil))
}
