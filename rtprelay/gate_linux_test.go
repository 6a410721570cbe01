package rtprelay

import (
	"encoding/binary"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newTestGate returns a gate to an epoll instance that has one eventfd, with a
// check that counts its calls and says yes when the eventfd is readable.
func newTestGate(t *testing.T) (g *gate, ring func(), checks *int) {
	t.Helper()
	inner, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	bell, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.EpollCtl(inner, unix.EPOLL_CTL_ADD, bell, &unix.EpollEvent{Events: unix.EPOLLIN}); err != nil {
		t.Fatal(err)
	}
	checks = new(int)
	count := make([]byte, 8)
	g, err = newGate(inner, func() bool {
		*checks++
		_, err := unix.Read(bell, count)
		return err == nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, err := range []error{g.close(), unix.Close(inner), unix.Close(bell)} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	one := binary.NativeEndian.AppendUint64(nil, 1)
	return g, func() {
		if _, err := unix.Write(bell, one); err != nil {
			t.Error(err)
		}
	}, checks
}

// TestGate: what happens inside ends a wait and not a rest, before it or while
// it runs, and is still there after the rest.
func TestGate(t *testing.T) {
	t.Parallel()
	g, ring, checks := newTestGate(t)
	took := func(f func(time.Duration) error, d time.Duration) time.Duration {
		t.Helper()
		began := time.Now()
		if err := f(d); err != nil {
			t.Fatal(err)
		}
		return time.Since(began)
	}
	const long, short = time.Minute, 20 * time.Millisecond
	for range 3 {
		ring()
		if d := took(g.wait, long); d > patience {
			t.Fatalf("rung before: waited %v", d)
		}
		go ring()
		if d := took(g.wait, -1); d > patience {
			t.Fatalf("rung meanwhile: waited %v", d)
		}
		if d := took(g.wait, short); d < short {
			t.Fatalf("waited %v, want %v", d, short)
		}
		*checks = 0
		ring()
		rung := make(chan struct{})
		go func() { defer close(rung); ring() }()
		if d := took(g.rest, short); d < short || *checks != 0 {
			t.Fatalf("rested %v with %d looks, want %v with none", d, *checks, short)
		}
		<-rung
		if d := took(g.wait, long); d > patience || *checks != 1 {
			t.Fatalf("after a rest: waited %v with %d looks", d, *checks)
		}
		if d := took(g.wait, 0); d > patience {
			t.Fatalf("asked only to look: waited %v", d)
		}
	}
}

// TestWaitDoesNotAllocate: neither a wait nor a rest does.
func TestWaitDoesNotAllocate(t *testing.T) { // not parallel: it counts the process's allocations
	g, _, _ := newTestGate(t)
	if n := testing.AllocsPerRun(50, func() {
		if err := g.rest(time.Microsecond); err != nil {
			t.Fatal(err)
		}
		if err := g.wait(10 * time.Microsecond); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
