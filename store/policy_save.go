package store

import (
	"context"
	"fmt"
	"reflect"

	"b2bua/policy"
)

// Objects refer to each other by name in a set and by id in the database: a
// row is an object with those ids.
type (
	trunkRow struct {
		policy.Trunk
		accountID string // empty means none
	}
	routeRow struct {
		policy.Route
		inboundID string   // empty means any
		targetIDs []string // of Targets
	}
)

func accountTable() table {
	return newTable("accounts", "account_id name enabled created_at updated_at")
}

func trunkTable() table {
	return newTable("trunks", `trunk_id name account_id enabled network sources media hunt_on ring_timeout_us early_dialogs
		in_dialog_source mtu header_policy max_calls max_cps created_at updated_at`)
}

func gatewayTable() table {
	return newTable("gateways", "trunk_id position uri priority weight enabled")
}

func routeTable() table {
	return newTable("routes", "route_id name enabled priority called_prefix caller_prefix inbound_trunk_id created_at updated_at")
}

func targetTable() table {
	return newTable("route_targets", "route_id position trunk_id weight")
}

// A difference is what becomes of the objects of one kind.
type difference[T any] struct {
	added, changed []T
	parked         []string // ids of those whose name becomes free
	removed        []string // ids
}

// compare finds the difference by id.
func compare[T any](before, after []T, head func(*T) (id, name string)) (d difference[T], err error) {
	old := make(map[string]*T, len(before))
	for i := range before {
		id, _ := head(&before[i])
		old[id] = &before[i]
	}
	seen := make(map[string]bool, len(after))
	for i := range after {
		id, name := head(&after[i])
		if seen[id] {
			return d, &callerError{fmt.Errorf("%w: id %s is given to two objects, one of them %q", policy.ErrConflict, id, name)}
		}
		seen[id] = true
		was, ok := old[id]
		switch {
		case !ok:
			d.added = append(d.added, after[i])
		case !reflect.DeepEqual(*was, after[i]):
			d.changed = append(d.changed, after[i])
			if _, wasName := head(was); wasName != name {
				d.parked = append(d.parked, id)
			}
		}
	}
	for i := range before {
		if id, _ := head(&before[i]); !seen[id] {
			d.removed = append(d.removed, id)
			d.parked = append(d.parked, id)
		}
	}
	return d, nil
}

