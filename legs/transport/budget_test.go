package transport

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func newTestBudget(t testing.TB, cfg BudgetConfig) *Budget {
	t.Helper()
	b, err := NewBudget(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// address is the i-th of many sources.
func address(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
}

// A modelBucket is the same thing written as one would say it: tokens come back
// with time, up to the burst, in billionths of a token.
type modelBucket struct {
	limit  Limit
	tokens int64
	at     time.Time
}

func (m *modelBucket) take(now time.Time) bool {
	const one = int64(time.Second)
	m.tokens = min(m.tokens+int64(now.Sub(m.at))*int64(m.limit.Rate), one*int64(m.limit.Burst))
	m.at = now
	if m.tokens < one {
		return false
	}
	m.tokens -= one
	return true
}

// For as many sources as there is room for, each bucket is exact whatever the
// times between messages.
func TestBudgetIsExact(t *testing.T) {
	limits := []Limit{{1, 1}, {1, 10}, {8, 3}, {200, 1000}, {1000, 1}, {1_000_000, 50}}
	for round := range 60 {
		seed := rand.Uint64()
		rnd := rand.New(rand.NewPCG(seed, uint64(round)))
		stranger, trunk := limits[rnd.IntN(len(limits))], limits[rnd.IntN(len(limits))]
		known := func(a netip.Addr) bool { return a.As4()[3]%2 == 1 }
		b := newTestBudget(t, BudgetConfig{Stranger: stranger, Trunk: trunk, Known: known})
		now := time.Now()
		models := map[netip.Addr]*modelBucket{}
		allowed := 0
		for step := range 5000 {
			a := address(rnd.IntN(6))
			limit := stranger
			if known(a) {
				limit = trunk
			}
			m := models[a]
			if m == nil {
				m = &modelBucket{limit, int64(limit.Burst) * int64(time.Second), now}
				models[a] = m
			}
			want := m.take(now)
			if got := b.Take(a, now); got != want {
				t.Fatalf("seed %d round %d step %d: %v of %v: %v, want %v", seed, round, step, a, limit, got, want)
			}
			if want {
				allowed++
			}
			switch rnd.IntN(4) {
			case 0:
				now = now.Add(time.Duration(rnd.Int64N(int64(2 * time.Second / time.Duration(limit.Rate)))))
			case 1:
				now = now.Add(time.Second / time.Duration(limit.Rate))
			case 2:
				now = now.Add(time.Duration(rnd.IntN(1000)))
			}
		}
		if allowed == 0 {
			t.Fatalf("seed %d round %d: nothing passed", seed, round)
		}
	}
}

// What one source is: an IPv4 address however it is written, the /64 of an IPv6
// address.
func TestBudgetSources(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "::c000:201", false},
		{"2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", true},
		{"2001:db8:0:1::1", "2001:db8:0:2::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
	} {
		b := newTestBudget(t, BudgetConfig{Stranger: Limit{1, 1}})
		now := time.Now()
		first, second := b.Take(netip.MustParseAddr(tt.a), now), b.Take(netip.MustParseAddr(tt.b), now)
		if !first || second == tt.same {
			t.Errorf("%s %v, then %s %v", tt.a, first, tt.b, second)
		}
	}
	b := newTestBudget(t, BudgetConfig{Stranger: Limit{1, 1}})
	if now := time.Now(); !b.Take(netip.Addr{}, now) || b.Take(netip.Addr{}, now) {
		t.Error("no address is no source")
	}
}

// No limit is no limit, for each kind alone.
func TestBudgetUnlimited(t *testing.T) {
	stranger, trunk := address(1), address(2)
	known := func(a netip.Addr) bool { return a == trunk }
	count := func(b *Budget, a netip.Addr) (n int) {
		for range 100 {
			if b.Take(a, time.Now()) {
				n++
			}
		}
		return n
	}
	slow := Limit{1, 5}
	for _, tt := range []struct {
		b               *Budget
		strangers, ours int
	}{
		{nil, 100, 100},
		{newTestBudget(t, BudgetConfig{Known: known}), 100, 100},
		{newTestBudget(t, BudgetConfig{Stranger: slow, Known: known}), 5, 100},
		{newTestBudget(t, BudgetConfig{Trunk: slow, Known: known}), 100, 5},
		{newTestBudget(t, BudgetConfig{Stranger: slow, Trunk: slow}), 5, 5},
	} {
		if s, o := count(tt.b, stranger), count(tt.b, trunk); s != tt.strangers || o != tt.ours {
			t.Errorf("%d of a stranger, want %d; %d of a trunk, want %d", s, tt.strangers, o, tt.ours)
		}
	}
}

// An address that requests went to is known, for an hour, and so is its /64.
func TestBudgetVouch(t *testing.T) {
	var none *Budget
	none.Vouch(address(1), time.Now()) // is harmless
	b := newTestBudget(t, BudgetConfig{Stranger: Limit{1, 1}})
	now, gateway := time.Now(), netip.MustParseAddr("2001:db8::7")
	passes := func(now time.Time) int {
		n := 0
		for range 10 {
			if b.Take(gateway, now) {
				n++
			}
		}
		return n
	}
	if n := passes(now); n != 1 {
		t.Errorf("%d pass before", n)
	}
	b.Vouch(netip.MustParseAddr("2001:db8::1"), now)
	if n := passes(now.Add(vouchTime - time.Second)); n != 10 {
		t.Errorf("%d pass while it is known", n)
	}
	if n := passes(now.Add(vouchTime + time.Second)); n != 1 {
		t.Errorf("%d pass afterwards", n)
	}
}

// A clock that goes back shuts nobody out.
func TestBudgetClockGoesBack(t *testing.T) {
	b := newTestBudget(t, BudgetConfig{Stranger: Limit{10, 2}})
	now := time.Now()
	b.Take(address(1), now)
	for _, back := range []time.Duration{time.Hour, 1000 * time.Hour} {
		if !b.Take(address(1), now.Add(-back)) {
			t.Errorf("refused %v earlier", back)
		}
	}
}

// However many strangers there are: a trunk gets all that is its own, a stranger
// who comes back to a bucket that is full again gets all of its own, and
// together they get no more than the places hold.
func TestBudgetUnderManySources(t *testing.T) {
	const sources = 2 * ways * strangerSets
	trunk := netip.MustParseAddr("192.0.2.1")
	limit := Limit{Rate: 10, Burst: 4}
	b := newTestBudget(t, BudgetConfig{
		Stranger: limit, Trunk: Limit{1000, 1000},
		Known: func(a netip.Addr) bool { return a == trunk },
	})
	b.Vouch(address(1<<23), time.Now())
	now := time.Now()
	passed := 0
	for i := range sources {
		for range limit.Burst + 1 {
			if b.Take(address(i), now) {
				passed++
			}
		}
		if i%1000 == 0 && !b.Take(trunk, now) {
			t.Fatalf("the trunk is refused after %d strangers", i)
		}
	}
	if most := ways * strangerSets * limit.Burst; passed > most || passed < most*9/10 {
		t.Errorf("%d messages pass, want nearly %d", passed, most)
	}
	if !b.vouched.until(b.source(address(1<<23)), int64(now.Sub(b.start))) {
		t.Error("a word for an address is lost")
	}
	now = now.Add(time.Second) // all buckets are full again
	for i := range 1000 {
		for n := range limit.Burst {
			if !b.Take(address(1<<22+i), now) {
				t.Fatalf("newcomer %d is refused message %d", i, n)
			}
		}
	}
}

// Many at once take no more than there is.
func TestBudgetConcurrent(t *testing.T) {
	const takers, each = 8, 500
	b := newTestBudget(t, BudgetConfig{Stranger: Limit{1, 100}})
	now := time.Now()
	b.Take(address(0), now) // has its place
	passed := atomic.Int32{}
	passed.Store(1)
	var wg sync.WaitGroup
	for i := range takers {
		wg.Go(func() {
			for j := range each {
				if b.Take(address(0), now) {
					passed.Add(1)
				}
				b.Take(address(1+i*each+j), now)
			}
		})
	}
	wg.Wait()
	if n := passed.Load(); n != 100 {
		t.Errorf("%d messages of 100", n)
	}
}

func TestBudgetBounds(t *testing.T) {
	for want, cfg := range map[string]BudgetConfig{
		"strangers: -1 messages a second: must be from 0 to 1000000":   {Stranger: Limit{-1, 1}},
		"trunks: 1000001 messages a second: must be from 0 to 1000000": {Trunk: Limit{MaxRate + 1, 1}},
		"strangers: a burst of 0 messages: must be from 1 to 1000000":  {Stranger: Limit{1, 0}},
		"trunks: a burst of 1000001 messages: must be from 1":          {Trunk: Limit{1, MaxBurst + 1}},
	} {
		if b, err := NewBudget(cfg); b != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", cfg, err, want)
		}
	}
	for _, l := range []Limit{{}, {0, -5}, {1, 1}, {MaxRate, MaxBurst}, {1, MaxBurst}} {
		if b := newTestBudget(t, BudgetConfig{Stranger: l}); !b.Take(address(1), time.Now()) {
			t.Errorf("%v refuses the first message", l)
		}
	}
}

