package policy_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"b2bua/policy"
)

// The policies that tests of this package share.

// richSet has a value other than the default in every field.
func richSet() policy.Set {
	at := time.Date(2026, 3, 29, 1, 30, 0, 123456000, time.UTC)
	trunk := policy.NewTrunk("carrier")
	trunk.TrunkID = "01890a5d-ac96-774b-bcce-b302099a8057"
	trunk.Account = "acme"
	trunk.Network = "outside"
	trunk.Sources = []string{"203.0.113.0/24", "2001:db8::/32", "198.51.100.7"}
	trunk.Gateways = []policy.Gateway{
		{URI: "sip:192.0.2.1:5070", Priority: 1, Weight: 70, Enabled: true},
		{URI: "sip:gw.example.com", Priority: 2, Weight: 30, Enabled: false},
	}
	trunk.Media = policy.MediaBypass
	trunk.HuntOn = []string{"403", "timeout"}
	trunk.RingTimeout = policy.Duration(90 * time.Second)
	trunk.EarlyDialogs = policy.EarlySingle
	trunk.InDialogSource = policy.SourceAny
	trunk.MTU = "off"
	trunk.HeaderPolicy = policy.HeaderPolicy{Trusted: true, Pass: []string{"X-Id"}, Remove: []string{"Subject"}}
	trunk.Limits = policy.Limits{MaxCalls: 100, MaxCPS: 10}
	trunk.CreatedAt, trunk.UpdatedAt = at, at.Add(time.Hour)
	route := policy.NewRoute("france")
	route.Enabled = false
	route.Priority = 5
	route.Match = policy.Match{CalledPrefix: "+33", CallerPrefix: "0044", InboundTrunk: "carrier"}
	route.Targets = []policy.RouteTarget{{Trunk: "carrier", Weight: 3}}
	return policy.Set{
		Revision: 42,
		Accounts: []policy.Account{{Name: "acme", Enabled: true}, {Name: "other"}},
		Trunks:   []policy.Trunk{trunk},
		Routes:   []policy.Route{route},
	}
}

// trunk returns a trunk with one gateway per URI, each of its own priority.
func trunk(name string, uris ...string) policy.Trunk {
	t := policy.NewTrunk(name)
	for i, uri := range uris {
		g := policy.NewGateway(uri)
		g.Priority = i + 1
		t.Gateways = append(t.Gateways, g)
	}
	return t
}

// from returns t with declared sources.
func from(t policy.Trunk, sources ...string) policy.Trunk {
	t.Sources = sources
	return t
}

// off returns t disabled.
func off(t policy.Trunk) policy.Trunk {
	t.Enabled = false
	return t
}

// route returns a route for a called prefix to trunks in order.
func route(name, called string, trunks ...string) policy.Route {
	r := policy.NewRoute(name)
	r.Match.CalledPrefix = called
	for _, t := range trunks {
		r.Targets = append(r.Targets, policy.NewRouteTarget(t))
	}
	return r
}

// compile fails the test when the set does not compile.
func compile(t testing.TB, set policy.Set) *policy.Snapshot {
	t.Helper()
	s, faults := policy.Compile(set)
	if len(faults) > 0 {
		t.Fatal((&policy.FaultError{Faults: faults}).Error())
	}
	return s
}

// source is a request from ip:port in the default network.
func source(addrPort string) policy.Source {
	network, addr, found := strings.Cut(addrPort, "|")
	if !found {
		network, addr = "default", addrPort
	}
	return policy.Source{Addr: netip.MustParseAddrPort(addr), Network: network, Transport: "udp"}
}
