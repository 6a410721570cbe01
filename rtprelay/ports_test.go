package rtprelay

import (
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// TestPortsModel: no pair has two owners, none comes back before its time or
// with another worker's sockets, counts add up, a stock leaves its choice as
// long as there are other pairs, and in the end every pair can be taken again.
func TestPortsModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const workers = 2
		lo := rapid.IntRange(1024, 65000).Draw(t, "lo")
		size := rapid.IntRange(2, 60).Draw(t, "size")
		p := newPorts(loopback, lo, lo+size, workers, rapid.IntRange(0, 3).Draw(t, "choice"))
		total := (lo + size - firstEven(lo) + 1) / 2
		now := time.Duration(0)
		owned := map[uint16]*pair{} // nil = without sockets
		ready := map[uint16]time.Duration{}
		spare := map[*pair]int{} // whose
		fall := func(worker int) (ripe int) {
			for have, whose := range spare {
				if whose == worker && ready[have.port] <= now {
					ripe++
				}
			}
			return ripe
		}
		worker := func(t *rapid.T) int { return rapid.IntRange(0, workers-1).Draw(t, "worker") }
		some := func(t *rapid.T) (uint16, bool) {
			all := slices.Sorted(maps.Keys(owned))
			if len(all) == 0 {
				return 0, false
			}
			return rapid.SampledFrom(all).Draw(t, "port"), true
		}
		taken := func(t *rapid.T, have *pair, whose int) {
			if at, ok := spare[have]; !ok || at != whose {
				t.Fatalf("worker %d got the pair %d of worker %d (%v)", whose, have.port, at, ok)
			}
			delete(spare, have)
		}

		t.Repeat(map[string]func(*rapid.T){
			"take": func(t *rapid.T) {
				by := worker(t)
				ripe, cold := fall(by), 0
				for port, at := range ready {
					if at <= now && !slices.ContainsFunc(slices.Collect(maps.Keys(spare)), func(s *pair) bool { return s.port == port }) {
						cold++
					}
				}
				have, port := p.take(by, now)
				switch {
				case port == 0:
					if ripe > 0 {
						t.Fatalf("nothing free, but %d spare", ripe)
					}
					if p.size > 0 && p.queue[p.head].ready <= now {
						t.Fatalf("nothing free, but %d of the queue", cold)
					}
					return
				case have != nil:
					taken(t, have, by)
					if ripe <= p.stocks[by].choice && p.size > 0 && p.queue[p.head].ready <= now {
						t.Fatalf("one of %d spare pairs taken, with %d others free; want a choice of more than %d", ripe, cold, p.stocks[by].choice)
					}
				}
				if _, ok := owned[port]; ok {
					t.Fatalf("%d has two owners", port)
				}
				if port%2 != 0 || int(port) < lo || int(port)+1 > lo+size {
					t.Fatalf("%d is no even port with its next in %d-%d", port, lo, lo+size)
				}
				if ready[port] > now {
					t.Fatalf("%d taken at %v, quarantined until %v", port, now, ready[port])
				}
				owned[port] = have
				delete(ready, port)
			},
			"release": func(t *rapid.T) { // with any quarantine: the queue may only prolong it
				if port, ok := some(t); ok {
					until := now + time.Duration(rapid.IntRange(0, 5).Draw(t, "quarantine"))
					p.release(port, until)
					delete(owned, port)
					ready[port] = p.lastTime
					if p.lastTime < until {
						t.Fatalf("%d rests until %v, want %v", port, p.lastTime, until)
					}
				}
			},
			"keep": func(t *rapid.T) {
				if port, ok := some(t); ok {
					until := now + time.Duration(rapid.IntRange(0, 5).Draw(t, "quarantine"))
					have, by := &pair{port: port}, worker(t)
					p.keep(by, have, until)
					delete(owned, port)
					ready[port], spare[have] = have.ready, by
					if have.ready < until {
						t.Fatalf("%d rests until %v, want %v", port, have.ready, until)
					}
				}
			},
			"put back": func(t *rapid.T) {
				if port, ok := some(t); ok {
					p.putBack(port)
					delete(owned, port)
					ready[port] = 0
				}
			},
			"any": func(t *rapid.T) {
				by := worker(t)
				if have := p.any(by); have != nil {
					taken(t, have, by)
					p.release(have.port, max(now, have.ready))
					ready[have.port] = p.lastTime
				} else if p.spares(by) != 0 {
					t.Fatal("a spare pair is not any")
				}
			},
			"review": func(t *rapid.T) {
				by := worker(t)
				p.review(by, now)
				for have := p.surplus(by); have != nil; have = p.surplus(by) {
					taken(t, have, by)
					if have.ready > now {
						t.Fatalf("%d rests until %v and is surplus at %v", have.port, have.ready, now)
					}
					p.release(have.port, now)
					ready[have.port] = p.lastTime
				}
			},
			"remove": func(t *rapid.T) {
				for have, by := range spare {
					if p.remove(1-by, &pair{place: -1}) {
						t.Fatal("removed what was not there")
					}
					if !p.remove(by, have) {
						t.Fatalf("%d is not in the stock", have.port)
					}
					taken(t, have, by)
					p.release(have.port, max(now, have.ready))
					ready[have.port] = p.lastTime
					return
				}
			},
			"time": func(t *rapid.T) { now += time.Duration(rapid.IntRange(0, 4).Draw(t, "step")) },
			"": func(t *rapid.T) {
				free, used, quarantined := p.count(now)
				if used != len(owned) || free+used+quarantined != total {
					t.Fatalf("%d free, %d used, %d quarantined; %d are owned of %d", free, used, quarantined, len(owned), total)
				}
				waiting := 0
				for _, at := range ready {
					if at > now {
						waiting++
					}
				}
				if quarantined != waiting {
					t.Fatalf("%d quarantined, want %d", quarantined, waiting)
				}
				if got := p.spares(0) + p.spares(1); got != len(spare) {
					t.Fatalf("%d spare, want %d", got, len(spare))
				}
			},
		})

		for port := range owned {
			p.release(port, now)
		}
		for by := range workers {
			for have := p.any(by); have != nil; have = p.any(by) {
				p.release(have.port, now)
			}
		}
		now = max(now, p.lastTime)
		for range total {
			if _, port := p.take(0, now); port == 0 {
				t.Fatal("a pair was lost")
			}
		}
		if _, port := p.take(0, now); port != 0 {
			t.Fatal("a pair was made")
		}
	})
}

