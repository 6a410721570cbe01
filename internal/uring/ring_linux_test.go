package uring

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ring returns a ring that is closed when the test ends, or nil where the system
// has none to test.
func ring(t testing.TB) *Ring {
	t.Helper()
	r, err := New(8)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
		t.Logf("nothing to test: this system forbids io_uring or has none: %v", err)
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func tempFile(t testing.TB, flags int) *os.File {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(t.TempDir(), "file"), os.O_CREATE|os.O_RDWR|flags, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// wait returns the next results, n of them.
func wait(t testing.TB, r *Ring, n int) (all []Result) {
	t.Helper()
	for len(all) < n {
		if err := r.Wait(); err != nil {
			t.Fatal(err)
		}
		r.Take(func(res Result) { all = append(all, res) })
	}
	return all
}

// Writes to a file that is appended to stand there in the order of their results.
func TestWrite(t *testing.T) {
	r, f := ring(t), tempFile(t, os.O_APPEND)
	if r == nil {
		return
	}
	var want []byte
	for i := range 100 {
		data := bytes.Repeat([]byte{byte(i)}, 1000+i)
		want = append(want, data...)
		if err := r.Submit(Write(uint64(i), int(f.Fd()), data)); err != nil {
			t.Fatal(err)
		}
		if res := wait(t, r, 1)[0]; res != (Result{ID: uint64(i), N: len(data)}) {
			t.Fatalf("%+v", res)
		}
	}
	if got, err := os.ReadFile(f.Name()); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v, %d octets, want %d", err, len(got), len(want))
	}
	if r.Pending() != 0 {
		t.Errorf("%d pending", r.Pending())
	}
}

// A sync begins when it is told to, and the time before it gives no result.
func TestSync(t *testing.T) {
	r, f := ring(t), tempFile(t, 0)
	if r == nil {
		return
	}
	const after = 20 * time.Millisecond
	begin := time.Now()
	if err := r.Submit(Write(1, int(f.Fd()), []byte("x")), Sync(2, int(f.Fd()), after)); err != nil {
		t.Fatal(err)
	}
	if all := wait(t, r, 2); all[0] != (Result{ID: 1, N: 1}) || all[1] != (Result{ID: 2}) {
		t.Errorf("%+v", all)
	}
	if took := time.Since(begin); took < after {
		t.Errorf("took %v", took)
	}
	if err := r.Submit(Sync(4, int(f.Fd()), after).Marked()); err != nil {
		t.Fatal(err)
	}
	if all := wait(t, r, 2); all[0] != (Result{ID: 4, Begins: true}) || all[1] != (Result{ID: 4}) {
		t.Errorf("%+v", all)
	}
	if err := r.Submit(Sync(3, int(f.Fd()), 0).Marked()); err != nil {
		t.Fatal(err)
	}
	if res := wait(t, r, 1)[0]; res != (Result{ID: 3}) {
		t.Errorf("%+v", res)
	}
}

// What the kernel refuses is a result, also behind a time.
func TestErrors(t *testing.T) {
	r, f := ring(t), tempFile(t, 0)
	if r == nil {
		return
	}
	read, err := os.Open(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	if err := r.Submit(Write(1, int(read.Fd()), []byte("x")), Sync(2, -1, time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for _, res := range wait(t, r, 2) {
		if !errors.Is(res.Err, unix.EBADF) || res.N != 0 {
			t.Errorf("%+v", res)
		}
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	if err := r.Submit(Write(3, int(full.Fd()), []byte("x"))); err != nil {
		t.Fatal(err)
	}
	if res := wait(t, r, 1)[0]; !errors.Is(res.Err, unix.ENOSPC) {
		t.Errorf("%+v", res)
	}
}

// More than fits is refused whole, and there is room again after results.
func TestFull(t *testing.T) {
	r, f := ring(t), tempFile(t, 0)
	if r == nil {
		return
	}
	const hour, soon = time.Hour, time.Millisecond
	for id := range uint64(4) {
		if err := r.Submit(Sync(id, int(f.Fd()), soon)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Submit(Sync(9, int(f.Fd()), hour)); !errors.Is(err, ErrFull) {
		t.Errorf("%v, want ErrFull", err)
	}
	wait(t, r, 4)
	if err := r.Submit(Sync(5, int(f.Fd()), 0)); err != nil {
		t.Fatal(err)
	}
	wait(t, r, 1)
}

// In silence results wake nobody; who ends it takes them, or has the waiter look.
func TestSilence(t *testing.T) {
	r, f := ring(t), tempFile(t, 0)
	if r == nil {
		return
	}
	woken := make(chan error, 16)
	go func() {
		for {
			err := r.Wait()
			woken <- err
			if err != nil {
				return
			}
			r.Take(func(Result) {})
		}
	}()
	r.Silence(true)
	if err := r.Submit(Sync(1, int(f.Fd()), 0)); err != nil {
		t.Fatal(err)
	}
	for atomic.LoadUint32(r.cqHead) == atomic.LoadUint32(r.cqTail) { // its result is there
		runtime.Gosched()
	}
	if len(woken) > 0 {
		t.Error("woken in silence")
	}
	r.Silence(false)
	if err := r.Rouse(); err != nil {
		t.Fatal(err)
	}
	if err := <-woken; err != nil {
		t.Fatal(err)
	}
	r.Silence(true) // ends with End
	if err := r.Submit(Sync(2, int(f.Fd()), 5*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if err := r.End(); err != nil {
		t.Fatal(err)
	}
	for err := range woken {
		if err != nil {
			if !errors.Is(err, os.ErrClosed) || r.Pending() > 0 {
				t.Errorf("%v, %d pending", err, r.Pending())
			}
			break
		}
	}
}

// End ends who waits, but not before the last result.
func TestEnd(t *testing.T) {
	for _, under := range []int{0, 1, 2} {
		r, f := ring(t), tempFile(t, 0)
		if r == nil {
			return
		}
		for id := range under {
			if err := r.Submit(Sync(uint64(id), int(f.Fd()), 5*time.Millisecond)); err != nil {
				t.Fatal(err)
			}
		}
		told, done := 0, make(chan error)
		go func() {
			for {
				if err := r.Wait(); err != nil {
					done <- err
					return
				}
				r.Take(func(Result) { told++ })
			}
		}()
		if err := r.End(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; !errors.Is(err, os.ErrClosed) || told != under {
			t.Errorf("%d under way: %v, %d told", under, err, told)
		}
	}
}

// Submitting and waiting allocate nothing.
func TestAllocations(t *testing.T) {
	r, f := ring(t), tempFile(t, os.O_APPEND)
	if r == nil {
		return
	}
	fd, data := int(f.Fd()), []byte("data")
	told := func(Result) {}
	if n := testing.AllocsPerRun(50, func() {
		if err := r.Submit(Write(1, fd, data)); err != nil {
			t.Error(err)
		}
		for r.Pending() > 0 {
			_ = r.Wait()
			r.Take(told)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
