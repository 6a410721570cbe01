package legs

import (
	"net/netip"

	"b2bua/legs/sipmsg"
	"b2bua/legs/transport"
)

// EventKind says what happened to a leg. Both kinds of leg speak this one
// vocabulary, so that the bridge never sees a SIP message.
type EventKind uint8

// The events of a leg. Of re-INVITEs, what one leg reports the bridge does to the
// other one with the verb of the same name.
const (
	Progress   EventKind = iota + 1 // outbound: 101-199
	Accepted                        // outbound: the first 2xx; the bridge owes an Ack
	Refused                         // outbound: 300-699, or no final response (see Cause)
	Cancelled                       // inbound: CANCEL, or BYE in an early dialog
	Acked                           // the ACK of our 2xx
	Bye                             // the peer hung up
	AckLost                         // our 2xx was never acknowledged; the leg hangs up
	Ended                           // the last event of every leg
	Reoffered                       // the peer's re-INVITE came; the bridge owes Reanswer or Rerefuse
	Withdrawn                       // the peer has cancelled it; nothing is owed any more
	Reanswered                      // 2xx to ours; the bridge owes an Ack
	Rerefused                       // 300-699 to ours, or it could not be sent; nothing has changed
	Lost                            // 408, 481 or nothing to ours; the leg hangs up
)

var eventNames = [...]string{
	"", "progress", "accepted", "refused", "cancelled", "acked", "bye", "ack_lost", "ended",
	"reoffered", "withdrawn", "reanswered", "rerefused", "lost",
}

func (k EventKind) String() string { return eventNames[k] }

// A Cause says how an outbound leg learned that it was refused.
type Cause uint8

// The causes of a refusal.
const (
	ByResponse  Cause = iota // a final response came
	ByTimeout                // nothing came in time (timer B or C)
	ByTransport              // the request could not be sent
)

// An Event goes up to the bridge. Leg is the leg it happened to.
type Event struct {
	Kind        EventKind
	Leg         Leg
	Status      int // Progress, Accepted, Refused, Reanswered, Rerefused, Lost
	Reason      string
	Cause       Cause
	Tag         string          // Progress, Accepted: the peer's tag, one per early dialog
	Headers     []sipmsg.Header // what the header policy may look at
	ContentType string
	Body        []byte
}

// Leg is what both kinds of leg have in common.
type Leg interface {
	// Owner is what the bridge attached.
	Owner() any
	// State is where the leg's INVITE usage stands.
	State() State
	// Hangup ends the leg whatever its state: CANCEL, BYE or a final response.
	// reason is a Reason header value (RFC 3326), empty for none.
	Hangup(reason string)

	// Reoffer sends a re-INVITE, as soon as the last INVITE of either side has its
	// ACK. 491 is tried again a few times (RFC 3261 §14.1). The outcome comes as
	// Reanswered, Rerefused or Lost, unless the leg ends first.
	Reoffer(body Body)
	// Withdraw gives up what Reoffer has begun: CANCEL, as soon as it may be sent.
	// The outcome comes all the same, and may be Reanswered.
	Withdraw()
	// Ack acknowledges the 2xx that Accepted or Reanswered reported.
	Ack(body Body)
	// Reanswer accepts the re-INVITE that Reoffered reported: 200, again and again
	// until the ACK. The peer's Contact is its target from then on.
	Reanswer(body Body)
	// Rerefuse refuses it with a status 300-699: the dialog is as it was (RFC 6141).
	// Headers that cannot be written are left out.
	Rerefuse(status int, headers []sipmsg.Header)
	// Network is the network of the leg's listener.
	Network() string
}

// An Invite is what the bridge may know of a caller's INVITE.
type Invite struct {
	Source      netip.AddrPort
	Listener    transport.Listener
	Trunk       string // who policy says is calling
	RequestURI  string
	URI         sipmsg.URI
	From, To    *sipmsg.Address
	CallID      string
	MaxForwards int // as received; -1 when absent
	Headers     []sipmsg.Header
	ContentType string
	Body        []byte
}

// Header returns the first value of a header, "" when absent.
func (i *Invite) Header(name string) string {
	for _, h := range i.Headers {
		if h.Name == name {
			return h.Value
		}
	}
	return ""
}

// A Body is what a message carries besides headers.
type Body struct {
	Type string // Content-Type; empty means no body
	Data []byte
}
