package gate

import (
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Timer is a descriptor that becomes readable at a time. Nobody has to read
// it: waiting for the next time begins anew with Start.
type Timer struct{ fd int }

// NewTimer returns a timer that is off.
func NewTimer() (*Timer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	return &Timer{fd}, nil
}

// FD is what to watch.
func (t *Timer) FD() int { return t.fd }

// Start has the timer go off once, after d or a nanosecond. Any goroutine may
// call it.
func (t *Timer) Start(d time.Duration) error {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(int64(d), 1))}
	// A raw call, here and in the rest of this package: it does not block, and to
	// tell the scheduler of it would wake up its monitor, which then naps 20 µs at a
	// time beside us.
	_, _, errno := unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(t.fd), 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
	if errno != 0 {
		return os.NewSyscallError("timerfd_settime", errno)
	}
	return nil
}

// Close closes the descriptor.
func (t *Timer) Close() error { return unix.Close(t.fd) }
