package txn

import "time"

// A Client is the transaction of a request we sent. It is not safe for
// concurrent use. The zero Client ignores everything; see [NewClient].
type Client struct {
	Kind     Kind   `json:"kind"`
	State    State  `json:"state"`
	Reliable bool   `json:"reliable,omitempty"` // the transport retransmits by itself
	Method   string `json:"method"`
	Branch   string `json:"branch"` // of our Via: the key of its responses, with Method

	// Request is the request as it went out. It goes away, to give its memory
	// back, as soon as it cannot be needed again: an INVITE at its first
	// response, another request at its final one.
	Request []byte `json:"request,omitempty"`

	// Ack is the ACK to the 300-699 that was received; see [Client.SetAck].
	Ack []byte `json:"ack,omitempty"`

	Clock Clock `json:"clock"`
}

// NewClient starts the transaction of a request and says to send it. The request
// bytes must stay unchanged.
func NewClient(kind Kind, method, branch string, request []byte, reliable bool, now time.Time, t *Timers) (Client, Result) {
	c := Client{
		Kind: kind, Reliable: reliable,
		Method: method, Branch: branch, Request: request,
		Clock: Clock{Timers: t},
	}
	c.machine().begin(&c.State, &c.Clock, reliable, now)
	return c, c.result(SendStored)
}

// Key returns what its responses are found by.
func (c *Client) Key() ClientKey { return ClientKey{Branch: c.Branch, Method: c.Method} }

// Receive takes a response with this status. [Deliver] says to pass it up: every
// provisional response, one final response, and for an INVITE every 2xx that
// arrives within 64*T1 of the first (RFC 6026): a retransmission, or another
// fork, which is the owner's to tell by its To tag.
func (c *Client) Receive(status int, now time.Time) Result {
	switch {
	case status == 100:
		return c.apply(received100, now)
	case status > 100 && status < 200:
		return c.apply(received1xx, now)
	case status >= 200 && status < 300:
		return c.apply(received2xx, now)
	case status >= 300 && status < 700:
		return c.apply(receivedFailure, now)
	default:
		return c.result(0)
	}
}

// SetAck stores the ACK to a 300-699, which the owner builds from the response:
// before Receive, or when a Result says [SendAck] for the first time. The same
// bytes answer every retransmission (RFC 3261 §17.1.1.2).
func (c *Client) SetAck(ack []byte) { c.Ack = ack }

// Cancelled tells an INVITE in [Proceeding] that its owner sent a CANCEL: from
// now on a final response is awaited for 64*T1 only (RFC 3261 §9.1). In any
// other state it does nothing; in [Calling], a CANCEL may not be sent yet.
func (c *Client) Cancelled(now time.Time) Result { return c.apply(cancelled, now) }

// Fail reports that the transport could not send what the last Result said to.
func (c *Client) Fail(now time.Time) Result { return c.apply(transportError, now) }

// Fire runs the timer that is due at now, if one is.
func (c *Client) Fire(now time.Time) Result {
	do := c.machine().fire(&c.State, &c.Clock, c.Reliable, now)
	c.trim(do)
	return c.result(do)
}

func (c *Client) machine() *machine {
	if c.Kind == Invite {
		return &inviteClient
	}
	return &nonInviteClient
}

func (c *Client) apply(in input, now time.Time) Result {
	do := c.machine().apply(&c.State, &c.Clock, c.Reliable, in, now)
	c.trim(do)
	return c.result(do)
}

func (c *Client) result(do Action) Result { return Result{Do: do, Wake: c.Clock.wake()} }

// trim lets go of the bytes that can never be sent again.
func (c *Client) trim(do Action) {
	if !c.machine().resent[c.State] {
		c.Request = nil
	}
	if c.State == Accepted || (c.State == Terminated && !do.Has(SendAck)) {
		c.Ack = nil
	}
}
