package transport

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Indexes into what SO_MEMINFO returns, linux/sock_diag.h.
const (
	memInfoDrops = 8
	memInfoVars  = 9
)

// readDrops asks the kernel for a socket's drop counter. x/sys/unix has the
// option but no call that returns a vector.
func readDrops(fd int) (uint32, error) {
	var info [memInfoVars]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0, errno
	}
	return info[memInfoDrops], nil
}
