package uring

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Layout of the memory that is shared with the kernel.
type (
	params struct {
		sqEntries, cqEntries, flags, cpu, idle, features, workers uint32
		_                                                         [3]uint32
		sq                                                        struct {
			head, tail, mask, entries, flags, dropped, array, _ uint32
			_                                                   uint64
		}
		cq struct {
			head, tail, mask, entries, overflow, cqes, flags, _ uint32
			_                                                   uint64
		}
	}
	submission struct {
		code, flags uint8
		_           uint16
		fd          int32
		offset      uint64
		addr        uint64
		size        uint32
		opFlags     uint32
		id          uint64
		_           [3]uint64
	}
	completion struct {
		id    uint64
		res   int32
		flags uint32
	}
)

// More of the kernel's numbers.
const (
	offsetSubmissions = 0x10000000
	registerEventfd   = 4
	bellOff           = 1 << 0 // IORING_CQ_EVENTFD_DISABLED
)

// ErrFull is returned by [Ring.Submit] when there is no room for an Op: too many
// have no result yet.
var ErrFull = errors.New("uring: too many operations under way")

// A Ring is a pair of queues that is shared with the kernel. Make one with [New].
// One goroutine at a time submits, one takes results, and one waits for them; they
// may be different ones.
type Ring struct {
	fd      int
	bell    *os.File // an eventfd that the kernel rings for results
	number  int32    // its descriptor
	conn    syscall.RawConn
	maps    [2][]byte
	entries uint32
	pending atomic.Int32 // submitted, without result yet
	ended   atomic.Bool

	// the submitter's
	sqHead, sqTail *uint32
	sqMask         uint32
	submissions    []submission
	times          []unix.Timespec // of the submissions, which the kernel reads when they are submitted

	// the taker's
	cqHead, cqTail *uint32
	cqMask         uint32
	completions    []completion

	// the waiter's
	cqFlags *uint32
	ready   func(uintptr) bool // bound once, since binding allocates
}

// New returns a ring with room for so many entries, rounded up to a power of two.
// It fails when the kernel has none, or forbids it.
func New(entries uint32) (*Ring, error) {
	var p params
	fd, _, errno := unix.RawSyscall(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return nil, os.NewSyscallError("io_uring_setup", errno)
	}
	unix.CloseOnExec(int(fd))
	r := &Ring{fd: int(fd), entries: p.sqEntries}
	err := r.build(&p)
	if err == nil && p.features&featureSkipSuccess == 0 {
		err = errors.New("uring: this kernel is older than 5.17")
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// build maps the queues.
func (r *Ring) build(p *params) (err error) {
	sqSize := p.sq.array + p.sqEntries*uint32(unsafe.Sizeof(uint32(0)))
	cqSize := p.cq.cqes + p.cqEntries*uint32(unsafe.Sizeof(completion{}))
	queues, err := r.mmap(0, 0, int(max(sqSize, cqSize))) // both are there since 5.4
	if err != nil {
		return err
	}
	list, err := r.mmap(1, offsetSubmissions, int(p.sqEntries)*int(unsafe.Sizeof(submission{})))
	if err != nil {
		return err
	}
	word := func(at uint32) *uint32 { return (*uint32)(unsafe.Pointer(&queues[at])) }
	r.sqHead, r.sqTail, r.sqMask = word(p.sq.head), word(p.sq.tail), *word(p.sq.mask)
	r.cqHead, r.cqTail, r.cqMask, r.cqFlags = word(p.cq.head), word(p.cq.tail), *word(p.cq.mask), word(p.cq.flags)
	for i := range p.sqEntries {
		*word(p.sq.array + 4*i) = i // entry i of the queue is submission i, always
	}
	r.submissions = unsafe.Slice((*submission)(unsafe.Pointer(&list[0])), p.sqEntries)
	r.completions = unsafe.Slice((*completion)(unsafe.Pointer(&queues[p.cq.cqes])), p.cqEntries)
	r.times = make([]unix.Timespec, p.sqEntries)
	r.ready = r.some
	return r.hang()
}

// hang makes the bell. The ring's own descriptor would do to wait for, but could
// not be told to be silent.
func (r *Ring) hang() error {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return os.NewSyscallError("eventfd2", err)
	}
	r.bell = os.NewFile(uintptr(fd), "io_uring")
	r.number = int32(fd)
	_, _, errno := unix.RawSyscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), registerEventfd, uintptr(unsafe.Pointer(&r.number)), 1, 0, 0)
	if errno != 0 {
		return os.NewSyscallError("io_uring_register", errno)
	}
	if r.conn, err = r.bell.SyscallConn(); err != nil {
		return err
	}
	return r.bell.SetDeadline(time.Time{}) // fails when the runtime cannot wait for it
}

