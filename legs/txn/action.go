package txn

import (
	"strings"
	"time"
)

// Action is a set of things the owner of a transaction has to do, in the order
// of the constants. The zero Action is nothing: the input was absorbed, was not
// legal in this state, or a timer was not due.
type Action uint8

// The actions.
const (
	// SendStored: send the stored bytes, [Client.Request] or [Server.Response].
	SendStored Action = 1 << iota

	// SendAck: send [Client.Ack], the ACK to a 300-699. When it is not there
	// yet, build it from the response in hand and give it to [Client.SetAck].
	SendAck

	// Deliver: pass the message in hand up. For [NewServer] that is the request.
	Deliver

	// Cancel: timer C ran out after a provisional response. Send a CANCEL
	// (RFC 3261 §16.8); a final response is awaited for another 64*T1.
	Cancel

	// Timeout: the peer never answered. For a client that is a 408 to the owner
	// (timers B and F, or 64*T1 after a CANCEL), for a server the ACK that never
	// came (timer H).
	Timeout

	// TransportFailed: what was sent cannot be delivered. For a client that is a
	// 503 to the owner (RFC 3261 §8.1.3.1), and the end of the transaction; a
	// server stays where it is (RFC 6026 §7.1).
	TransportFailed

	// Done: the transaction has ended; forget it. It never
	// sends, delivers or wakes again.
	Done

	// restart starts the state's timer anew on an edge that stays in the state.
	// It never leaves this package.
	restart
)

var actionNames = []string{
	"send stored", "send ACK", "deliver", "cancel", "time-out", "transport failed", "done", "restart timer",
}

// Has reports whether a has all of b.
func (a Action) Has(b Action) bool { return a&b == b }

// String returns the actions in order, joined by commas.
func (a Action) String() string {
	var names []string
	for i, name := range actionNames {
		if a&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// Result is what follows from one input.
type Result struct {
	Do Action

	// Wake is when to call Fire next, replacing any earlier Wake of the same
	// transaction; zero is never. It is set on every Result, whether or not the
	// input moved it. A call of Fire before its time does nothing.
	Wake time.Time
}
