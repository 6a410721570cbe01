package policy

import "net/netip"

// A Snapshot is a compiled policy. It never changes and is safe for
// concurrent use. The zero Snapshot knows nobody and routes nothing.
type Snapshot struct{ set Set }

// Compile checks the whole set and builds its snapshot. It returns either a
// snapshot or every fault, in the order of the set. It keeps no reference to
// what it is given.
func Compile(set Set) (*Snapshot, []Fault) { return &Snapshot{set: set}, nil }

// Revision returns the revision of the set it was compiled from.
func (s *Snapshot) Revision() int64 { return s.set.Revision }

// Identify returns the trunk that calls from src. The trunk is shared: read
// only. It does not allocate.
func (s *Snapshot) Identify(src Source) (trunk *Trunk, ok bool) { return nil, false }

// Trunk returns the trunk of that name, enabled or not. It is shared: read
// only.
func (s *Snapshot) Trunk(name string) (*Trunk, bool) { return nil, false }

// Allowed reports whether src is among the sources the trunk declares or the
// IP addresses of its gateways. Gateways by name are the resolver's matter.
func (s *Snapshot) Allowed(trunk string, src netip.Addr) bool { return false }
