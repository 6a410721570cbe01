package rtprelay

import (
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// BenchmarkCalls is what the media of a call costs without a packet, in a
// running relay at a thousand calls a second: a session, two streams of two
// sockets, what signalling says of both, the join, the close. All threads of
// the process count; what the benchmark spends on its own pace is taken off.
// With "spare" the sockets are those of calls before, without they are opened.
//
//	go test ./rtprelay -run '^$' -bench Calls -benchtime 5000x
func BenchmarkCalls(b *testing.B) {
	b.Run("spare", func(b *testing.B) { benchmarkCalls(b, 0) })
	b.Run("opened", func(b *testing.B) { benchmarkCalls(b, -1) })
}

func benchmarkCalls(b *testing.B, spare int) {
	relay, err := New(Config{
		Networks: map[string]Network{"default": {[]netip.Addr{newHost()}, 20000, 59999}}, Workers: 1, Quarantine: 100 * time.Millisecond,
		BatchDelay: batchDelay(b), SpareSockets: spare,
	})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := relay.Close(); err != nil {
			b.Error(err)
		}
	}()
	own := paced(b, b.N, func(int) {})
	calls := make([]liveCall, 100)
	call := func(i int) { calls[i%len(calls)].next(b, relay) }
	paced(b, 5*len(calls), call) // until there are enough spare sockets
	b.ReportAllocs()
	b.ResetTimer()
	cost := paced(b, b.N, call) - own
	b.StopTimer()
	for i := range calls {
		calls[i].hangUp()
	}
	b.ReportMetric(float64(cost)/float64(b.N), "cpu-ns/call")
	b.ReportMetric(0, "ns/op")
}

// paced runs step n times, once a millisecond, and returns the processor time
// that took.
func paced(b *testing.B, n int, step func(i int)) time.Duration {
	runtime.GC()
	before, _ := spent(b)
	ticks := time.NewTicker(time.Millisecond)
	defer ticks.Stop()
	for i := range n {
		<-ticks.C
		step(i)
	}
	after, _ := spent(b)
	return after - before
}

// liveCall is one call, or none.
type liveCall struct{ s *Session }

// next hangs up and calls again.
func (l *liveCall) next(tb testing.TB, relay *Relay) {
	l.hangUp()
	s, err := relay.Session(0, SessionConfig{Timeout: time.Minute})
	if err != nil {
		tb.Fatal(err)
	}
	l.s = s
	a := l.side(tb)
	z := l.side(tb)
	s.Join(a, z)
}

// side opens a stream and says where its peer is.
func (l *liveCall) side(tb testing.TB) *Stream {
	st, err := l.s.Open("default", false)
	if err != nil {
		tb.Fatal(err)
	}
	st.SetRemote(peer(learn))
	return st
}

// hangUp ends the call, if there is one.
func (l *liveCall) hangUp() {
	if l.s != nil {
		l.s.Close()
	}
}

// BenchmarkMemory is what a session that is up holds: of the process's resident
// memory, which is ours, and of the kernel's, for its four sockets.
//
//	go test ./rtprelay -run '^$' -bench Memory -benchtime 4500x
func BenchmarkMemory(b *testing.B) {
	const port = 10000
	relay, err := New(Config{
		Networks: map[string]Network{"default": {[]netip.Addr{newHost()}, port, min(port+4*b.N+1, 65535)}}, Workers: 1,
	})
	if err != nil {
		b.Fatal(err)
	}
	calls := make([]liveCall, b.N)
	resident, slab := memory(b, "/proc/self/status", "VmRSS:"), memory(b, "/proc/meminfo", "Slab:")
	for i := range calls {
		calls[i].next(b, relay)
	}
	runtime.GC()
	b.ReportMetric(float64(memory(b, "/proc/self/status", "VmRSS:")-resident)/float64(b.N), "B-resident/call")
	b.ReportMetric(float64(memory(b, "/proc/meminfo", "Slab:")-slab)/float64(b.N), "B-kernel/call")
	b.ReportMetric(0, "ns/op")
	if err := relay.Close(); err != nil {
		b.Error(err)
	}
	runtime.KeepAlive(calls)
}

// memory is a line of a file of kB, in bytes.
func memory(tb testing.TB, file, line string) int {
	text, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), line)
	kB, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		tb.Fatal(err)
	}
	return kB << 10
}

// BenchmarkOpenClose is the cost of a session with two joined streams, opened,
// joined and closed by one goroutine. Without spare sockets it is to be compared
// with BenchmarkFloor.
func BenchmarkOpenClose(b *testing.B) {
	b.Run("spare", func(b *testing.B) { benchmarkOpenClose(b, 0) })
	b.Run("opened", func(b *testing.B) { benchmarkOpenClose(b, -1) })
}

func benchmarkOpenClose(b *testing.B, spare int) {
	g := newStill(b, func(c *Config) { c.Quarantine, c.SpareSockets = -1, spare })
	g.w.pace.delay = 0
	b.ReportAllocs()
	began, _ := spent(b)
	for b.Loop() {
		s, err := g.Session(0, SessionConfig{Timeout: time.Minute})
		if err != nil {
			b.Fatal(err)
		}
		x, errX := s.Open("default", false)
		y, errY := s.Open("default", false)
		if errX != nil || errY != nil {
			b.Fatal(errX, errY)
		}
		s.Join(x, y)
		x.SetRemote(peer())
		y.SetRemote(peer())
		s.Close()
		g.w.step()
	}
	ended, _ := spent(b)
	b.ReportMetric(float64(ended-began)/float64(b.N), "cpu-ns/call")
}

// BenchmarkFloor is what the kernel charges for the four sockets of a call:
// opened, bound, watched, closed, and nothing else.
func BenchmarkFloor(b *testing.B) {
	watcher, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		b.Fatal(err)
	}
	name := unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: newHost().As4()}
	event := unix.EpollEvent{Events: unix.EPOLLIN}
	call := func(number, a, b, c, d uintptr) uintptr {
		r, _, errno := unix.RawSyscall6(number, a, b, c, d, 0, 0)
		if errno != 0 {
			panic(errno)
		}
		return r
	}
	port := uint16(0)
	began, _ := spent(b)
	for b.Loop() {
		var fds [4]uintptr
		for i := range fds {
			fds[i] = call(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
			port = (port + 1) % 20000
			name.Port = swapPort(20000 + port)
			call(unix.SYS_BIND, fds[i], uintptr(unsafe.Pointer(&name)), unsafe.Sizeof(name), 0)
			call(unix.SYS_EPOLL_CTL, uintptr(watcher), unix.EPOLL_CTL_ADD, fds[i], uintptr(unsafe.Pointer(&event)))
		}
		for _, fd := range fds {
			call(unix.SYS_CLOSE, fd, 0, 0, 0)
		}
	}
	ended, _ := spent(b)
	b.ReportMetric(float64(ended-began)/float64(b.N), "cpu-ns/call")
	if err := unix.Close(watcher); err != nil {
		b.Error(err)
	}
}