// A listener drops what is over the budget before anybody sees it, counts it and
// says so; keep-alives cost nothing.
func TestReaderKeepsBudget(t *testing.T) {
	reg, log := prometheus.NewRegistry(), new(lockedWriter)
	s, got := listen(t, Config{
		Sockets: 2, Metrics: NewMetrics(reg), Logger: slog.New(slog.NewTextHandler(log, nil)),
		Budget: newTestBudget(t, BudgetConfig{
			Stranger: Limit{Rate: 1, Burst: 3},
			Known:    func(a netip.Addr) bool { return a == netip.MustParseAddr("127.0.0.1") },
		}),
	}, "udp://127.0.0.1:0")
	for range 4 { // ports are not sources
		c, _ := peer(t, "127.0.0.66:0")
		for range 5 {
			send(t, c, s.Listeners()[0].Addr, "stranger")
			send(t, c, s.Listeners()[0].Addr, "\r\n")
		}
	}
	c, _ := peer(t, "127.0.0.1:0")
	for i := range 50 {
		send(t, c, s.Listeners()[0].Addr, fmt.Sprint(i))
	}
	strangers := 0
	for known := 0; known < 50; {
		if p := got.next(t); string(p.Data) == "stranger" {
			strangers++
		} else if known++; string(p.Data) != fmt.Sprint(known-1) {
			t.Fatalf("got %q", p.Data)
		}
	}
	dropped := func() int { return int(gather(t, reg)["dropped_datagrams_total budget"]) }
	for deadline := time.Now().Add(patience); strangers+dropped() < 20; {
		select {
		case <-got:
			strangers++
		default:
			if time.Now().After(deadline) {
				t.Fatalf("%d passed, %d counted as dropped, want 20 in all", strangers, dropped())
			}
		}
	}
	if over := dropped(); strangers < 3 || strangers > 6 || over+strangers != 20 {
		t.Errorf("%d passed, %d counted as dropped", strangers, over)
	}
	counted := gather(t, reg)
	if counted["keepalive_datagrams_total"] != 20 || !strings.Contains(log.String(), "from=127.0.0.66:") {
		t.Errorf("counted %v, logged %s", counted, log)
	}
}

func TestBudgetAllocations(t *testing.T) {
	b := newTestBudget(t, BudgetConfig{Stranger: Limit{10, 10}, Trunk: Limit{10, 10}, Known: func(a netip.Addr) bool { return a == address(1) }})
	now, i := time.Now(), 0
	v6 := netip.MustParseAddr("2001:db8::1")
	if n := testing.AllocsPerRun(1000, func() {
		i++
		b.Take(address(i), now)
		b.Take(address(1), now)
		b.Take(v6, now)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkBudget(b *testing.B) {
	for name, sources := range map[string]int{"one source": 1, "1000 sources": 1000, "a million sources": 1 << 20} {
		for _, known := range []bool{true, false} {
			b.Run(fmt.Sprintf("%s known=%v", name, known), func(b *testing.B) {
				budget := newTestBudget(b, BudgetConfig{
					Stranger: Limit{200, 1000}, Trunk: Limit{200, 1000},
					Known: func(netip.Addr) bool { return known },
				})
				start := time.Now()
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					budget.Take(address(i%sources), start.Add(time.Duration(i)*1000))
				}
			})
		}
	}
}
