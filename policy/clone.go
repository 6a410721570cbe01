package policy

import "slices"

// clone returns a deep copy in which no list is nil, so that a document says
// [] and never null.
func (s Set) clone() Set {
	s.Accounts = list(s.Accounts)
	s.Trunks = list(s.Trunks)
	for i := range s.Trunks {
		s.Trunks[i] = s.Trunks[i].clone()
	}
	s.Routes = list(s.Routes)
	for i := range s.Routes {
		s.Routes[i] = s.Routes[i].clone()
	}
	return s
}

func (a Account) clone() Account { return a }

func (t Trunk) clone() Trunk {
	t.Sources = list(t.Sources)
	t.Gateways = list(t.Gateways)
	t.HuntOn = list(t.HuntOn)
	t.HeaderPolicy.Pass = list(t.HeaderPolicy.Pass)
	t.HeaderPolicy.Remove = list(t.HeaderPolicy.Remove)
	return t
}

func (r Route) clone() Route {
	r.Targets = list(r.Targets)
	return r
}

// list returns a copy of s that is not nil.
func list[T any](s []T) []T {
	if len(s) == 0 {
		return []T{}
	}
	return slices.Clone(s)
}
