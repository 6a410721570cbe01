package policy_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"b2bua/policy"
)

func TestIdentify(t *testing.T) {
	outside := from(trunk("outside"), "10.0.0.0/8")
	outside.Network = "outside"
	noted := trunk("noted", "sip:192.0.2.1:5070")
	noted.Gateways[0].Enabled = false // taken out of service, still theirs
	s := compile(t, policy.Set{Trunks: []policy.Trunk{
		from(trunk("wide", "sip:192.0.2.9"), "10.0.0.0/8"),
		from(trunk("narrow"), "10.1.0.0/16", "2001:db8::/32"),
		from(trunk("host"), "10.1.2.3"),
		off(from(trunk("shut"), "10.9.0.0/16")),
		outside,
		trunk("twin-a", "sip:192.0.2.5:5061", "sip:192.0.2.5:5062"),
		trunk("twin-b", "sip:192.0.2.5:5063", "sip:gw.example.com"),
		trunk("twin-c", "sip:192.0.2.6"),
		trunk("twin-d", "sip:192.0.2.6;transport=udp"),
		off(trunk("gone", "sip:192.0.2.7")),
		trunk("six", "sip:[2001:db9::1]"),
		trunk("inside-wide", "sip:10.1.2.4", "sip:172.16.0.1"),
		noted,
	}})
	for _, tc := range []struct{ src, want, why string }{
		{"10.0.0.1:5060", "wide", "the only source that holds it"},
		{"10.1.0.1:5060", "narrow", "the longer source"},
		{"10.1.2.3:5060", "host", "the longest source"},
		{"10.1.2.3:9", "host", "the port does not matter"},
		{"[::ffff:10.1.2.3]:5060", "host", "IPv4 in IPv6 is IPv4"},
		{"[2001:db8::7]:5060", "narrow", "IPv6"},
		{"[2001:db9::1]:5060", "six", "an IPv6 gateway"},
		{"[2001:db9::1%eth0]:5060", "six", "the zone is ours, not theirs"},
		{"10.9.1.1:5060", "", "a disabled trunk shuts its sources out"},
		{"11.0.0.1:5060", "", "nobody's"},
		{"outside|10.1.2.3:5060", "outside", "its own network"},
		{"outside|192.0.2.9:5060", "", "no trunk of that network"},
		{"nowhere|10.0.0.1:5060", "", "no such network"},
		{"|10.1.2.3:5060", "host", "no network is the default network"},
		{"192.0.2.9:5060", "", "a trunk with sources is not known by its gateways"},
		{"192.0.2.5:5062", "twin-a", "two trunks at one address: the port decides"},
		{"192.0.2.5:5063", "twin-b", "two trunks at one address: the port decides"},
		{"192.0.2.5:5064", "", "two trunks at one address and no gateway has the port"},
		{"192.0.2.6:5060", "", "two trunks at one address and port"},
		{"192.0.2.7:5060", "", "a disabled trunk's gateway"},
		{"192.0.2.1:5070", "noted", "a disabled gateway still calls"},
		{"10.1.2.4:5060", "narrow", "any declared source outranks a gateway"},
		{"172.16.0.1:6000", "inside-wide", "one trunk at the address: any port"},
	} {
		got, ok := s.Identify(source(tc.src))
		if ok != (tc.want != "") || ok && got.Name != tc.want {
			t.Errorf("%s (%s): %v, want %q", tc.src, tc.why, got, tc.want)
		}
	}
	if _, ok := s.Identify(policy.Source{}); ok {
		t.Error("no address is somebody")
	}
	if _, ok := (&policy.Snapshot{}).Identify(source("10.0.0.1:5060")); ok {
		t.Error("the zero snapshot knows somebody")
	}
}

func TestAllowed(t *testing.T) {
	s := compile(t, policy.Set{Trunks: []policy.Trunk{
		from(trunk("a", "sip:192.0.2.1:5070", "sip:gw.example.com"), "10.0.0.0/8"),
		off(trunk("b", "sip:[2001:db8::1]")),
	}})
	for _, tc := range []struct {
		trunk, addr string
		want        bool
	}{
		{"a", "10.1.1.1", true},
		{"a", "::ffff:10.1.1.1", true},
		{"a", "192.0.2.1", true}, // declared sources do not take its gateways away
		{"a", "192.0.2.2", false},
		{"b", "2001:db8::1", true}, // its calls go on after it is disabled
		{"b", "10.1.1.1", false},
		{"c", "10.1.1.1", false},
	} {
		if got := s.Allowed(tc.trunk, netip.MustParseAddr(tc.addr)); got != tc.want {
			t.Errorf("Allowed(%s, %s) = %v", tc.trunk, tc.addr, got)
		}
	}
	if s.Allowed("a", netip.Addr{}) {
		t.Error("no address is allowed: a gateway by name has none either")
	}
}

