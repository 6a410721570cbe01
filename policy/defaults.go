package policy

import "time"

// The values a field has when nobody gives it one.
const (
	DefaultNetwork        = "default"
	DefaultRoutePriority  = 100
	DefaultRingTimeout    = Duration(60 * time.Second)
	DefaultMTU            = "1300" // RFC 3261 §18.1.1
	DefaultMedia          = MediaRelay
	DefaultEarlyDialogs   = EarlyPerAnswer
	DefaultInDialogSource = SourceTrunk
)

// Values of Trunk.Media. A call is bypassed only when both trunks say so.
const (
	MediaRelay  = "relay"
	MediaBypass = "bypass"
)

// Values of Trunk.EarlyDialogs.
const (
	EarlyPerAnswer = "per_answer" // a new To-tag for every answer the caller has not seen
	EarlySingle    = "single"     // only the first early SDP is shown
)

// Values of Trunk.InDialogSource: who may send requests inside a dialog.
const (
	SourceTrunk = "trunk" // the dialog's flow, the trunk's sources or its gateways
	SourceFlow  = "flow"  // the dialog's flow only
	SourceAny   = "any"   // whoever knows the dialog's ids
)

// DefaultHuntOn returns the reasons to try the next target when a trunk names
// none: what speaks of the far machine, not of the called party.
func DefaultHuntOn() []string {
	return []string{"408", "480", "500", "502", "503", "504", HuntTransport, HuntTimeout}
}

// NewAccount returns an enabled account.
func NewAccount(name string) Account { return Account{Name: name, Enabled: true} }

// NewTrunk returns an enabled trunk with every default and neither sources
// nor gateways.
func NewTrunk(name string) Trunk {
	return Trunk{
		Name:           name,
		Enabled:        true,
		Network:        DefaultNetwork,
		Sources:        []string{},
		Gateways:       []Gateway{},
		Media:          DefaultMedia,
		HuntOn:         DefaultHuntOn(),
		RingTimeout:    DefaultRingTimeout,
		EarlyDialogs:   DefaultEarlyDialogs,
		InDialogSource: DefaultInDialogSource,
		MTU:            DefaultMTU,
		HeaderPolicy:   HeaderPolicy{Pass: []string{}, Remove: []string{}},
	}
}

// NewGateway returns an enabled gateway of priority 1 and weight 1.
func NewGateway(uri string) Gateway {
	return Gateway{URI: uri, Priority: 1, Weight: 1, Enabled: true}
}

// NewRoute returns an enabled route that matches every call and has no
// target yet.
func NewRoute(name string) Route {
	return Route{Name: name, Enabled: true, Priority: DefaultRoutePriority, Targets: []RouteTarget{}}
}

// NewRouteTarget returns a target of weight 1.
func NewRouteTarget(trunk string) RouteTarget { return RouteTarget{Trunk: trunk, Weight: 1} }
