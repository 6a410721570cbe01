package policy

import (
	"net/netip"
	"slices"
)

// A knownTable tells the addresses of trunks from all others, in any network.
type knownTable struct {
	lengths4 []int // prefix lengths in use
	lengths6 []int
	prefixes map[netip.Prefix]struct{}
	gateways map[netip.Addr]struct{}
}

func newKnownTable(trunks map[string]*compiledTrunk) knownTable {
	k := knownTable{prefixes: map[netip.Prefix]struct{}{}, gateways: map[netip.Addr]struct{}{}}
	for _, t := range trunks {
		if t.off != "" {
			continue
		}
		for _, p := range t.prefixes {
			k.prefixes[p] = struct{}{}
			lengths := &k.lengths6
			if p.Addr().Is4() {
				lengths = &k.lengths4
			}
			if !slices.Contains(*lengths, p.Bits()) {
				*lengths = append(*lengths, p.Bits())
			}
		}
		for i := range t.gateways {
			if ip := t.gateways[i].address.ip; ip.IsValid() {
				k.gateways[ip] = struct{}{}
			}
		}
	}
	return k
}

// Knows reports whether an address is among the sources or the gateways of any
// trunk that is in service, in whatever network. It is for telling those we work
// with from strangers before anything they say is read; who is calling is
// Identify's to say. Gateways that are DNS names are the resolver's matter. It
// does not allocate.
func (s *Snapshot) Knows(addr netip.Addr) bool {
	addr = plain(addr)
	if _, ok := s.known.gateways[addr]; ok {
		return true
	}
	lengths := s.known.lengths6
	if addr.Is4() {
		lengths = s.known.lengths4
	}
	for _, bits := range lengths {
		p, _ := addr.Prefix(bits) // bits fits the family by construction
		if _, ok := s.known.prefixes[p]; ok {
			return true
		}
	}
	return false
}
