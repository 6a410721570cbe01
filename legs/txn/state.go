package txn

import (
	"errors"
	"slices"
)

// Kind tells the INVITE machines from the others.
type Kind uint8

// The two kinds of transaction. The zero Kind is neither.
const (
	Invite    Kind = iota + 1 // RFC 3261 §17.1.1 and §17.2.1
	NonInvite                 // RFC 3261 §17.1.2 and §17.2.2
)

// KindOf returns the kind of transaction a request with this method starts.
// ACK starts none; it counts as NonInvite here.
func KindOf(method string) Kind {
	if method == "INVITE" {
		return Invite
	}
	return NonInvite
}

var kindNames = []string{"", "invite", "non_invite"}

// String returns invite or non_invite, the form used in JSON.
func (k Kind) String() string { return nameOf(kindNames, int(k)) }

// MarshalText implements [encoding.TextMarshaler]; see [Kind.String].
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (k *Kind) UnmarshalText(text []byte) error {
	i := slices.Index(kindNames, string(text))
	if i < 0 {
		return errors.New("txn: no such kind of transaction: " + string(text))
	}
	*k = Kind(i)
	return nil
}

// State is the state of a transaction, named as in the figures of RFC 3261 §17
// and RFC 6026 §7. No machine has all of them. The zero State is no state: a
// zero [Client] or [Server] ignores every input.
type State uint8

// The states.
const (
	Calling    State = iota + 1 // INVITE client: sent, nothing heard yet
	Trying                      // other client or server: nothing but the request yet
	Proceeding                  // a provisional response was heard, or may be sent
	Cancelling                  // INVITE client: a CANCEL went out, the final response is awaited for 64*T1, RFC 3261 §9.1
	Accepted                    // INVITE: 2xx; the transaction only keeps its place, RFC 6026
	Completed                   // final response; INVITE: 300-699
	Confirmed                   // INVITE server: the ACK to a 300-699 arrived
	Terminated                  // nothing is sent, delivered or awaited any more
	numStates
)

var stateNames = []string{
	"", "calling", "trying", "proceeding", "cancelling", "accepted", "completed", "confirmed", "terminated",
}

// String returns the state's name in lower case, the form used in JSON.
func (s State) String() string { return nameOf(stateNames, int(s)) }

// MarshalText implements [encoding.TextMarshaler]; see [State.String].
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *State) UnmarshalText(text []byte) error {
	i := slices.Index(stateNames, string(text))
	if i < 0 {
		return errors.New("txn: no such state: " + string(text))
	}
	*s = State(i)
	return nil
}

func nameOf(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return "?"
}
