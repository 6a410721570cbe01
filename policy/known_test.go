package policy_test

import (
	"net/netip"
	"testing"

	"b2bua/policy"
)

// Knows takes every address of a trunk in service, whatever the network and
// whether it is a source or a gateway, and no other.
func TestKnows(t *testing.T) {
	carrier := trunk("carrier", "sip:198.51.100.7", "sip:[2001:db9::7]:5070")
	carrier.Network = "outside"
	both := from(trunk("both", "sip:203.0.113.2", "sip:carrier.example.com"), "203.0.113.1/32")
	both.Network = "outside"
	s := compile(t, policy.Set{Trunks: []policy.Trunk{
		from(trunk("pbx"), "192.0.2.0/28", "2001:db8::/32"), carrier, both,
		off(from(trunk("gone", "sip:10.9.9.9"), "10.0.0.0/8")),
	}})
	for addr, want := range map[string]bool{
		"192.0.2.1": true, "192.0.2.15": true, "192.0.2.16": false, "::ffff:192.0.2.1": true,
		"2001:db8:1::1": true, "2001:db9::7": true, "2001:db9::8": false,
		"198.51.100.7": true, "198.51.100.8": false,
		"203.0.113.1": true, "203.0.113.2": true, "203.0.113.3": false,
		"10.1.1.1": false, "10.9.9.9": false,
	} {
		a := netip.MustParseAddr(addr)
		if got := s.Knows(a); got != want {
			t.Errorf("%s: %v, want %v", addr, got, want)
		}
		if n := testing.AllocsPerRun(10, func() { s.Knows(a) }); n != 0 {
			t.Errorf("%s: %v allocations", addr, n)
		}
	}
	if s.Knows(netip.Addr{}) || (&policy.Snapshot{}).Knows(netip.MustParseAddr("192.0.2.1")) {
		t.Error("somebody is known to nobody")
	}
}

func BenchmarkKnows(b *testing.B) {
	s, faults := policy.Compile(policy.Set{Trunks: []policy.Trunk{
		from(trunk("pbx", "sip:198.51.100.7"), "192.0.2.0/24", "10.0.0.1/32", "172.16.0.0/12"),
	}})
	if len(faults) > 0 {
		b.Fatal(faults)
	}
	stranger := netip.MustParseAddr("203.0.113.9")
	b.ReportAllocs()
	for b.Loop() {
		s.Knows(stranger)
	}
}
