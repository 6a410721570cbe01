package rtprelay

import (
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// TestPortsModel: no pair has two owners, none comes back before its time,
// counts add up, and in the end every pair can be taken again.
func TestPortsModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		lo := rapid.IntRange(1024, 65000).Draw(t, "lo")
		size := rapid.IntRange(2, 40).Draw(t, "size")
		p := newPorts(loopback, lo, lo+size)
		total := (lo + size - firstEven(lo) + 1) / 2
		now := time.Duration(0)
		owned := map[uint16]bool{}
		ready := map[uint16]time.Duration{}
		last := time.Duration(0)

		t.Repeat(map[string]func(*rapid.T){
			"take": func(t *rapid.T) {
				port, ok := p.take(now)
				if !ok {
					for port, at := range ready {
						if at <= now {
							t.Fatalf("nothing free, but %d has been ready since %v", port, at)
						}
					}
					if len(owned)+len(ready) != total {
						t.Fatalf("nothing free with %d owned and %d waiting of %d", len(owned), len(ready), total)
					}
					return
				}
				switch {
				case owned[port]:
					t.Fatalf("%d has two owners", port)
				case port%2 != 0 || int(port) < lo || int(port)+1 > lo+size:
					t.Fatalf("%d is no even port with its next in %d-%d", port, lo, lo+size)
				case ready[port] > now:
					t.Fatalf("%d taken at %v, quarantined until %v", port, now, ready[port])
				}
				owned[port] = true
				delete(ready, port)
			},
			"release": func(t *rapid.T) {
				for port := range owned {
					// released with any quarantine: the queue may only prolong it
					until := now + time.Duration(rapid.IntRange(0, 5).Draw(t, "quarantine"))
					last = max(last, until)
					p.release(port, until)
					delete(owned, port)
					ready[port] = last
					return
				}
			},
			"put back": func(t *rapid.T) {
				for port := range owned {
					p.putBack(port)
					delete(owned, port)
					ready[port] = 0
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
			},
		})

		for port := range owned {
			p.release(port, now)
		}
		now = max(now, last)
		for range total {
			if _, ok := p.take(now); !ok {
				t.Fatal("a pair was lost")
			}
		}
		if _, ok := p.take(now); ok {
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
		p := newPorts(loopback, tt.lo, tt.hi)
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
		port, _ := newPorts(loopback, 10000, 30000).take(0)
		first[port] = true
	}
	if len(first) == 1 {
		t.Errorf("8 allocators all began with %v", first)
	}
}