func TestPortsRangeEnds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ lo, hi, pairs, first int }{
		{10000, 10001, 1, 10000},
		{10000, 10002, 1, 10000},
		{10001, 10003, 1, 10002},
		{10001, 10005, 2, 10002},
		{65534, 65535, 1, 65534},
		{1024, 65535, 32256, 1024},
	} {
		p := newPorts(loopback, tt.lo, tt.hi, 1, 0)
		if p.size != tt.pairs || int(p.first) != tt.first {
			t.Errorf("%d-%d: %d pairs from %d, want %d from %d", tt.lo, tt.hi, p.size, p.first, tt.pairs, tt.first)
		}
	}
}

// Two relays must not hand out the same ports in the same order.
func TestPortsStartIsRandom(t *testing.T) {
	t.Parallel()
	first := map[uint16]bool{}
	for range 8 {
		_, port := newPorts(loopback, 10000, 30000, 1, 0).take(0, 0)
		first[port] = true
	}
	if len(first) == 1 {
		t.Errorf("8 allocators all began with %v", first)
	}
}

// TestSparesAreDrawnByLot: those that have rested longest are not the next.
func TestSparesAreDrawnByLot(t *testing.T) {
	t.Parallel()
	first := map[uint16]int{}
	const draws, pairs = 4000, 20
	for range draws {
		p := newPorts(loopback, 10000, 10000+2*pairs-1, 1, 4)
		var all []uint16
		for range pairs {
			_, port := p.take(0, 0)
			all = append(all, port)
		}
		slices.Sort(all)
		for _, port := range all {
			p.keep(0, &pair{port: port}, 0)
		}
		_, port := p.take(0, 0)
		first[port]++
	}
	for port, n := range first {
		if n > 2*draws/pairs {
			t.Errorf("%d drawn %d times of %d", port, n, draws)
		}
	}
	if len(first) != pairs {
		t.Errorf("%d pairs drawn of %d", len(first), pairs)
	}
}
