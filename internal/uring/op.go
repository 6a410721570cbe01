package uring

import "time"

// An Op is one thing for the kernel to do. Make one with [Write] or [Sync]. Its id is
// less than 1<<63.
type Op struct {
	id    uint64
	code  uint8
	fd    int
	data  []byte
	after time.Duration
	mark  bool
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
// appending. Until the result is there data must stay as it is, and somebody must
// hold it, or the collector frees it. A result may say that less was written, as
// write(2) does.
func Write(id uint64, fd int, data []byte) Op {
	return Op{id: id, code: opWrite, fd: fd, data: data}
}

// Sync syncs data and length of a file, as fsync(2) does, once so much time has
// passed. It covers what has been written by then. The descriptor must stay open
// until the result is there.
func Sync(id uint64, fd int, after time.Duration) Op {
	return Op{id: id, code: opFsync, fd: fd, after: after}
}

// Marked returns a Sync that gives a result, with Begins, also when its time has
// come: results of writes before that are of what it covers.
func (o Op) Marked() Op {
	o.mark = o.after > 0
	return o
}

// A Result is what became of an Op.
type Result struct {
	ID     uint64
	N      int   // octets written
	Err    error // a unix.Errno
	Begins bool  // it is under way, and its result is to come
}
