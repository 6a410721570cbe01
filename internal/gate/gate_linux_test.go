package gate

import (
	"errors"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pipe returns both ends of a non-blocking pipe and a gate to the first.
func pipe(t *testing.T) (*Gate, int, int) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	g, err := New(fds[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = g.Close()
		_ = unix.Close(fds[0])
		_ = unix.Close(fds[1])
	})
	return g, fds[0], fds[1]
}

// take is a ready that reads one byte.
func take(fd int) func() bool {
	var b [1]byte
	return func() bool {
		n, _ := unix.Read(fd, b[:])
		return n == 1
	}
}

func put(t *testing.T, fd int) {
	t.Helper()
	if _, err := unix.Write(fd, []byte{1}); err != nil {
		t.Error(err)
	}
}

// What is there already, what comes while the goroutine is parked, and what
// came during a rest all end a Wait.
func TestWait(t *testing.T) {
	g, r, w := pipe(t)
	ready := take(r)
	put(t, w)
	if err := g.Wait(ready, -1); err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{}, 16)
	go func() {
		<-asked // once in vain, so it parks or is about to
		put(t, w)
	}()
	if err := g.Wait(func() bool { asked <- struct{}{}; return ready() }, -1); err != nil {
		t.Fatal(err)
	}
	put(t, w)
	if err := g.Rest(time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if err := g.Wait(ready, -1); err != nil {
		t.Fatal(err)
	}
	if err := g.Rest(time.Millisecond); err != nil { // shut, and nothing there: Wait has to open
		t.Fatal(err)
	}
	go func() {
		<-asked
		put(t, w)
	}()
	if err := g.Wait(func() bool { asked <- struct{}{}; return ready() }, -1); err != nil {
		t.Fatal(err)
	}
}

// What comes between the look after a rest and the opening of the gate is not
// lost: the kernel does not tell of what it once had on its list.
func TestWaitOpensBeforeItsLastLook(t *testing.T) {
	g, r, w := pipe(t)
	ready := take(r)
	for range 3 {
		put(t, w)
		if err := g.Wait(ready, -1); err != nil { // now it is on the list
			t.Fatal(err)
		}
		if err := g.Rest(time.Millisecond); err != nil { // and the timer, which nobody reads, before it
			t.Fatal(err)
		}
		first := true
		if err := g.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if err := g.Wait(func() bool {
			if first {
				first = false
				put(t, w) // just after the look
				return false
			}
			return ready()
		}, -1); err != nil {
			t.Fatal(err)
		}
		if err := g.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
}

// A rest is not cut short by what comes meanwhile, and the first look after it
// finds that.
func TestRest(t *testing.T) {
	g, r, w := pipe(t)
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 1000 {
			select {
			case <-stop:
				return
			default:
				put(t, w)
			}
		}
	}()
	const d = 20 * time.Millisecond
	start := time.Now()
	if err := g.Rest(d); err != nil || time.Since(start) < d {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	close(stop)
	<-done
	looks, ready := 0, take(r)
	if err := g.Wait(func() bool { looks++; return ready() }, -1); err != nil || looks != 1 {
		t.Errorf("%v, %d looks", err, looks)
	}
}

// A Wait ends in time when nothing comes, also after others with longer and
// shorter timeouts.
func TestTimeout(t *testing.T) {
	g, _, _ := pipe(t)
	never := func() bool { return false }
	for _, d := range []time.Duration{0, 5 * time.Millisecond, time.Millisecond, 10 * time.Millisecond} {
		start := time.Now()
		if err := g.Wait(never, d); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < d-time.Millisecond { // now and then earlier: a timer that is left alone
			t.Errorf("%v took %v", d, took)
		}
	}
}

// Close ends who waits and who rests; the deadline does likewise.
func TestClose(t *testing.T) {
	for _, rest := range []bool{false, true} {
		g, _, _ := pipe(t)
		var asked atomic.Int32
		asking := make(chan struct{}, 1)
		done := make(chan error, 1)
		go func() {
			if rest {
				close(asking)
				done <- g.Rest(time.Hour)
				return
			}
			done <- g.Wait(func() bool {
				if asked.Add(1) == 1 {
					close(asking)
				}
				return false
			}, -1)
		}()
		<-asking
		if err := g.SetDeadline(time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("rest %v: %v, want the deadline", rest, err)
		}
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
		if err := g.Wait(func() bool { return false }, -1); !errors.Is(err, os.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		if err := g.Rest(time.Hour); !errors.Is(err, os.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
}

// Waiting and resting allocate nothing.
func TestAllocations(t *testing.T) {
	g, r, w := pipe(t)
	ready, one := take(r), []byte{1} // which would be allocated for each write
	if n := testing.AllocsPerRun(50, func() {
		if _, err := unix.Write(w, one); err != nil {
			t.Error(err)
		}
		_ = g.Wait(ready, time.Second)
		_ = g.Rest(time.Microsecond)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
