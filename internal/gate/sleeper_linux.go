package gate

import (
	"errors"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Sleeper sleeps as [Gate.Rest] rests: at a descriptor in the runtime's epoll,
// so that its end wakes one thread. Make one with [NewSleeper]. It belongs to
// one goroutine, but End may be called from anywhere.
type Sleeper struct {
	timer *Timer
	file  *os.File // owns the timer's descriptor
	conn  syscall.RawConn

	pause time.Duration      // the sleep that has to begin; 0 = it has begun
	err   error              // of the timer
	times [8]byte            // read from it: how often it went off
	over  func(uintptr) bool // bound once, since binding allocates
}

// NewSleeper returns a sleeper.
func NewSleeper() (*Sleeper, error) {
	t, err := NewTimer()
	if err != nil {
		return nil, err
	}
	s := &Sleeper{timer: t, file: os.NewFile(uintptr(t.FD()), "timer")}
	s.over = s.isOver
	if s.conn, err = s.file.SyscallConn(); err == nil {
		err = s.file.SetDeadline(time.Time{}) // fails when the runtime cannot wait for it
	}
	if err != nil {
		return nil, errors.Join(err, s.file.Close())
	}
	return s, nil
}

// Sleep returns after d, or at once after End. An error is of the timer.
func (s *Sleeper) Sleep(d time.Duration) error {
	s.pause, s.err = max(d, 1), nil
	err := s.conn.Read(s.over)
	switch {
	case err == nil:
		return s.err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	}
	return err
}

// isOver is asked before the goroutine parks and whenever the runtime sees
// something. It starts the timer itself, the first time: the runtime forgets
// what happened before it was told to wait.
func (s *Sleeper) isOver(fd uintptr) bool {
	if s.pause != 0 {
		s.err = s.timer.Start(s.pause)
		s.pause = 0
		return s.err != nil
	}
	_, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&s.times)), unsafe.Sizeof(s.times))
	return errno != unix.EAGAIN && errno != unix.EINTR
}

// End ends the sleep under way and all later ones.
func (s *Sleeper) End() error { return s.file.SetDeadline(time.Unix(1, 0)) }

// Close gives the descriptor back. Nobody may sleep then.
func (s *Sleeper) Close() error { return s.file.Close() }
