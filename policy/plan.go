package policy

import (
	"fmt"
	"net/netip"
	"time"
)

// A Source is where a request came from, as the listener saw it.
type Source struct {
	Addr       netip.AddrPort // the peer's address
	Listener   string         // URL of our listener
	Network    string         // network the listener belongs to; empty means "default"
	Transport  string         // udp, tcp, tls, ws, wss
	TLSSubject string         // the client certificate's subject; empty when there is none
}

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
	RefusedSource = "unknown_source" // no trunk calls from there
	RefusedRoute  = "no_route"       // no route matches
	RefusedTarget = "no_target"      // the route that won has no target in service
	RefusedLoop   = "loop"           // the route that won leads only back to the trunk the call came from
)

// A Refusal is the answer to a call that policy gives no plan.
type Refusal struct {
	Status int    // SIP status for the caller, RFC 3261 §21
	Code   string // one of the Refused… constants
	Reason string // one sentence for logs and explain; not sent to the peer
}

// Error returns the refusal as one line.
func (r *Refusal) Error() string { return fmt.Sprintf("%d %s: %s", r.Status, r.Code, r.Reason) }

// Plan decides which targets to try for a call. The error is always a
// [*Refusal].
func (s *Snapshot) Plan(q Query) (Plan, error) {
	return Plan{}, &Refusal{Status: 404, Code: RefusedRoute, Reason: "no route"}
}
