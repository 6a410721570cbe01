package policy

import (
	"fmt"
	"time"
)

// A Query is one call to be routed. It is all that a decision depends on
// besides the snapshot: the same Query gives the same Plan.
type Query struct {
	Source       Source
	InboundTrunk string    // from Identify; empty: identify by Source
	Caller       string    // user part of From or of the asserted identity
	Called       string    // user part of the Request-URI
	At           time.Time // when the call arrived
	Random       uint64    // what weights draw from
}

// A Plan is what policy returns for one call: the targets to try in turn,
// never none. It is plain data and shares strings and slices with the
// snapshot: read only.
type Plan struct {
	Revision     int64    `json:"revision" doc:"Of the policy that made it"`
	InboundTrunk string   `json:"inbound_trunk"`
	Route        string   `json:"route" doc:"Name of the route that won"`
	Caller       string   `json:"caller" doc:"Digits as routing used them"`
	Called       string   `json:"called" doc:"Digits as routing used them"`
	Targets      []Target `json:"targets" nullable:"false"`
}

// A Target is one gateway of one trunk and what an attempt needs to know
// about both.
type Target struct {
	Trunk          string       `json:"trunk"`
	Gateway        string       `json:"gateway" doc:"URI, as the trunk spells it"`
	Network        string       `json:"network"`
	Caller         string       `json:"caller" doc:"As it will be sent"`
	Called         string       `json:"called" doc:"As it will be sent"`
	RingTimeout    Duration     `json:"ring_timeout"`
	HuntOn         HuntOn       `json:"hunt_on" nullable:"false"`
	EarlyDialogs   string       `json:"early_dialogs" enum:"per_answer,single"`
	Media          string       `json:"media" enum:"relay,bypass" doc:"What this trunk asks for"`
	InDialogSource string       `json:"in_dialog_source" enum:"trunk,flow,any"`
	MTU            int          `json:"mtu" doc:"Octets above which a request goes by TCP; 0 means never"`
	HeaderPolicy   HeaderPolicy `json:"header_policy"`
	Limits         Limits       `json:"limits"`
}

// Codes of a [Refusal], stable.
const (
	RefusedSource = "unknown_source" // 403: no trunk calls from there
	RefusedRoute  = "no_route"       // 404: no route matches
	RefusedTarget = "no_target"      // 503: the route that won has no target in service
	RefusedLoop   = "loop"           // 482: the route that won leads only back to the trunk the call came from
)

// A Refusal is the answer to a call that policy gives no plan.
type Refusal struct {
	Status int    // SIP status for the caller, RFC 3261 §21
	Code   string // one of the Refused… constants
	Reason string // one sentence for logs and explain; not for the peer
}

// Error returns the refusal as one line.
func (r *Refusal) Error() string { return fmt.Sprintf("%d %s: %s", r.Status, r.Code, r.Reason) }

// Plan decides which targets to try for a call. The error is always a
// [*Refusal].
//
// The caller and the called number are compared without visual separators and
// URI parameters; a leading + is a character like any other.
//
// One route wins: of those enabled that match, the one with the longest
// called prefix, then the longest caller prefix, then one that names the
// inbound trunk, then the lowest priority. Among equals a draw decides, with
// the sum of their targets' weights as shares. Other routes are not tried: a
// call that hunts stays within what its route names, so a fallback is a
// further target, never a broader route that happens to match.
//
// The targets of that route are tried in the order listed. Once any of them
// has a weight other than 1, which is what a target has that says nothing,
// the order is drawn by weight instead: {a}, {b} is first a, then b; {a: 70},
// {b: 30} begins with a in 70 calls of 100; for halves say 50 and 50.
//
// Each target unfolds into the enabled gateways of its trunk, lower priority
// first, among equal priorities in an order drawn by weight. Disabled trunks
// and gateways are passed over.
//
// A call is never sent back to the trunk it came from, unless the route says
// so: its match names that inbound trunk and a target names it again.
func (s *Snapshot) Plan(q Query) (Plan, error) {
	plan, refusal := s.decide(&q, nil)
	if refusal != nil {
		return Plan{}, refusal
	}
	return plan, nil
}
