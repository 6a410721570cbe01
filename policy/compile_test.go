package policy_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"b2bua/policy"
)

func TestCompileAcceptsWhatIsRight(t *testing.T) {
	set := richSet()
	s := compile(t, set)
	if s.Revision() != 42 {
		t.Errorf("revision %d", s.Revision())
	}
	if d := cmp.Diff(set, s.Set()); d != "" {
		t.Error(d)
	}
	compile(t, policy.Set{})
	compile(t, policy.Set{Trunks: []policy.Trunk{policy.NewTrunk("a")}}) // a trunk may be made step by step
}

// The snapshot shares nothing with the set that was compiled, nor with the
// copies it gives away.
func TestSnapshotIsOnItsOwn(t *testing.T) {
	set := policy.Set{
		Trunks: []policy.Trunk{from(trunk("a", "sip:192.0.2.1"), "203.0.113.0/24")},
		Routes: []policy.Route{route("r", "", "a")},
	}
	s := compile(t, set)
	document := func() string {
		data, err := json.Marshal(s.Set())
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	want := document()
	set.Trunks[0].Name, set.Trunks[0].Gateways[0].URI, set.Trunks[0].HuntOn[0] = "b", "sip:x", "600"
	set.Routes[0].Targets[0].Trunk = "b"
	given := s.Set()
	given.Trunks[0].Sources[0], given.Trunks[0].HuntOn[1], given.Routes[0].Name, given.Routes[0].Targets[0].Weight = "x", "x", "x", 9
	if d := cmp.Diff(want, document()); d != "" {
		t.Error(d)
	}
}

// faultySet has something wrong in every field that can be wrong.
func faultySet() policy.Set {
	bad := policy.Trunk{Name: "bad one", Network: "in side", Account: "nobody", MTU: "9"}
	bad.Sources = []string{"10.0.0.1/8", "x", "10.0.0.1", "10.0.0.1/32"}
	bad.Gateways = []policy.Gateway{{URI: "sips:pbx", Priority: -1}, {URI: "sip:pbx", Weight: 1}, {URI: "sip:PBX", Weight: 65536}}
	bad.HuntOn = []string{"399", "503", "503"}
	bad.RingTimeout = policy.Duration(700 * time.Millisecond)
	bad.Limits.MaxCalls = -1
	bad.HeaderPolicy = policy.HeaderPolicy{Pass: []string{"X-A", "via", "a b", "x-A"}, Remove: []string{"x-a"}}
	set := policy.Set{
		Accounts: []policy.Account{{Name: "acme"}, {Name: "acme"}, {Name: "-x", AccountID: "7"}},
		Trunks:   []policy.Trunk{bad, from(trunk("b"), "10.0.0.1")},
		Routes: []policy.Route{
			{Name: "r", Priority: -1, Match: policy.Match{CalledPrefix: "+33-1", CallerPrefix: "a b", InboundTrunk: "c"}},
			{Name: "s", Targets: []policy.RouteTarget{{Trunk: "b", Weight: 0}, {Trunk: "b", Weight: 1}, {Trunk: "gone", Weight: 1}}},
		},
	}
	set.Trunks[1].Network = "in side" // the same source in the same network
	return set
}

// Every fault of a set is told at once, in the order of the set.
func TestCompileTellsEveryFault(t *testing.T) {
	want := []string{
		`account "acme": name "acme": is taken by another account`,
		`account "-x": name "-x": must be 1 to 64 characters, letters, digits, dot, underscore and dash, the first a letter or digit`,
		`account "-x": account_id "7": must be a UUID`,
		`trunk "bad one": name "bad one": must be 1 to 64 characters, letters, digits, dot, underscore and dash, the first a letter or digit`,
		`trunk "bad one": sources[0] "10.0.0.1/8": has bits beyond its length; write 10.0.0.0/8 or a longer prefix`,
		`trunk "bad one": sources[1] "x": must be an IP address or prefix like 192.0.2.0/24 or 2001:db8::/32`,
		`trunk "bad one": sources[3] "10.0.0.1/32": is given twice`,
		`trunk "bad one": gateways[0].priority "-1": must be from 0 to 65535`,
		`trunk "bad one": gateways[0].weight "0": must be from 1 to 65535`,
		`trunk "bad one": gateways[0].uri "sips:pbx": must begin with sip: in this build, not sips`,
		`trunk "bad one": gateways[2].weight "65536": must be from 1 to 65535`,
		`trunk "bad one": gateways[2].uri "sip:PBX": is the same as gateways[1]`,
		`trunk "bad one": account "nobody": no account has this name`,
		`trunk "bad one": network "in side": must be the name of a network`,
		`trunk "bad one": media: must be one of relay, bypass`,
		`trunk "bad one": early_dialogs: must be one of per_answer, single`,
		`trunk "bad one": in_dialog_source: must be one of trunk, flow, any`,
		`trunk "bad one": ring_timeout "700ms": must be from 1s to 600s`,
		`trunk "bad one": mtu "9": must be from 576 to 65507 octets, or off`,
		`trunk "bad one": hunt_on[0] "399": must be a status from 400 to 699, transport or timeout`,
		`trunk "bad one": hunt_on[2] "503": is given twice`,
		`trunk "bad one": limits.max_calls "-1": must be from 0 to 1000000`,
		`trunk "bad one": header_policy.pass[1] "via": is written anew for each leg; no rule can change that`,
		`trunk "bad one": header_policy.pass[2] "a b": must be a header name of at most 64 characters`,
		`trunk "bad one": header_policy.pass[3] "x-A": is given twice`,
		`trunk "bad one": header_policy.remove[0] "x-a": is passed and removed at once`,
		`trunk "b": sources[0] "10.0.0.1": is declared by trunk "bad one" too`,
		`trunk "b": network "in side": must be the name of a network`,
		`route "r": priority "-1": must be from 0 to 65535`,
		`route "r": match.called_prefix "+33-1": must have no visual separators: numbers are compared as +331`,
		`route "r": match.caller_prefix "a b": must be visible ASCII characters of a SIP user, without parameters`,
		`route "r": match.inbound_trunk "c": no trunk has this name`,
		`route "r": targets: must name at least one trunk`,
		`route "s": targets[0].weight "0": must be from 1 to 65535`,
		`route "s": targets[1].trunk "b": is targets[0] already`,
		`route "s": targets[2].trunk "gone": no trunk has this name`,
	}
	snapshot, faults := policy.Compile(faultySet())
	if snapshot != nil {
		t.Error("there is a snapshot as well")
	}
	var got []string
	for _, f := range faults {
		got = append(got, f.String())
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestCompileSingleFaults(t *testing.T) {
	id := "01890a5d-ac96-774b-bcce-b302099a8057"
	for name, tc := range map[string]struct {
		set  policy.Set
		says string
	}{
		"an id for a name":      {policy.Set{Accounts: []policy.Account{{Name: id}}}, "must not look like an id"},
		"an id twice":           {policy.Set{Accounts: []policy.Account{{Name: "a", AccountID: id}, {Name: "b", AccountID: id}}}, "is the id of another account"},
		"no name":               {policy.Set{Trunks: []policy.Trunk{policy.NewTrunk("")}}, "must be 1 to 64"},
		"a long name":           {policy.Set{Trunks: []policy.Trunk{policy.NewTrunk(strings.Repeat("a", 65))}}, "must be 1 to 64"},
		"a mapped source":       {policy.Set{Trunks: []policy.Trunk{from(trunk("a"), "::ffff:10.0.0.0/104")}}, "must be written as IPv4"},
		"a mapped address":      {policy.Set{Trunks: []policy.Trunk{from(trunk("a"), "::ffff:10.0.0.1")}}, "must be"},
		"a zone":                {policy.Set{Trunks: []policy.Trunk{from(trunk("a"), "fe80::1%eth0")}}, "must be an IP address"},
		"a long prefix":         {policy.Set{Trunks: []policy.Trunk{trunk("a")}, Routes: []policy.Route{route("r", strings.Repeat("1", 33), "a")}}, "at most 32"},
		"parameters":            {policy.Set{Trunks: []policy.Trunk{trunk("a")}, Routes: []policy.Route{route("r", "1;x", "a")}}, "without parameters"},
		"many sources":          {policy.Set{Trunks: []policy.Trunk{from(trunk("a"), hosts(1001)...)}}, "must hold at most 1000"},
		"many gateways":         {policy.Set{Trunks: []policy.Trunk{trunk("a", uris(65)...)}}, "must hold at most 64"},
		"many attempts":         {manyAttempts(), "at most 256 gateways in all"},
		"many headers":          {policy.Set{Trunks: []policy.Trunk{withHeaders(65)}}, "must hold at most 64"},
		"the same source twice": {policy.Set{Trunks: []policy.Trunk{from(trunk("a"), "10.0.0.1"), off(from(trunk("b"), "10.0.0.1/32"))}}, `is declared by trunk "a" too`},
	} {
		_, faults := policy.Compile(tc.set)
		if len(faults) == 0 || !strings.Contains(faults[0].String(), tc.says) {
			t.Errorf("%s: %v, want a fault with %q", name, faults, tc.says)
		}
	}
}

func hosts(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))
	}
	return list
}

