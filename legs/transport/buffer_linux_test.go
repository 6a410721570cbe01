package transport

import (
	"testing"

	"golang.org/x/sys/unix"
)

// receiveBuffer asks the kernel, in the unit of setsockopt.
func receiveBuffer(t *testing.T, sock *socket) int {
	t.Helper()
	var n int
	err := sock.control(func(fd int) (err error) {
		n, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n / 2
}