func TestTrunk(t *testing.T) {
	s := compile(t, policy.Set{Trunks: []policy.Trunk{off(trunk("a")), trunk("b")}})
	if got, ok := s.Trunk("a"); !ok || got.Name != "a" {
		t.Errorf("a: %v %v", got, ok)
	}
	if _, ok := s.Trunk("c"); ok {
		t.Error("c exists")
	}
}

// modelIdentify does what Identify's comment says, over lists.
func modelIdentify(trunks []policy.Trunk, network string, peer netip.AddrPort) string {
	addr := peer.Addr().Unmap()
	best, winner := -1, ""
	for _, t := range trunks {
		if t.Network != network {
			continue
		}
		for _, s := range t.Sources {
			if p := netip.MustParsePrefix(s); p.Contains(addr) && p.Bits() > best {
				best, winner = p.Bits(), t.Name
				if !t.Enabled {
					winner = ""
				}
			}
		}
	}
	if best >= 0 {
		return winner
	}
	at, atPort := map[string]bool{}, map[string]bool{}
	for _, t := range trunks {
		if t.Network != network || !t.Enabled || len(t.Sources) > 0 {
			continue
		}
		for _, g := range t.Gateways {
			host := strings.TrimPrefix(g.URI, "sip:")
			ap, err := netip.ParseAddrPort(host)
			if err != nil {
				ap = netip.AddrPortFrom(netip.MustParseAddr(host), 5060)
			}
			if ap.Addr() == addr {
				at[t.Name] = true
				atPort[t.Name] = atPort[t.Name] || ap.Port() == peer.Port()
			}
		}
	}
	candidates := func(m map[string]bool) (names []string) {
		for name, ok := range m {
			if ok {
				names = append(names, name)
			}
		}
		return names
	}
	if names := candidates(at); len(names) == 1 {
		return names[0]
	}
	if names := candidates(atPort); len(names) == 1 {
		return names[0]
	}
	return ""
}

// TestIdentifyAgreesWithModel draws trunks whose sources and gateways overlap.
func TestIdentifyAgreesWithModel(t *testing.T) {
	address := rapid.Custom(func(t *rapid.T) netip.Addr {
		b := rapid.SampledFrom([]byte{0, 1, 2, 128})
		return netip.AddrFrom4([4]byte{10, b.Draw(t, "b"), b.Draw(t, "c"), b.Draw(t, "d")})
	})
	rapid.Check(t, func(t *rapid.T) {
		var set policy.Set
		taken := map[string]bool{}
		for i := range rapid.IntRange(0, 8).Draw(t, "trunks") {
			tr := policy.NewTrunk(fmt.Sprintf("t%d", i))
			tr.Enabled = rapid.IntRange(0, 3).Draw(t, "enabled") > 0
			tr.Network = rapid.SampledFrom([]string{"default", "default", "outside"}).Draw(t, "network")
			for range rapid.IntRange(0, 3).Draw(t, "sources") {
				p, err := address.Draw(t, "source").Prefix(rapid.SampledFrom([]int{0, 8, 9, 16, 24, 32}).Draw(t, "bits"))
				if key := tr.Network + p.String(); err == nil && !taken[key] {
					taken[key] = true
					tr.Sources = append(tr.Sources, p.String())
				}
			}
			for range rapid.IntRange(0, 3).Draw(t, "gateways") {
				uri := "sip:" + address.Draw(t, "gateway").String() + rapid.SampledFrom([]string{"", ":5061", ":5062"}).Draw(t, "port")
				if key := tr.Name + uri; !taken[key] {
					taken[key] = true
					tr.Gateways = append(tr.Gateways, policy.NewGateway(uri))
				}
			}
			set.Trunks = append(set.Trunks, tr)
		}
		s, faults := policy.Compile(set)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		for range 10 {
			src := policy.Source{
				Addr:    netip.AddrPortFrom(address.Draw(t, "from"), rapid.SampledFrom([]uint16{5060, 5061, 5062, 5063}).Draw(t, "fromPort")),
				Network: rapid.SampledFrom([]string{"default", "outside"}).Draw(t, "in"),
			}
			want := modelIdentify(set.Trunks, src.Network, src.Addr)
			got, ok := s.Identify(src)
			if ok != (want != "") || ok && got.Name != want {
				t.Fatalf("%v: got %v, want %q\n%+v", src, got, want, set.Trunks)
			}
		}
	})
}

func TestIdentifyDoesNotAllocate(t *testing.T) {
	s := compile(t, bigSet(1000))
	sources := []policy.Source{source("10.0.0.7:5060"), source("192.0.2.1:5060"), source("[2001:db8::1]:5060"), source("8.8.8.8:5060")}
	allocs := testing.AllocsPerRun(100, func() {
		for _, src := range sources {
			s.Identify(src)
			s.Allowed("in7", src.Addr.Addr())
			s.Trunk("in7")
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