func uris(n int) (list []string) {
	for _, h := range hosts(n) {
		list = append(list, "sip:"+h)
	}
	return list
}

func withHeaders(n int) policy.Trunk {
	t := policy.NewTrunk("a")
	for i := range n {
		t.HeaderPolicy.Pass = append(t.HeaderPolicy.Pass, fmt.Sprintf("X-%d", i))
	}
	return t
}

func manyAttempts() policy.Set {
	var set policy.Set
	var names []string
	for i := range 5 {
		names = append(names, fmt.Sprintf("t%d", i))
		set.Trunks = append(set.Trunks, trunk(names[i], uris(60)...))
	}
	set.Routes = []policy.Route{route("r", "", names...)}
	return set
}

// The same source in two networks is two sources.
func TestSameSourceInTwoNetworks(t *testing.T) {
	inside, outside := from(trunk("a"), "10.0.0.0/8"), from(trunk("b"), "10.0.0.0/8")
	outside.Network = "outside"
	compile(t, policy.Set{Trunks: []policy.Trunk{inside, outside}})
}

func TestBounds(t *testing.T) {
	set := policy.Set{
		Accounts: []policy.Account{{Name: "a"}, {Name: "b"}},
		Trunks:   []policy.Trunk{from(trunk("a"), hosts(3)...), trunk("b")},
		Routes:   []policy.Route{route("r", "1", "a"), route("s", "2", "b")},
	}
	if _, faults := policy.CompileWithin(set, policy.Bounds{Accounts: 2, Trunks: 2, Routes: 2, Sources: 3, Networks: []string{"default"}}); len(faults) > 0 {
		t.Errorf("within its bounds: %v", faults)
	}
	_, faults := policy.CompileWithin(set, policy.Bounds{Accounts: 1, Trunks: 1, Routes: 1, Sources: 2, Networks: []string{"inside", "outside"}})
	var got []string
	for _, f := range faults {
		got = append(got, f.String())
	}
	want := []string{
		`policy: accounts "2": must hold at most 1`,
		`policy: trunks "2": must hold at most 1`,
		`trunk "a": sources "3": must hold at most 2`,
		`trunk "a": network "default": is not configured; the networks are inside, outside`,
		`trunk "b": network "default": is not configured; the networks are inside, outside`,
		`policy: routes "2": must hold at most 1`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A hopeless document is not answered with a book.
func TestFaultsAreBounded(t *testing.T) {
	set := policy.Set{Accounts: make([]policy.Account, 5000)}
	_, faults := policy.Compile(set)
	if len(faults) != 1001 {
		t.Fatalf("%d faults", len(faults))
	}
	if got, want := faults[1000].String(), "policy: 4000 further faults are not listed"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	long := policy.Set{Accounts: []policy.Account{{Name: strings.Repeat("ü", 1000)}}}
	_, faults = policy.Compile(long)
	if f := faults[0]; len(f.Value) > 110 || !strings.HasSuffix(f.Value, "ü…") {
		t.Errorf("value %q", f.Value)
	}
}

// FuzzCompile: no set panics; what compiles can be asked anything.
func FuzzCompile(f *testing.F) {
	rich, err := json.Marshal(richSet())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(rich, "10.0.0.1:5060", "+33123", "1000", uint64(1))
	f.Add([]byte(`{"trunks":[{"name":"a","sources":["::/0","0.0.0.0/0"],"gateways":[{"uri":"sip:b"}]},{"name":"c","gateways":[{"uri":"sip:d"}]}],
		"routes":[{"name":"r","targets":[{"trunk":"c","weight":2},{"trunk":"a"}]},{"name":"s","targets":[{"trunk":"c"}]}]}`), "[::1]:5060", "", "a;b", uint64(2))
	f.Fuzz(func(t *testing.T, data []byte, src, called, caller string, random uint64) {
		set, err := policy.ParseJSON(data)
		if err != nil {
			return
		}
		s, faults := policy.Compile(set)
		if (s == nil) == (len(faults) == 0) {
			t.Fatal("neither or both of snapshot and faults")
		}
		if s == nil {
			return
		}
		q := policy.Query{Caller: caller, Called: called, Random: random}
		if addr, err := netip.ParseAddrPort(src); err == nil { // without one is a case too
			q.Source.Addr = addr
		}
		_, _ = agree(t, s, q) // it fails the test itself
	})
}
