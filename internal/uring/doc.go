// Package uring has the kernel write to files and sync them on threads of its own
// (io_uring of Linux), so that a goroutine that has a disk to wait for costs the
// process neither a blocked thread nor the wake-ups of the runtime's monitor: a
// write and an fsync a hundred times a second each cost more in those than in
// themselves.
//
//	Op → Ring.Submit → a kernel thread → Ring.Wait → Result
//
// It is there from Linux 5.17 on and where nobody forbids it, as the default
// profile of container engines does: [New] fails elsewhere, and what uses it needs
// another way.
package uring