func (r *Ring) mmap(i int, offset int64, size int) ([]byte, error) {
	m, err := unix.Mmap(r.fd, offset, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	r.maps[i] = m
	return m, nil
}

// Submit has the kernel begin with operations, in no order, and waits for none of
// them. After an error none has begun.
func (r *Ring) Submit(ops ...Op) error {
	if r.Pending()+len(ops) > int(r.entries)/2 { // each may take two
		return ErrFull
	}
	begin := *r.sqTail
	tail := begin
	for i := range ops {
		tail += r.put(tail, &ops[i])
	}
	r.pending.Add(int32(len(ops)))
	atomic.StoreUint32(r.sqTail, tail)
	for range submitTries {
		head := atomic.LoadUint32(r.sqHead)
		if head == tail {
			return nil
		}
		// A raw call: it does not block, and to tell the scheduler of it would wake up
		// its monitor.
		_, _, errno := unix.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(tail-head), 0, 0, 0, 0)
		if errno != 0 && errno != unix.EINTR && atomic.LoadUint32(r.sqHead) == begin {
			atomic.StoreUint32(r.sqTail, begin)
			r.pending.Add(int32(-len(ops)))
			return os.NewSyscallError("io_uring_enter", errno)
		}
	}
	return nil // it has taken some, and takes the others with the next
}

// submitTries is how often the kernel is asked to take what it has begun to take.
const submitTries = 64

// put writes an operation into the queue, and returns how many entries it took.
func (r *Ring) put(at uint32, o *Op) uint32 {
	n := uint32(1)
	if o.after > 0 {
		i := at & r.sqMask
		r.times[i] = unix.NsecToTimespec(int64(o.after))
		r.submissions[i] = submission{
			code: opTimeout, flags: flagLink | flagSkipSuccess, fd: -1, addr: uint64(uintptr(unsafe.Pointer(&r.times[i]))),
			size: 1, opFlags: timeoutIsSuccess, id: o.id | isMark,
		}
		if o.mark {
			r.submissions[i].flags &^= flagSkipSuccess
		}
		n, at = 2, at+1
	}
	s := submission{code: o.code, flags: flagAsync, fd: int32(o.fd), id: o.id}
	if o.code == opWrite {
		s.offset, s.size = currentPosition, uint32(len(o.data))
		s.addr = uint64(uintptr(unsafe.Pointer(unsafe.SliceData(o.data))))
	}
	r.submissions[at&r.sqMask] = s
	return n
}

// isMark is set in the id of the timeout before an operation.
const isMark = 1 << 63

// Pending returns how many operations have no result yet.
func (r *Ring) Pending() int { return int(r.pending.Load()) }

// Wait returns when there are results to take. An error is os.ErrClosed after
// [Ring.End], when nothing is under way any more.
func (r *Ring) Wait() error {
	if r.ended.Load() && r.Pending() == 0 {
		return os.ErrClosed
	}
	err := r.conn.Read(r.ready)
	if errors.Is(err, os.ErrDeadlineExceeded) { // it is End
		if r.Pending() == 0 {
			return os.ErrClosed
		}
		err = r.bell.SetDeadline(time.Time{})
	}
	return err
}

// Silence has results wake nobody from now on, or again. What has come meanwhile
// Wait does not hear of: whoever ends a silence takes it, or calls [Ring.Rouse]. It
// may be called from anywhere.
func (r *Ring) Silence(on bool) {
	flags := uint32(0)
	if on {
		flags = bellOff
	}
	atomic.StoreUint32(r.cqFlags, flags)
}

// Rouse has Wait look for results. It may be called from anywhere.
func (r *Ring) Rouse() error {
	one := [8]byte{1}
	_, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(r.number), uintptr(unsafe.Pointer(&one)), unsafe.Sizeof(one))
	if errno != 0 && errno != unix.EAGAIN { // it has rung for ever
		return os.NewSyscallError("write", errno)
	}
	return nil
}

// some is asked before the waiter parks, and whenever the bell has rung.
func (r *Ring) some(uintptr) bool {
	return atomic.LoadUint32(r.cqFlags)&bellOff == 0 && atomic.LoadUint32(r.cqHead) != atomic.LoadUint32(r.cqTail)
}

// Take gives the results that are there to told, in the order in which the
// operations have ended, and waits for none.
func (r *Ring) Take(told func(Result)) {
	for head := *r.cqHead; head != atomic.LoadUint32(r.cqTail); head++ {
		c := r.completions[head&r.cqMask]
		atomic.StoreUint32(r.cqHead, head+1)
		if c.id&isMark != 0 {
			if unix.Errno(-c.res) == unix.ETIME { // else the operation says so
				told(Result{ID: c.id &^ isMark, Begins: true})
			}
			continue
		}
		r.pending.Add(-1)
		res := Result{ID: c.id, N: int(c.res)}
		if c.res < 0 {
			res.N, res.Err = 0, unix.Errno(-c.res)
		}
		told(res)
	}
}

// End makes Wait fail once all that is under way has ended. Nothing may be
// submitted any more. It may be called from anywhere.
func (r *Ring) End() error {
	r.ended.Store(true)
	r.Silence(false)
	return r.bell.SetDeadline(time.Unix(1, 0))
}

// Close gives everything back. Nobody may wait then, and nothing be under way.
func (r *Ring) Close() error {
	var errs []error
	for _, m := range r.maps {
		if m != nil {
			errs = append(errs, unix.Munmap(m))
		}
	}
	if r.bell != nil {
		errs = append(errs, r.bell.Close())
	}
	return errors.Join(append(errs, unix.Close(r.fd))...)
}
