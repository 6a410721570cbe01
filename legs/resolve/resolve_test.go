package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// zone is a DNS with a few names. It counts how often it is asked and can be told
// not to answer until released.
type zone struct {
	names map[string][]string
	asked atomic.Int64
	hold  chan struct{} // nil answers at once
	begun chan string   // nil tells nobody
}

func (z *zone) lookup(ctx context.Context, network, host string) ([]netip.Addr, error) {
	z.asked.Add(1)
	if z.begun != nil {
		z.begun <- host
	}
	if z.hold != nil {
		select {
		case <-z.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	texts, ok := z.names[host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	var addrs []netip.Addr
	for _, text := range texts {
		if text == "servfail" {
			return nil, &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}
		}
		if network == "ip4" && strings.Contains(text, ":") {
			continue
		}
		addrs = append(addrs, netip.MustParseAddr(text))
	}
	return addrs, nil
}

// ask resolves and waits for the answer.
func ask(r *Resolver, q Request) Answer {
	got := make(chan Answer, 1)
	r.Resolve(q, func(a Answer) { got <- a })
	return <-got
}

// value reads a counter or a gauge.
func value(m prometheus.Metric) float64 {
	var d dto.Metric
	if err := m.Write(&d); err != nil {
		return -1
	}
	return d.GetCounter().GetValue() + d.GetGauge().GetValue()
}

// start makes a Resolver that the test closes.
func start(t *testing.T, cfg Config) *Resolver {
	t.Helper()
	r := New(cfg)
	t.Cleanup(r.Close)
	return r
}

func TestTargets(t *testing.T) {
	t.Parallel()
	z := &zone{names: map[string][]string{
		"one.example.com":    {"192.0.2.1"},
		"two.example.com":    {"2001:db8::2", "192.0.2.2", "192.0.2.2", "::ffff:192.0.2.2"},
		"bad.example.com":    {"0.0.0.0", "224.0.0.1", "::"},
		"empty.example.com":  {},
		"many.example.com":   {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"},
		"broken.example.com": {"servfail"},
	}}
	r := start(t, Config{Lookup: z.lookup, MaxTargets: 3})
	tests := []struct {
		q    Request
		want string // targets, or the beginning of an error
	}{
		{Request{Host: "192.0.2.9"}, "192.0.2.9:5060"},
		{Request{Host: "192.0.2.9", Port: 5080, Transport: "tls"}, "192.0.2.9:5080"},
		{Request{Host: "[2001:db8::1]"}, "[2001:db8::1]:5060"},
		{Request{Host: "2001:db8::1", Port: 1}, "[2001:db8::1]:1"},
		{Request{Host: "::ffff:192.0.2.9"}, "192.0.2.9:5060"},
		{Request{Host: "192.0.2.9", Transport: "TLS"}, "192.0.2.9:5061"},
		{Request{Host: "192.0.2.9", Transport: "WS"}, "192.0.2.9:80"},
		{Request{Host: "192.0.2.9", Transport: "wss"}, "192.0.2.9:443"},
		{Request{Host: "192.0.2.9", Transport: "tcp"}, "192.0.2.9:5060"},
		{Request{Host: "one.example.com"}, "192.0.2.1:5060"},
		{Request{Host: "One.Example.COM."}, "192.0.2.1:5060"},
		{Request{Host: "one.example.com", Port: 65535}, "192.0.2.1:65535"},
		{Request{Host: "two.example.com"}, "[2001:db8::2]:5060 192.0.2.2:5060"},
		{Request{Host: "many.example.com"}, "192.0.2.1:5060 192.0.2.2:5060 192.0.2.3:5060"},
		{Request{Host: "bad.example.com"}, "resolve bad.example.com: "},
		{Request{Host: "empty.example.com"}, "resolve empty.example.com: "},
		{Request{Host: "none.example.com"}, "resolve none.example.com: "},
		{Request{Host: "broken.example.com"}, "resolve broken.example.com: "},
		{Request{Host: "one.example.com", Port: 65536}, "resolve: not a port"},
		{Request{Host: "one.example.com", Port: -1}, "resolve: not a port"},
		{Request{Host: "0.0.0.0"}, "resolve: not a host"}, // Linux would send that to ourselves
		{Request{Host: "[::]"}, "resolve: not a host"},
		{Request{Host: "239.1.2.3"}, "resolve: not a host"},
		{Request{Host: ""}, "resolve: not a host"},
		{Request{Host: "."}, "resolve: not a host"},
		{Request{Host: "[one.example.com]"}, "resolve: not a host"},
		{Request{Host: "a b"}, "resolve: not a host"},
		{Request{Host: strings.Repeat("a", 254)}, "resolve: not a host"},
	}
	for _, tt := range tests {
		a := ask(r, tt.q)
		got := text(a)
		ok := got == tt.want || (a.Err != nil && strings.HasPrefix(got, tt.want))
		if !ok || (a.Err == nil) != (len(a.Targets) > 0) {
			t.Errorf("%+v: got %q, want %q", tt.q, got, tt.want)
		}
	}
}

// text is the targets of an answer, or its error.
func text(a Answer) string {
	if a.Err != nil {
		return a.Err.Error()
	}
	var texts []string
	for _, target := range a.Targets {
		texts = append(texts, target.String())
	}
	return strings.Join(texts, " ")
}

func TestErrorSaysWhetherTheNameExists(t *testing.T) {
	t.Parallel()
	z := &zone{names: map[string][]string{"broken.example.com": {"servfail"}, "empty.example.com": nil}}
	r := start(t, Config{Lookup: z.lookup})
	for host, notFound := range map[string]bool{"none.example.com": true, "empty.example.com": true, "broken.example.com": false} {
		var e *Error
		if a := ask(r, Request{Host: host}); !errors.As(a.Err, &e) || e.NotFound != notFound || e.Host != host {
			t.Errorf("%s: %#v", host, a.Err)
		}
	}
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	z := &zone{names: map[string][]string{"two.example.com": {"2001:db8::2", "192.0.2.2"}}}
	r := start(t, Config{Lookup: z.lookup, Network: "ip4"})
	want := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.2:5060")}
	if a := ask(r, Request{Host: "two.example.com"}); !slices.Equal(a.Targets, want) {
		t.Errorf("got %v, want %v", a, want)
	}
}

// A literal and a cache hit are answered before Resolve returns.
func TestInlineAnswers(t *testing.T) {
	t.Parallel()
	z := &zone{names: map[string][]string{"one.example.com": {"192.0.2.1"}}}
	r := start(t, Config{Lookup: z.lookup})
	ask(r, Request{Host: "one.example.com"})
	for _, host := range []string{"192.0.2.9", "one.example.com", "ONE.example.com"} {
		called := 0
		r.Resolve(Request{Host: host, Port: 5070}, func(a Answer) {
			called++
			if a.Err != nil || a.Targets[0].Port() != 5070 {
				t.Errorf("%s: %+v", host, a)
			}
		})
		if called != 1 {
			t.Errorf("%s: done was called %d times before Resolve returned", host, called)
		}
	}
	if n := z.asked.Load(); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
}

func TestOneLookupPerName(t *testing.T) {
	t.Parallel()
	z := &zone{
		names: map[string][]string{"one.example.com": {"192.0.2.1"}},
		hold:  make(chan struct{}),
	}
	r := start(t, Config{Lookup: z.lookup, Workers: 4})
	var wg sync.WaitGroup
	for port := range 50 {
		wg.Add(1)
		r.Resolve(Request{Host: "one.example.com", Port: port + 1}, func(a Answer) {
			defer wg.Done()
			if a.Err != nil || int(a.Targets[0].Port()) != port+1 {
				t.Errorf("port %d: %+v", port+1, a)
			}
		})
	}
	close(z.hold)
	wg.Wait()
	if n := z.asked.Load(); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
}

func TestCacheTTL(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	pass := func(d time.Duration) { mu.Lock(); defer mu.Unlock(); now = now.Add(d) }
	z := &zone{names: map[string][]string{"one.example.com": {"192.0.2.1"}}}
	r := start(t, Config{Lookup: z.lookup, TTL: 30 * time.Second, FailureTTL: 2 * time.Second, Now: clock})
	tests := []struct {
		host  string
		after time.Duration
		asked int64
	}{
		{"one.example.com", 0, 1},
		{"one.example.com", 29 * time.Second, 1},
		{"one.example.com", time.Second, 2},
		{"none.example.com", 0, 3},
		{"none.example.com", 1999 * time.Millisecond, 3},
		{"none.example.com", time.Millisecond, 4},
		{"one.example.com", 0, 4},
	}
	for i, tt := range tests {
		pass(tt.after)
		ask(r, Request{Host: tt.host})
		if n := z.asked.Load(); n != tt.asked {
			t.Errorf("step %d: asked %d times, want %d", i, n, tt.asked)
		}
	}
}

func TestCacheBound(t *testing.T) {
	t.Parallel()
	z := &zone{names: map[string][]string{}}
	for i := range 10 {
		z.names[fmt.Sprintf("h%d", i)] = []string{"192.0.2.1"}
	}
	m := NewMetrics(nil)
	r := start(t, Config{Lookup: z.lookup, CacheSize: 4, Metrics: m})
	for i := range 10 {
		ask(r, Request{Host: fmt.Sprintf("h%d", i)})
	}
	if got := value(m.cached); got != 4 {
		t.Errorf("%v names, want 4", got)
	}
	for _, i := range []int{9, 8, 7, 6} {
		ask(r, Request{Host: fmt.Sprintf("h%d", i)})
	}
	if n := z.asked.Load(); n != 10 {
		t.Errorf("asked %d times: the newest must stay", n)
	}
	ask(r, Request{Host: "h5"})
	if n := z.asked.Load(); n != 11 {
		t.Errorf("asked %d times: the oldest must go", n)
	}
}
