// Package policy decides where a call goes. It compiles accounts, trunks and
// routes into an immutable snapshot and answers, without I/O, who is calling
// and which targets to try.
//
//	a document   document.go → decode.go → a [Set], with its defaults
//	a set        check.go, trunkcheck.go → snapshot.go: [Compile], or every fault
//	a call       identify.go: who calls; decide.go: which targets; trace.go: why
//	a change     collection.go, service.go → [Store] → [Compile] → [Engine] → file.go
//
// All but the last line is pure.
package policy

import (
	"time"
)

// A Set is the whole policy as one document: what is stored, exported,
// imported and compiled.
type Set struct {
	Revision int64     `json:"revision" yaml:"revision" doc:"Grows by one with every change"`
	Accounts []Account `json:"accounts" yaml:"accounts" nullable:"false"`
	Trunks   []Trunk   `json:"trunks" yaml:"trunks" nullable:"false"`
	Routes   []Route   `json:"routes" yaml:"routes" nullable:"false"`
}

// An Account is who pays us or is paid by us.
type Account struct {
	AccountID string    `json:"account_id" yaml:"account_id,omitempty"`
	Name      string    `json:"name" yaml:"name"`
	Enabled   bool      `json:"enabled" yaml:"enabled" doc:"When not, none of its trunks is recognised or sent calls"`
	CreatedAt time.Time `json:"created_at" yaml:"-"`
	UpdatedAt time.Time `json:"updated_at" yaml:"-"`
}

// A Trunk is the SIP peering with one party, both ways: how it is recognised
// when it calls us and its gateways when we call it.
type Trunk struct {
	TrunkID        string       `json:"trunk_id" yaml:"trunk_id,omitempty"`
	Name           string       `json:"name" yaml:"name"`
	Account        string       `json:"account" yaml:"account,omitempty" doc:"Name of its account; empty means none"`
	Enabled        bool         `json:"enabled" yaml:"enabled"`
	Network        string       `json:"network" yaml:"network"`
	Sources        []string     `json:"sources" yaml:"sources" nullable:"false" doc:"IP prefixes it calls from; none means its gateways' IP addresses, which rank below any declared source"`
	Gateways       []Gateway    `json:"gateways" yaml:"gateways" nullable:"false"`
	Media          string       `json:"media" yaml:"media" enum:"relay,bypass" doc:"A call is bypassed only when both trunks say so"`
	HuntOn         []string     `json:"hunt_on" yaml:"hunt_on" nullable:"false" doc:"Statuses 400-699, transport, timeout"`
	RingTimeout    Duration     `json:"ring_timeout" yaml:"ring_timeout"`
	EarlyDialogs   string       `json:"early_dialogs" yaml:"early_dialogs" enum:"per_answer,single"`
	InDialogSource string       `json:"in_dialog_source" yaml:"in_dialog_source" enum:"trunk,flow,any"`
	MTU            string       `json:"mtu" yaml:"mtu" doc:"Octets above which a request goes by TCP, when the network has a TCP listener and the peer takes the connection; or off"`
	HeaderPolicy   HeaderPolicy `json:"header_policy" yaml:"header_policy"`
	Limits         Limits       `json:"limits" yaml:"limits"`
	CreatedAt      time.Time    `json:"created_at" yaml:"-"`
	UpdatedAt      time.Time    `json:"updated_at" yaml:"-"`
}

// A Gateway is one address of a trunk.
type Gateway struct {
	URI      string `json:"uri" yaml:"uri"`
	Priority int    `json:"priority" yaml:"priority" doc:"Lower first"`
	Weight   int    `json:"weight" yaml:"weight" doc:"Share among equal priorities"`
	Enabled  bool   `json:"enabled" yaml:"enabled"`
}

// HeaderPolicy says which headers cross from this trunk's leg to the other
// and back, beyond the default.
type HeaderPolicy struct {
	Trusted bool     `json:"trusted" yaml:"trusted" doc:"Asserted identity and Diversion pass to and from this trunk"`
	Pass    []string `json:"pass" yaml:"pass,omitempty" nullable:"false" doc:"Further header names that pass to this trunk"`
	Remove  []string `json:"remove" yaml:"remove,omitempty" nullable:"false" doc:"Header names that never reach this trunk"`
}

// Limits bound a trunk's calls. Zero means no limit.
type Limits struct {
	MaxCalls int `json:"max_calls" yaml:"max_calls"`
	MaxCPS   int `json:"max_cps" yaml:"max_cps"`
}

// A Route is a rule: match, then ordered targets.
type Route struct {
	RouteID   string        `json:"route_id" yaml:"route_id,omitempty"`
	Name      string        `json:"name" yaml:"name"`
	Enabled   bool          `json:"enabled" yaml:"enabled"`
	Priority  int           `json:"priority" yaml:"priority" doc:"Lower first among equal matches"`
	Match     Match         `json:"match" yaml:"match"`
	Targets   []RouteTarget `json:"targets" yaml:"targets" nullable:"false"`
	CreatedAt time.Time     `json:"created_at" yaml:"-"`
	UpdatedAt time.Time     `json:"updated_at" yaml:"-"`
}

// Match is what a route asks of a call. Empty fields match everything.
type Match struct {
	CalledPrefix string `json:"called_prefix" yaml:"called_prefix"`
	CallerPrefix string `json:"caller_prefix" yaml:"caller_prefix"`
	InboundTrunk string `json:"inbound_trunk" yaml:"inbound_trunk" doc:"Name of a trunk"`
}

// A RouteTarget is a trunk that a route sends calls to.
type RouteTarget struct {
	Trunk  string `json:"trunk" yaml:"trunk"`
	Weight int    `json:"weight" yaml:"weight"`
}
