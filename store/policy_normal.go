package store

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"b2bua/policy"
)

// copySet returns a deep copy.
func copySet(set policy.Set) policy.Set {
	set.Accounts = slices.Clone(set.Accounts)
	set.Trunks = slices.Clone(set.Trunks)
	for i := range set.Trunks {
		t := &set.Trunks[i]
		t.Sources, t.HuntOn, t.Gateways = slices.Clone(t.Sources), slices.Clone(t.HuntOn), slices.Clone(t.Gateways)
		t.HeaderPolicy.Pass, t.HeaderPolicy.Remove = slices.Clone(t.HeaderPolicy.Pass), slices.Clone(t.HeaderPolicy.Remove)
	}
	set.Routes = slices.Clone(set.Routes)
	for i := range set.Routes {
		set.Routes[i].Targets = slices.Clone(set.Routes[i].Targets)
	}
	return set
}

// normal returns a copy of set as it would be loaded after saving it: by name,
// every object with an id, text and times as a database keeps them.
func normal(set policy.Set) policy.Set {
	set = copySet(set)
	set.Accounts, set.Trunks, set.Routes = nonNil(set.Accounts), nonNil(set.Trunks), nonNil(set.Routes)
	for i := range set.Accounts {
		a := &set.Accounts[i]
		normalHead(&a.AccountID, &a.Name, &a.CreatedAt, &a.UpdatedAt)
	}
	for i := range set.Trunks {
		normalTrunk(&set.Trunks[i])
	}
	for i := range set.Routes {
		r := &set.Routes[i]
		normalHead(&r.RouteID, &r.Name, &r.CreatedAt, &r.UpdatedAt)
		r.Targets = nonNil(r.Targets)
		normalText(&r.Match.CalledPrefix, &r.Match.CallerPrefix, &r.Match.InboundTrunk)
		for k := range r.Targets {
			normalText(&r.Targets[k].Trunk)
		}
	}
	slices.SortFunc(set.Accounts, func(a, b policy.Account) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(set.Trunks, func(a, b policy.Trunk) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(set.Routes, func(a, b policy.Route) int { return strings.Compare(a.Name, b.Name) })
	return set
}

func normalTrunk(t *policy.Trunk) {
	normalHead(&t.TrunkID, &t.Name, &t.CreatedAt, &t.UpdatedAt)
	normalText(&t.Account, &t.Network, &t.Media, &t.EarlyDialogs, &t.InDialogSource, &t.MTU)
	t.RingTimeout = policy.Duration(t.RingTimeout.Std().Truncate(time.Microsecond))
	t.Sources, t.HuntOn, t.Gateways = nonNil(t.Sources), nonNil(t.HuntOn), nonNil(t.Gateways)
	t.HeaderPolicy.Pass, t.HeaderPolicy.Remove = nonNil(t.HeaderPolicy.Pass), nonNil(t.HeaderPolicy.Remove)
	for _, list := range [][]string{t.Sources, t.HuntOn, t.HeaderPolicy.Pass, t.HeaderPolicy.Remove} {
		for i := range list {
			normalText(&list[i])
		}
	}
	for i := range t.Gateways {
		normalText(&t.Gateways[i].URI)
	}
}

// normalHead sees to what every object has.
func normalHead(id, name *string, created, updated *time.Time) {
	if *id == "" {
		*id = uuid.Must(uuid.NewV7()).String()
	}
	normalText(id, name)
	*created, *updated = micros(*created), micros(*updated)
}

func normalText(fields ...*string) {
	for _, f := range fields {
		*f = text(*f)
	}
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
