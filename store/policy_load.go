package store

import (
	"context"
	"time"

	"b2bua/policy"
)

// loadSet reads the whole policy. Lists are never nil.
func loadSet(ctx context.Context, q querier) (policy.Set, error) {
	set := policy.Set{Accounts: []policy.Account{}, Trunks: []policy.Trunk{}, Routes: []policy.Route{}}
	for _, load := range []func(context.Context, querier, *policy.Set) error{
		loadRevision, loadAccounts, loadTrunks, loadGateways, loadRoutes, loadTargets,
	} {
		if err := load(ctx, q, &set); err != nil {
			return policy.Set{}, err
		}
	}
	return set, nil
}

func loadRevision(ctx context.Context, q querier, set *policy.Set) error {
	return each(ctx, q, "SELECT revision FROM policy_revision", nil, func(scan func(...any) error) error {
		return scan(&set.Revision)
	})
}

func loadAccounts(ctx context.Context, q querier, set *policy.Set) error {
	const query = `SELECT account_id, name, enabled, created_at, updated_at FROM accounts ORDER BY name`
	return each(ctx, q, query, nil, func(scan func(...any) error) error {
		var a policy.Account
		err := scan(&a.AccountID, &a.Name, &a.Enabled, timeInto{&a.CreatedAt}, timeInto{&a.UpdatedAt})
		set.Accounts = append(set.Accounts, a)
		return err
	})
}

func loadTrunks(ctx context.Context, q querier, set *policy.Set) error {
	const query = `SELECT t.trunk_id, t.name, COALESCE(a.name, ''), t.enabled, t.network, t.sources, t.media, t.hunt_on,
			t.ring_timeout_us, t.early_dialogs, t.in_dialog_source, t.mtu, t.header_policy, t.max_calls, t.max_cps,
			t.created_at, t.updated_at
		FROM trunks t LEFT JOIN accounts a ON a.account_id = t.account_id
		ORDER BY t.name`
	return each(ctx, q, query, nil, func(scan func(...any) error) error {
		t := policy.Trunk{Gateways: []policy.Gateway{}}
		var ring int64
		err := scan(&t.TrunkID, &t.Name, &t.Account, &t.Enabled, &t.Network, jsonInto{&t.Sources}, &t.Media, jsonInto{&t.HuntOn},
			&ring, &t.EarlyDialogs, &t.InDialogSource, &t.MTU, jsonInto{&t.HeaderPolicy}, &t.Limits.MaxCalls, &t.Limits.MaxCPS,
			timeInto{&t.CreatedAt}, timeInto{&t.UpdatedAt})
		t.RingTimeout = policy.Duration(time.Duration(ring) * time.Microsecond)
		set.Trunks = append(set.Trunks, t)
		return err
	})
}

func loadGateways(ctx context.Context, q querier, set *policy.Set) error {
	byID := make(map[string]*policy.Trunk, len(set.Trunks))
	for i := range set.Trunks {
		byID[set.Trunks[i].TrunkID] = &set.Trunks[i]
	}
	const query = `SELECT trunk_id, uri, priority, weight, enabled FROM gateways ORDER BY trunk_id, position`
	return each(ctx, q, query, nil, func(scan func(...any) error) error {
		var id string
		var g policy.Gateway
		if err := scan(&id, &g.URI, &g.Priority, &g.Weight, &g.Enabled); err != nil {
			return err
		}
		t := byID[id] // there is one: a foreign key, and one snapshot
		t.Gateways = append(t.Gateways, g)
		return nil
	})
}

func loadRoutes(ctx context.Context, q querier, set *policy.Set) error {
	const query = `SELECT r.route_id, r.name, r.enabled, r.priority, r.called_prefix, r.caller_prefix, COALESCE(t.name, ''),
			r.created_at, r.updated_at
		FROM routes r LEFT JOIN trunks t ON t.trunk_id = r.inbound_trunk_id
		ORDER BY r.name`
	return each(ctx, q, query, nil, func(scan func(...any) error) error {
		r := policy.Route{Targets: []policy.RouteTarget{}}
		err := scan(&r.RouteID, &r.Name, &r.Enabled, &r.Priority, &r.Match.CalledPrefix, &r.Match.CallerPrefix, &r.Match.InboundTrunk,
			timeInto{&r.CreatedAt}, timeInto{&r.UpdatedAt})
		set.Routes = append(set.Routes, r)
		return err
	})
}

func loadTargets(ctx context.Context, q querier, set *policy.Set) error {
	byID := make(map[string]*policy.Route, len(set.Routes))
	for i := range set.Routes {
		byID[set.Routes[i].RouteID] = &set.Routes[i]
	}
	const query = `SELECT x.route_id, t.name, x.weight
		FROM route_targets x JOIN trunks t ON t.trunk_id = x.trunk_id
		ORDER BY x.route_id, x.position`
	return each(ctx, q, query, nil, func(scan func(...any) error) error {
		var id string
		var target policy.RouteTarget
		if err := scan(&id, &target.Trunk, &target.Weight); err != nil {
			return err
		}
		r := byID[id]
		r.Targets = append(r.Targets, target)
		return nil
	})
}
