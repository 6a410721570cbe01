package uring

import "time"

// An Op is one thing for the kernel to do. Make one with [Write] or [Sync].
type Op struct {
	id    uint64
	code  uint8
	fd    int
	data  []byte
	after time.Duration
	then  bool
}

// The kernel's numbers (include/uapi/linux/io_uring.h).
const (
	opFsync   = 3
	opTimeout = 11
	opWrite   = 23

	flagLink        = 1 << 2 // the next one begins when this one has succeeded
	flagAsync       = 1 << 4 // on a kernel thread, without a first try on ours
	flagSkipSuccess = 1 << 6 // no result but an error

	timeoutIsSuccess = 1 << 5 // or what is linked to a timeout would be cancelled
	currentPosition  = ^uint64(0)

	featureSkipSuccess = 1 << 11
)

// Write writes at the file's position, or at its end when it was opened for
// appending. Until the result is there data must stay as it is and where somebody
// knows it, or the collector frees it. A result may say
// that less was written, as write(2) does.
func Write(id uint64, fd int, data []byte) Op {
	return Op{id: id, code: opWrite, fd: fd, data: data}
}

// Sync syncs data and length of a file, as fsync(2) does, once so much time has
// passed. It covers what has been written by then. The descriptor must stay open
// until the result is there.
func Sync(id uint64, fd int, after time.Duration) Op {
	return Op{id: id, code: opFsync, fd: fd, after: after}
}

// Then returns the operation with the next one of the same [Ring.Submit] waiting
// for it: that begins when this one has done all that it was to do, and else ends
// with unix.ECANCELED.
func (o Op) Then() Op {
	o.then = true
	return o
}

// A Result is what became of an Op.
type Result struct {
	ID  uint64
	N   int   // octets written
	Err error // a unix.Errno
}
