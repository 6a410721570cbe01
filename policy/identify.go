package policy

import (
	"net/netip"
	"slices"
	"strconv"
)

// Who is calling: Identify → identify → sourceTable. In the network of the
// listener, the longest declared source that holds the peer's address decides.
// When none does, the trunks that declare no source are asked whether the
// address is one of their gateways.

// A Source is where a request came from, as the listener saw it.
type Source struct {
	Addr       netip.AddrPort // the peer's address
	Listener   string         // URL of our listener
	Network    string         // network the listener belongs to; empty means "default"
	Transport  string         // udp, tcp, tls, ws, wss
	TLSSubject string         // the client certificate's subject; empty when there is none
}

// A sourceTable finds trunks by address in one network.
type sourceTable struct {
	lengths4 []int // prefix lengths in use, longest first
	lengths6 []int
	declared map[netip.Prefix]*compiledTrunk
	derived  map[netip.Addr][]claim // of trunks without declared sources
}

// A claim is one gateway that might be calling.
type claim struct {
	trunk *compiledTrunk
	port  uint16
}

func newSourceTables(trunks []Trunk, compiled map[string]*compiledTrunk) map[string]*sourceTable {
	tables := map[string]*sourceTable{}
	for i := range trunks {
		t := compiled[trunks[i].Name]
		table := tables[t.Network]
		if table == nil {
			table = &sourceTable{declared: map[netip.Prefix]*compiledTrunk{}, derived: map[netip.Addr][]claim{}}
			tables[t.Network] = table
		}
		table.add(t)
	}
	for _, table := range tables {
		slices.Sort(table.lengths4)
		slices.Sort(table.lengths6)
		slices.Reverse(table.lengths4)
		slices.Reverse(table.lengths6)
	}
	return tables
}

func (st *sourceTable) add(t *compiledTrunk) {
	for _, p := range t.prefixes {
		st.declared[p] = t
		lengths := st.lengths(p.Addr())
		if !slices.Contains(*lengths, p.Bits()) {
			*lengths = append(*lengths, p.Bits())
		}
	}
	if len(t.prefixes) > 0 || t.off != "" {
		return
	}
	for _, g := range t.gateways {
		if ip := g.address.ip; ip.IsValid() {
			st.derived[ip] = append(st.derived[ip], claim{t, g.address.callPort()})
		}
	}
}

func (st *sourceTable) lengths(a netip.Addr) *[]int {
	if a.Is4() {
		return &st.lengths4
	}
	return &st.lengths6
}

// plain returns the address that tables hold: IPv4 as IPv4, without a zone.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// Identify returns the trunk that calls from src, ok false when it is nobody's:
//
//   - Only trunks of src's network are looked at.
//   - The longest declared source that holds the address wins. When its trunk
//     is disabled nobody is calling: disabling a trunk shuts its addresses out
//     and never hands them to a trunk with a shorter source.
//   - Any declared source outranks the addresses of gateways, which count for
//     enabled trunks that declare no source. When gateways of several trunks
//     share the address, the one whose port is the source port is calling;
//     when that leaves more than one trunk, or none, nobody is.
//
// The trunk is shared: read only. It does not allocate.
func (s *Snapshot) Identify(src Source) (trunk *Trunk, ok bool) {
	if t := s.identify(&src, nil); t != nil {
		return t.Trunk, true
	}
	return nil, false
}

// identify decides for Identify, and tells t what it saw. It returns nil when
// nobody is calling.
func (s *Snapshot) identify(src *Source, t *trace) *compiledTrunk {
	table := s.sources[networkOf(src)]
	if table == nil {
		return nil
	}
	addr := plain(src.Addr.Addr())
	if !addr.IsValid() {
		return nil
	}
	var winner *compiledTrunk
	decided := false
	for _, bits := range *table.lengths(addr) {
		p, _ := addr.Prefix(bits) // bits fits the family by construction
		owner := table.declared[p]
		if owner == nil {
			continue
		}
		if t != nil {
			t.declaredSource(owner, p, addr, decided)
		}
		if !decided && owner.off == "" {
			winner = owner
		}
		if decided = true; t == nil {
			return winner
		}
	}
	if t != nil {
		t.derivedSources(table.derived[addr], src, decided)
	}
	if !decided {
		winner = caller(table.derived[addr], src.Addr.Port())
	}
	return winner
}

func networkOf(src *Source) string {
	if src.Network == "" {
		return DefaultNetwork
	}
	return src.Network
}

// caller returns the one trunk among the claims, or the one whose gateway has
// the port, or nil.
func caller(claims []claim, port uint16) *compiledTrunk {
	if t, several := only(claims, 0); !several {
		return t
	}
	t, several := only(claims, port)
	if several {
		return nil
	}
	return t
}

// only returns the trunk of the claims with that port (0: any), and whether
// there is more than one trunk.
func only(claims []claim, port uint16) (t *compiledTrunk, several bool) {
	for _, c := range claims {
		if port != 0 && c.port != port {
			continue
		}
		if t != nil && t != c.trunk {
			return nil, true
		}
		t = c.trunk
	}
	return t, false
}

// declaredSource tells of a declared source that holds the address.
func (t *trace) declaredSource(owner *compiledTrunk, p netip.Prefix, addr netip.Addr, decided bool) {
	c := Candidate{Kind: KindSource, Name: owner.Name, Compared: []Comparison{{"source", p.String(), addr.String()}}}
	switch {
	case decided:
		c.Outcome, c.Reason = OutcomeLost, "a longer declared source came first"
	case owner.off != "":
		c.Outcome, c.Reason = OutcomeSkipped, owner.off+", which shuts its sources out"
	default:
		c.Outcome, c.Reason = OutcomeChosen, "the longest declared source that holds the address"
	}
	t.add(c)
}

// derivedSources tells of the gateways that have the address.
func (t *trace) derivedSources(claims []claim, src *Source, decided bool) {
	winner := caller(claims, src.Addr.Port())
	_, shared := only(claims, 0)
	for _, cl := range claims {
		c := Candidate{Kind: KindSource, Name: cl.trunk.Name, Compared: []Comparison{
			{"gateway_port", strconv.Itoa(int(cl.port)), strconv.Itoa(int(src.Addr.Port()))},
		}}
		switch {
		case decided:
			c.Outcome, c.Reason = OutcomeLost, "a declared source outranks the addresses of gateways"
		case winner == nil:
			c.Outcome, c.Reason = OutcomeSkipped, "several trunks have a gateway at this address; declare their sources"
		case winner != cl.trunk:
			c.Outcome, c.Reason = OutcomeLost, "another trunk's gateway has the source port"
		case shared:
			c.Outcome, c.Reason = OutcomeChosen, "its gateway has the address and the source port"
		default:
			c.Outcome, c.Reason = OutcomeChosen, "its gateway has the address, and it declares no source"
		}
		t.add(c)
	}
}
