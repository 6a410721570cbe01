package policy_test

import (
	"encoding/json"
	"fmt"
	"net/netip"

	"b2bua/policy"
)

// The smallest policy that routes a call.
func Example() {
	set, err := policy.ParseYAML([]byte(`
trunks:
  - {name: pbx, sources: [127.0.0.1/32], gateways: [{uri: "sip:127.0.0.1:5061"}]}
  - {name: carrier, gateways: [{uri: "sip:127.0.0.2:5062"}]}
routes:
  - {name: everything, targets: [{trunk: carrier}]}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	snapshot, faults := policy.Compile(set)
	if len(faults) > 0 {
		fmt.Println(faults)
		return
	}
	plan, err := snapshot.Plan(policy.Query{
		Source: policy.Source{Addr: netip.MustParseAddrPort("127.0.0.1:5061")},
		Caller: "1000",
		Called: "+33-1-23",
	})
	fmt.Println(plan.Route, plan.Targets[0].Gateway, err)
	// Output: everything sip:127.0.0.2:5062 <nil>
}

// Every fault of a set is told at once.
func ExampleCompile() {
	_, faults := policy.Compile(policy.Set{
		Trunks: []policy.Trunk{{Name: "pbx", Network: "default", Media: "both", EarlyDialogs: "single", InDialogSource: "any", MTU: "off"}},
		Routes: []policy.Route{{Name: "all", Targets: []policy.RouteTarget{{Trunk: "carrier", Weight: 1}}}},
	})
	for _, f := range faults {
		fmt.Println(f)
	}
	// Output:
	// trunk "pbx": media "both": must be one of relay, bypass
	// trunk "pbx": ring_timeout "0s": must be from 1s to 600s
	// route "all": targets[0].trunk "carrier": no trunk has this name
}

// Explain says what won, and why the rest did not.
func ExampleSnapshot_Explain() {
	in, out := policy.NewTrunk("pbx"), policy.NewTrunk("carrier")
	in.Sources = []string{"10.0.0.0/8"}
	in.Gateways = []policy.Gateway{policy.NewGateway("sip:10.0.0.1")}
	out.Gateways = []policy.Gateway{policy.NewGateway("sip:192.0.2.1")}
	france, rest := policy.NewRoute("france"), policy.NewRoute("rest")
	france.Match.CalledPrefix = "33"
	france.Targets = []policy.RouteTarget{policy.NewRouteTarget("carrier")}
	rest.Targets = []policy.RouteTarget{policy.NewRouteTarget("pbx")}
	snapshot, _ := policy.Compile(policy.Set{Trunks: []policy.Trunk{in, out}, Routes: []policy.Route{france, rest}})

	e := snapshot.Explain(policy.Query{InboundTrunk: "pbx", Caller: "1000", Called: "+33123456789"})
	fmt.Println(e.Refusal.SIPStatus, e.Refusal.Reason)
	for _, c := range e.Candidates {
		fmt.Printf("%s %s %s: %s\n", c.Kind, c.Name, c.Outcome, c.Reason)
	}
	// Output:
	// 482 route "rest" leads only back to trunk "pbx", where the call came from
	// source pbx chosen: the query names it
	// route rest chosen: the best match
	// route france skipped: the called number has a leading + and the prefix has none
	// target pbx skipped: the call came from this trunk; a route sends it back only when its match names this inbound trunk
}

// A patch changes the fields it names and no other.
func ExampleTrunk_UnmarshalJSON() {
	trunk := policy.NewTrunk("carrier")
	trunk.Limits.MaxCalls = 100
	if err := json.Unmarshal([]byte(`{"ring_timeout": "30s", "limits": {"max_cps": 10}}`), &trunk); err != nil {
		fmt.Println(err)
	}
	fmt.Println(trunk.RingTimeout, trunk.Limits, trunk.Media)
	// Output: 30s {100 10} relay
}
