package policy

import (
	"net/netip"
	"slices"
)

// A Snapshot is a compiled policy. It never changes and is safe for
// concurrent use. The zero Snapshot knows nobody and routes nothing.
type Snapshot struct {
	set     Set // objects by name
	trunks  map[string]*compiledTrunk
	sources map[string]*sourceTable // by network
	known   knownTable
	routes  []compiledRoute // as set.Routes
	rules   ruleIndex       // finds routes by number
}

// A compiledTrunk is a trunk with its texts read.
type compiledTrunk struct {
	*Trunk
	prefixes []netip.Prefix    // declared sources
	gateways []compiledGateway // lower priority first, else as listed
	hunt     HuntOn
	mtu      int    // octets; 0 is off
	off      string // why it is out of service, "" when it is in
}

type compiledGateway struct {
	index   int32 // in Trunk.Gateways
	address gatewayAddress
}

// A compiledRoute is a route with its trunks found.
type compiledRoute struct {
	*Route
	trunks []*compiledTrunk // as Route.Targets
	byDraw bool             // its targets are ordered by weight, not as listed
	weight uint64           // sum of its targets' weights
}

// Compile checks the whole set and builds its snapshot. It returns either a
// snapshot or every fault, in the order of the set. It keeps no reference to
// what it is given.
func Compile(set Set) (*Snapshot, []Fault) { return CompileWithin(set, Bounds{}) }

// CompileWithin is [Compile] with other bounds.
func CompileWithin(set Set, bounds Bounds) (*Snapshot, []Fault) {
	set = set.clone()
	c := checker{
		bounds:   bounds.withDefaults(),
		accounts: make(map[string]bool, len(set.Accounts)),
		closed:   map[string]bool{},
		trunks:   make(map[string]*compiledTrunk, len(set.Trunks)),
		declared: map[networkPrefix]string{},
	}
	c.accountList(set.Accounts)
	c.trunkList(set.Trunks)
	c.routeList(set.Routes)
	if faults := c.all(); len(faults) > 0 {
		return nil, faults
	}
	slices.SortFunc(set.Accounts, byName(func(a *Account) string { return a.Name }))
	slices.SortFunc(set.Trunks, byName(func(t *Trunk) string { return t.Name }))
	slices.SortFunc(set.Routes, byName(func(r *Route) string { return r.Name }))
	for i := range set.Trunks {
		c.trunks[set.Trunks[i].Name].Trunk = &set.Trunks[i] // sorting moved it
	}
	s := &Snapshot{set: set, trunks: c.trunks, sources: newSourceTables(set.Trunks, c.trunks), known: newKnownTable(c.trunks)}
	s.routes = compileRoutes(set.Routes, c.trunks)
	s.rules = newRuleIndex(set.Routes)
	return s, nil
}

func compileRoutes(routes []Route, trunks map[string]*compiledTrunk) []compiledRoute {
	compiled := make([]compiledRoute, len(routes))
	for i := range routes {
		r := compiledRoute{Route: &routes[i], trunks: make([]*compiledTrunk, len(routes[i].Targets))}
		for j, t := range r.Targets {
			r.trunks[j] = trunks[t.Trunk]
			r.weight += uint64(t.Weight)
			r.byDraw = r.byDraw || t.Weight != 1
		}
		compiled[i] = r
	}
	return compiled
}

// withRevision returns s under another revision. The store gives a set its
// revision after it has been compiled.
func (s *Snapshot) withRevision(revision int64) *Snapshot {
	c := *s
	c.set.Revision = revision
	return &c
}

// Revision returns the revision of the set it was compiled from.
func (s *Snapshot) Revision() int64 { return s.set.Revision }

// Set returns a copy of the set it was compiled from, objects by name.
func (s *Snapshot) Set() Set { return s.set.clone() }

// Trunk returns the trunk of that name, enabled or not. It is shared: read
// only. It does not allocate.
func (s *Snapshot) Trunk(name string) (*Trunk, bool) {
	t, ok := s.trunks[name]
	if !ok {
		return nil, false
	}
	return t.Trunk, true
}

// Sources returns the prefixes that a trunk declares as its own, none when there
// is no such trunk. They are shared: read only. It does not allocate.
func (s *Snapshot) Sources(trunk string) []netip.Prefix {
	t, ok := s.trunks[trunk]
	if !ok {
		return nil
	}
	return t.prefixes
}

// Allowed reports whether src is among the sources the trunk declares or the
// IP addresses of its gateways, whatever it is identified by. Gateways that
// are DNS names are the resolver's matter. It does not allocate.
func (s *Snapshot) Allowed(trunk string, src netip.Addr) bool {
	t, ok := s.trunks[trunk]
	if !ok {
		return false
	}
	src = plain(src)
	for _, p := range t.prefixes {
		if p.Contains(src) {
			return true
		}
	}
	for i := range t.gateways {
		if t.gateways[i].address.ip == src && src.IsValid() {
			return true
		}
	}
	return false
}
