package policy_test

import (
	"net/netip"
	"strings"
	"testing"

	"b2bua/policy"
)

// An account that is switched off takes its trunks with it, both ways, and
// explain says so.
func TestDisabledAccount(t *testing.T) {
	closed := policy.NewAccount("debtor")
	closed.Enabled = false
	in := policy.NewTrunk("in")
	in.Account, in.Sources = "debtor", []string{"192.0.2.1/32"}
	out := policy.NewTrunk("out")
	out.Account, out.Gateways = "debtor", []policy.Gateway{policy.NewGateway("sip:192.0.2.2")}
	open := policy.NewTrunk("open")
	open.Sources = []string{"192.0.2.3/32"}
	route := policy.NewRoute("everything")
	route.Targets = []policy.RouteTarget{policy.NewRouteTarget("out")}
	set := policy.Set{Accounts: []policy.Account{closed}, Trunks: []policy.Trunk{in, out, open}, Routes: []policy.Route{route}}

	identify := func(s *policy.Snapshot, addr string) bool {
		_, ok := s.Identify(policy.Source{Addr: netip.MustParseAddrPort(addr), Network: policy.DefaultNetwork})
		return ok
	}
	query := policy.Query{InboundTrunk: "open", Called: "33"}

	s, faults := policy.Compile(set)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if identify(s, "192.0.2.1:5060") || identify(s, "192.0.2.2:5060") {
		t.Error("a trunk of a disabled account is identified")
	}
	if _, err := s.Plan(query); err == nil {
		t.Error("a trunk of a disabled account is sent calls")
	}
	said := false
	for _, c := range s.Explain(query).Candidates {
		said = said || c.Name == "out" && strings.Contains(c.Reason, "account is disabled")
	}
	if !said {
		t.Errorf("explain does not say why: %+v", s.Explain(query).Candidates)
	}

	set.Accounts[0].Enabled = true
	if s, faults = policy.Compile(set); len(faults) > 0 || !identify(s, "192.0.2.1:5060") {
		t.Errorf("enabled again: faults %v", faults)
	}
	if _, err := s.Plan(query); err != nil {
		t.Error(err)
	}
}
