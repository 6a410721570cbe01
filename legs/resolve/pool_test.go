package resolve

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestBoundedPoolAndQueue(t *testing.T) {
	t.Parallel()
	const workers, queue = 2, 5
	z := &zone{hold: make(chan struct{}), begun: make(chan string, 100), names: map[string][]string{}}
	m := NewMetrics(prometheus.NewRegistry())
	r := start(t, Config{Lookup: z.lookup, Workers: workers, Queue: queue, Metrics: m})
	var wg sync.WaitGroup
	for i := range queue {
		host := fmt.Sprintf("h%d.example.com", i/2*2) // the same name twice counts twice
		z.names[host] = []string{"192.0.2.1"}
	}
	for i := range queue {
		wg.Add(1)
		r.Resolve(Request{Host: fmt.Sprintf("h%d.example.com", i/2*2)}, func(a Answer) {
			defer wg.Done()
			if a.Err != nil {
				t.Error(a.Err)
			}
		})
	}
	refused := 0
	r.Resolve(Request{Host: "more.example.com"}, func(a Answer) {
		if refused++; !errors.Is(a.Err, ErrBusy) {
			t.Errorf("got %v, want ErrBusy", a)
		}
	})
	if refused != 1 {
		t.Fatal("a full queue must refuse before Resolve returns")
	}
	if got := value(m.waiting); got != queue {
		t.Errorf("%v waiting, want %d", got, queue)
	}
	<-z.begun
	<-z.begun
	if n := z.asked.Load(); n != workers {
		t.Errorf("%d look-ups at a time, want %d", n, workers)
	}
	close(z.hold)
	wg.Wait()
	if a := ask(r, Request{Host: "h0.example.com"}); a.Err != nil {
		t.Errorf("the queue is empty again, and: %v", a.Err)
	}
	for label, want := range map[string]float64{"full": 1, "lookup": queue, "cache": 1} {
		if got := value(m.requests.WithLabelValues(label)); got != want {
			t.Errorf("%s: %v requests, want %v", label, got, want)
		}
	}
	if got := value(m.waiting); got != 0 {
		t.Errorf("%v waiting at the end", got)
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		z := &zone{hold: make(chan struct{})}
		m := NewMetrics(nil)
		r := New(Config{Lookup: z.lookup, Timeout: 3 * time.Second, Metrics: m})
		defer r.Close()
		begin := time.Now()
		a := ask(r, Request{Host: "slow.example.com"})
		if !errors.Is(a.Err, context.DeadlineExceeded) {
			t.Errorf("got %+v", a)
		}
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("took %v, want 3s", took)
		}
		if got := value(m.lookups.WithLabelValues("timeout")); got != 1 {
			t.Errorf("%v time-outs counted", got)
		}
	})
}

func TestClose(t *testing.T) {
	t.Parallel()
	z := &zone{hold: make(chan struct{}), begun: make(chan string, 10)}
	r := New(Config{Lookup: z.lookup, Workers: 1})
	got := make(chan error, 3)
	for _, host := range []string{"a.example.com", "a.example.com", "b.example.com"} {
		r.Resolve(Request{Host: host}, func(a Answer) { got <- a.Err })
	}
	<-z.begun
	r.Close()
	for range 3 {
		if err := <-got; !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	}
	if n := z.asked.Load(); n != 1 {
		t.Errorf("asked %d times, want only what was under way", n)
	}
	if a := ask(r, Request{Host: "a.example.com"}); !errors.Is(a.Err, ErrClosed) {
		t.Errorf("afterwards: %v", a.Err)
	}
	if a := ask(r, Request{Host: "192.0.2.1"}); a.Err != nil {
		t.Errorf("a literal needs nobody: %v", a.Err)
	}
	r.Close()
}

func TestPanic(t *testing.T) {
	t.Parallel()
	z := &zone{names: map[string][]string{"one.example.com": {"192.0.2.1"}}}
	m := NewMetrics(nil)
	lookup := func(ctx context.Context, network, host string) ([]netip.Addr, error) {
		if host == "panic.example.com" {
			panic("boom")
		}
		return z.lookup(ctx, network, host)
	}
	r := start(t, Config{Lookup: lookup, Workers: 1, Metrics: m})
	if a := ask(r, Request{Host: "panic.example.com"}); a.Err == nil {
		t.Error("a look-up that panics has no error")
	}
	r.Resolve(Request{Host: "none.example.com"}, func(Answer) { panic("boom") })
	if a := ask(r, Request{Host: "one.example.com"}); a.Err != nil {
		t.Errorf("the next request: %v", a.Err)
	}
	if got := value(m.panics); got != 2 {
		t.Errorf("%v panics counted", got)
	}
}

// Many callers, few names, a cache that is too small: every done once, and the
// race detector has something to look at.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	z := &zone{names: map[string][]string{}}
	for i := range 8 {
		z.names[fmt.Sprintf("h%d", i)] = []string{"192.0.2.1"}
	}
	r := New(Config{Lookup: z.lookup, Workers: 3, Queue: 20, CacheSize: 2})
	var asked, answered atomic.Int64
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				asked.Add(1)
				r.Resolve(Request{Host: fmt.Sprintf("h%d", (g+i)%9)}, func(a Answer) {
					answered.Add(1)
					var e *Error
					if a.Err != nil && !errors.Is(a.Err, ErrBusy) && !errors.Is(a.Err, ErrClosed) && !errors.As(a.Err, &e) {
						t.Error(a.Err)
					}
				})
			}
		})
	}
	wg.Wait()
	r.Close()
	if asked.Load() != answered.Load() {
		t.Errorf("%d asked, %d answered", asked.Load(), answered.Load())
	}
}