// saveDifference makes the rows of before those of after. Both are as loadSet
// returns them. Rows are written before what refers to them and removed
// behind it; names that become free are taken out of the way first, so that
// objects may swap them.
func (s *Store) saveDifference(ctx context.Context, x tx, before, after *policy.Set) error {
	accounts, err := compare(before.Accounts, after.Accounts, func(a *policy.Account) (string, string) { return a.AccountID, a.Name })
	if err != nil {
		return err
	}
	trunks, routes, err := compareRows(before, after)
	if err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return removeAll(ctx, x, routeTable(), routes.removed) },
		func() error { return park(ctx, x, routeTable(), routes.parked) },
		func() error { return park(ctx, x, trunkTable(), trunks.parked) },
		func() error { return park(ctx, x, accountTable(), accounts.parked) },
		func() error { return writeAll(ctx, x, accountTable(), accounts, s.accountArgs) },
		func() error { return writeAll(ctx, x, trunkTable(), trunks, s.trunkArgs) },
		func() error {
			return replaceParts(ctx, x, gatewayTable(), trunks, func(t *trunkRow) (string, [][]any) { return t.TrunkID, gatewayArgs(t) })
		},
		func() error { return writeAll(ctx, x, routeTable(), routes, s.routeArgs) },
		func() error {
			return replaceParts(ctx, x, targetTable(), routes, func(r *routeRow) (string, [][]any) { return r.RouteID, targetArgs(r) })
		},
		func() error { return removeAll(ctx, x, trunkTable(), trunks.removed) },
		func() error { return removeAll(ctx, x, accountTable(), accounts.removed) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func compareRows(before, after *policy.Set) (trunks difference[trunkRow], routes difference[routeRow], err error) {
	oldTrunks, oldRoutes, err := rowsOf(before)
	if err != nil {
		return trunks, routes, err
	}
	newTrunks, newRoutes, err := rowsOf(after)
	if err != nil {
		return trunks, routes, err
	}
	trunks, err = compare(oldTrunks, newTrunks, func(t *trunkRow) (string, string) { return t.TrunkID, t.Name })
	if err == nil {
		routes, err = compare(oldRoutes, newRoutes, func(r *routeRow) (string, string) { return r.RouteID, r.Name })
	}
	return trunks, routes, err
}

// rowsOf finds the ids behind the names. A name of nothing is refused, as the
// policy's own check does before.
func rowsOf(set *policy.Set) ([]trunkRow, []routeRow, error) {
	accountIDs := make(map[string]string, len(set.Accounts))
	for i := range set.Accounts {
		accountIDs[set.Accounts[i].Name] = set.Accounts[i].AccountID
	}
	trunkIDs := make(map[string]string, len(set.Trunks))
	trunks := make([]trunkRow, len(set.Trunks))
	for i, t := range set.Trunks {
		trunkIDs[t.Name] = t.TrunkID
		trunks[i] = trunkRow{t, accountIDs[t.Account]}
		if t.Account != "" && trunks[i].accountID == "" {
			return nil, nil, unknownName("trunk", t.Name, "account", t.Account)
		}
	}
	routes := make([]routeRow, len(set.Routes))
	for i, r := range set.Routes {
		routes[i] = routeRow{Route: r, inboundID: trunkIDs[r.Match.InboundTrunk], targetIDs: make([]string, len(r.Targets))}
		if r.Match.InboundTrunk != "" && routes[i].inboundID == "" {
			return nil, nil, unknownName("route", r.Name, "match.inbound_trunk", r.Match.InboundTrunk)
		}
		for k, target := range r.Targets {
			id, ok := trunkIDs[target.Trunk]
			if !ok {
				return nil, nil, unknownName("route", r.Name, fmt.Sprintf("targets[%d].trunk", k), target.Trunk)
			}
			routes[i].targetIDs[k] = id
		}
	}
	return trunks, routes, nil
}

func unknownName(object, name, field, value string) error {
	return &callerError{&policy.FaultError{Faults: []policy.Fault{{
		Object: object, Name: name, Field: field, Value: value, Message: "nothing has this name",
	}}}}
}

// park gives rows names that no object can have.
func park(ctx context.Context, x tx, t table, ids []string) error {
	query := fmt.Sprintf("UPDATE %s SET name = '~' || %s WHERE %s = $1", t.name, t.columns[0], t.columns[0])
	for _, id := range ids {
		if _, err := x.ExecContext(ctx, query, id); err != nil {
			return err
		}
	}
	return nil
}

func removeAll(ctx context.Context, x tx, t table, ids []string) error {
	for _, id := range ids {
		if err := t.remove(ctx, x, id); err != nil {
			return err
		}
	}
	return nil
}

// writeAll inserts and updates the rows of a difference.
func writeAll[T any](ctx context.Context, x tx, t table, d difference[T], args func(*T) ([]any, error)) error {
	for i := range d.changed {
		row, err := args(&d.changed[i])
		if err != nil {
			return err
		}
		if err := t.update(ctx, x, row); err != nil {
			return err
		}
	}
	return chunks(d.added, insertRows, func(part []T) error {
		rows := make([][]any, len(part))
		for i := range part {
			var err error
			if rows[i], err = args(&part[i]); err != nil {
				return err
			}
		}
		return t.insert(ctx, x, rows)
	})
}

// replaceParts writes the rows that belong to the objects of a difference,
// such as a trunk's gateways.
func replaceParts[T any](ctx context.Context, x tx, t table, d difference[T], parts func(*T) (id string, rows [][]any)) error {
	for i := range d.changed {
		id, rows := parts(&d.changed[i])
		if err := t.remove(ctx, x, id); err != nil {
			return err
		}
		if err := t.insert(ctx, x, rows); err != nil {
			return err
		}
	}
	return chunks(d.added, insertRows, func(part []T) error {
		var all [][]any
		for i := range part {
			_, rows := parts(&part[i])
			all = append(all, rows...)
		}
		return t.insert(ctx, x, all)
	})
}
