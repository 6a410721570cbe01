package policy

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// A kind is what the service needs to know about one kind of object to list,
// edit and compare it.
type kind[T any] struct {
	name   string // as in faults and diffs
	list   func(*Set) *[]T
	head   func(*T) head
	clone  func(T) T
	users  func(set *Set, name string) []string           // objects that refer to it, as texts
	rename func(set *Set, from, to string, now time.Time) // carries references along
}

// A head points to the fields that every object has.
type head struct {
	id, name         *string
	created, updated *time.Time
}

func accountKind() kind[Account] {
	return kind[Account]{
		name: "account",
		list: func(s *Set) *[]Account { return &s.Accounts },
		head: func(a *Account) head {
			return head{&a.AccountID, &a.Name, &a.CreatedAt, &a.UpdatedAt}
		},
		clone: Account.clone,
		users: func(set *Set, name string) (users []string) {
			for i := range set.Trunks {
				if set.Trunks[i].Account == name {
					users = append(users, fmt.Sprintf("trunk %q", set.Trunks[i].Name))
				}
			}
			return users
		},
		rename: func(set *Set, from, to string, now time.Time) {
			for i := range set.Trunks {
				if t := &set.Trunks[i]; t.Account == from {
					t.Account, t.UpdatedAt = to, now
				}
			}
		},
	}
}

func trunkKind() kind[Trunk] {
	return kind[Trunk]{
		name: "trunk",
		list: func(s *Set) *[]Trunk { return &s.Trunks },
		head: func(t *Trunk) head {
			return head{&t.TrunkID, &t.Name, &t.CreatedAt, &t.UpdatedAt}
		},
		clone: Trunk.clone,
		users: func(set *Set, name string) (users []string) {
			for i := range set.Routes {
				if r := &set.Routes[i]; r.refersTo(name) {
					users = append(users, fmt.Sprintf("route %q", r.Name))
				}
			}
			return users
		},
		rename: func(set *Set, from, to string, now time.Time) {
			for i := range set.Routes {
				if r := &set.Routes[i]; r.refersTo(from) {
					r.renameTrunk(from, to)
					r.UpdatedAt = now
				}
			}
		},
	}
}

func routeKind() kind[Route] {
	return kind[Route]{
		name: "route",
		list: func(s *Set) *[]Route { return &s.Routes },
		head: func(r *Route) head {
			return head{&r.RouteID, &r.Name, &r.CreatedAt, &r.UpdatedAt}
		},
		clone:  Route.clone,
		users:  func(*Set, string) []string { return nil },
		rename: func(*Set, string, string, time.Time) {},
	}
}

// refersTo reports whether the route names the trunk anywhere.
func (r *Route) refersTo(trunk string) bool {
	return r.Match.InboundTrunk == trunk ||
		slices.ContainsFunc(r.Targets, func(t RouteTarget) bool { return t.Trunk == trunk })
}

func (r *Route) renameTrunk(from, to string) {
	if r.Match.InboundTrunk == from {
		r.Match.InboundTrunk = to
	}
	for i := range r.Targets {
		if r.Targets[i].Trunk == from {
			r.Targets[i].Trunk = to
		}
	}
}

// find returns the index of the object with that id, else with that name;
// -1 when there is none.
func (k kind[T]) find(set *Set, idOrName string) int {
	objects := *k.list(set)
	byName := -1
	for i := range objects {
		h := k.head(&objects[i])
		if *h.id == idOrName && idOrName != "" {
			return i
		}
		if *h.name == idOrName {
			byName = i
		}
	}
	return byName
}

// search is find in a set whose objects lie by name.
func (k kind[T]) search(set *Set, idOrName string) int {
	if isID(idOrName) {
		return k.find(set, idOrName)
	}
	i, found := k.place(set, idOrName)
	if !found {
		return -1
	}
	return i
}

// place returns where name is or would be in a set whose objects lie by name.
func (k kind[T]) place(set *Set, name string) (int, bool) {
	return slices.BinarySearchFunc(*k.list(set), name, func(object T, name string) int {
		return cmp.Compare(*k.head(&object).name, name)
	})
}
