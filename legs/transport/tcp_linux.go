package transport

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// A trier writes without waiting. Its fields are those of the write in hand, so
// that none has to be allocated for each.
type trier struct {
	raw  syscall.RawConn
	none bool // the connection cannot be written that way
	data []byte
	n    int
	err  error
}

// tryWrite writes as much as the kernel takes at once. c.mu is held, and nobody
// else writes. What is left has to wait for the peer; an error is one of the
// connection.
func (c *conn) tryWrite(data []byte) (int, error) {
	t := &c.try
	if t.raw == nil && !t.none {
		sc, ok := c.nc.(syscall.Conn)
		if ok {
			t.raw, _ = sc.SyscallConn()
		}
		t.none = t.raw == nil
	}
	if t.none {
		return 0, nil
	}
	t.data, t.n, t.err = data, 0, nil
	err := t.raw.Write(t.write)
	t.data = nil
	if err == nil {
		err = t.err
	}
	return t.n, err
}

func (t *trier) write(fd uintptr) (done bool) {
	for t.n < len(t.data) {
		n, err := unix.Write(int(fd), t.data[t.n:])
		switch {
		case n > 0:
			t.n += n
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return true
		default:
			t.err = err
			return true
		}
	}
	return true
}
