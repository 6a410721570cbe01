package store

import "b2bua/policy"

// Each function returns the columns of one row, in the order of its table.

func (s *Store) accountArgs(a *policy.Account) ([]any, error) {
	return []any{a.AccountID, a.Name, a.Enabled, s.dialect.time(a.CreatedAt), s.dialect.time(a.UpdatedAt)}, nil
}

func (s *Store) trunkArgs(t *trunkRow) ([]any, error) {
	var lists [3]string
	for i, v := range []any{t.Sources, t.HuntOn, t.HeaderPolicy} {
		var err error
		if lists[i], err = jsonText(v); err != nil {
			return nil, err
		}
	}
	return []any{
		t.TrunkID, t.Name, idOrNull(t.accountID), t.Enabled, t.Network, lists[0], t.Media, lists[1],
		t.RingTimeout.Std().Microseconds(), t.EarlyDialogs, t.InDialogSource, t.MTU, lists[2],
		int64(t.Limits.MaxCalls), int64(t.Limits.MaxCPS), s.dialect.time(t.CreatedAt), s.dialect.time(t.UpdatedAt),
	}, nil
}

func gatewayArgs(t *trunkRow) [][]any {
	rows := make([][]any, len(t.Gateways))
	for i, g := range t.Gateways {
		rows[i] = []any{t.TrunkID, int64(i), g.URI, int64(g.Priority), int64(g.Weight), g.Enabled}
	}
	return rows
}

func (s *Store) routeArgs(r *routeRow) ([]any, error) {
	return []any{
		r.RouteID, r.Name, r.Enabled, int64(r.Priority), r.Match.CalledPrefix, r.Match.CallerPrefix, idOrNull(r.inboundID),
		s.dialect.time(r.CreatedAt), s.dialect.time(r.UpdatedAt),
	}, nil
}

func targetArgs(r *routeRow) [][]any {
	rows := make([][]any, len(r.Targets))
	for i, target := range r.Targets {
		rows[i] = []any{r.RouteID, int64(i), r.targetIDs[i], int64(target.Weight)}
	}
	return rows
}

func idOrNull(id string) any {
	if id == "" {
		return nil
	}
	return id
}
