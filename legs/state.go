package legs

import "fmt"

// State is the life of one leg, from its INVITE to the last final response.
// It follows RFC 3261 §12 (early and confirmed dialogs) and splits "2xx on
// the wire" from "ACK seen", because each half has its own timer.
//
// A State says nothing about the call: a leg may be Confirmed while its
// bridge is still looking for somebody to talk to.
type State uint8

// The states of a leg, and of a re-INVITE, which goes through some of the same.
const (
	Trying        State = iota // INVITE received or sent, no provisional response yet
	Early                      // a provisional response has gone by
	CancelPending              // outbound: hung up before any 1xx; CANCEL must wait (RFC 3261 §9.1)
	Cancelling                 // outbound: CANCEL sent, its INVITE has no final response yet
	Answered                   // 2xx on the wire, ACK outstanding (RFC 3261 §13.3.1.4)
	Closing                    // inbound: hung up before the ACK; BYE must wait for it (RFC 3261 §15)
	Confirmed                  // ACK received or sent
	Terminating                // BYE sent, its outcome outstanding
	Terminated                 // final
	Idle                       // re-INVITE: there is none
	Waiting                    // re-INVITE: ours may not leave yet (RFC 3261 §14.1)
	Refusing                   // re-INVITE: the peer's is refused, ACK outstanding
	numStates
)

var stateNames = [numStates]string{
	"trying", "early", "cancel_pending", "cancelling", "answered", "closing", "confirmed", "terminating", "terminated",
	"idle", "waiting", "refusing",
}

func (s State) String() string {
	if s < numStates {
		return stateNames[s]
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// An Input is anything that can move a State: a message, a timer, a command.
type Input uint8

// The inputs of a leg.
const (
	InProgress Input = iota // 1xx to the INVITE, sent or received
	InAnswer                // 2xx to the INVITE
	InRefuse                // 300-699 to the INVITE, or no response at all
	InAck                   // ACK to the 2xx, received or sent
	InCancel                // inbound: the peer's CANCEL
	InHangup                // we want the leg to end
	InBye                   // the peer's BYE
	InAckLost               // no ACK in 64*T1
	InRangOut               // timer C (RFC 3261 §16.8)
	InGone                  // our BYE has a final response, or never will
	InLost                  // 408, 481 or no response at all to a re-INVITE (RFC 3261 §12.2.1.2)
	InInvite                // the peer's re-INVITE
	InReoffer               // we want to send a re-INVITE
	InTurn                  // nothing holds it up any more
	InPending               // 491 to it
	numInputs
)

var inputNames = [numInputs]string{
	"progress", "answer", "refuse", "ack", "cancel", "hangup", "bye", "ack_lost", "rang_out", "gone", "lost",
	"invite", "reoffer", "turn", "pending",
}

func (i Input) String() string {
	if i < numInputs {
		return inputNames[i]
	}
	return fmt.Sprintf("input(%d)", uint8(i))
}

// A move is where an edge leads, and what is done on the way: requests and
// statuses on the wire, events to the bridge. The machines' code does it; their
// tests compare. The zero move is none.
type move struct {
	to   State
	does string
}

// A table is one machine: an absent edge is refused and changes nothing.
type table [numStates][numInputs]move

// inboundEdges is the UAS side. While ringing, hanging up is refusing.
var inboundEdges = table{
	Trying: {
		InProgress: {Early, "180"},
		InAnswer:   {Answered, "200"},
		InRefuse:   {Terminated, "480, ended"},
		InCancel:   {Terminated, "200 to CANCEL, 487, cancelled, ended"}, // RFC 3261 §9.2
	},
	Early: {
		InProgress: {Early, "180"},
		InAnswer:   {Answered, "200"},
		InRefuse:   {Terminated, "480, ended"},
		InCancel:   {Terminated, "200 to CANCEL, 487, cancelled, ended"},
		InBye:      {Terminated, "200 to BYE, 487, cancelled, ended"}, // a caller may end an early dialog with BYE, RFC 3261 §15
	},
	Answered: {
		InAck:     {Confirmed, "acked"},
		InBye:     {Terminated, "200 to BYE, bye, ended"}, // it overtook the ACK
		InHangup:  {Closing, ""},
		InAckLost: {Terminating, "ack_lost, BYE"}, // RFC 3261 §13.3.1.4
	},
	Closing: {
		InAck:     {Terminating, "BYE"},
		InAckLost: {Terminating, "BYE"},
		InBye:     {Terminated, "200 to BYE, ended"},
	},
	Confirmed: {
		InAck:     {Confirmed, ""}, // again
		InBye:     {Terminated, "200 to BYE, bye, ended"},
		InHangup:  {Terminating, "BYE"},
		InAckLost: {Terminating, "ack_lost, BYE"}, // of a re-INVITE
		InLost:    {Terminating, "lost, BYE"},
	},
	Terminating: {
		InAck:  {Terminating, ""},
		InBye:  {Terminating, "200 to BYE"}, // BYE crossed BYE
		InGone: {Terminated, "ended"},
	},
}

// outboundEdges is the UAC side. Further 2xx of the INVITE move nothing: the
// same tag is acknowledged again, another one acknowledged and ended.
var outboundEdges = table{
	Trying: {
		InProgress: {Early, "progress"},
		InAnswer:   {Answered, "accepted"},
		InRefuse:   {Terminated, "refused, ended"},
		InHangup:   {CancelPending, ""},
	},
	Early: {
		InProgress: {Early, "progress"},
		InAnswer:   {Answered, "accepted"},
		InRefuse:   {Terminated, "refused, ended"},
		InHangup:   {Cancelling, "CANCEL"},
		InRangOut:  {Cancelling, "refused, CANCEL"},
	},
	CancelPending: {
		InProgress: {Cancelling, "CANCEL"}, // now it may leave
		InAnswer:   {Terminating, "ACK, BYE"},
		InRefuse:   {Terminated, "ended"},
	},
	Cancelling: {
		InProgress: {Cancelling, ""},
		InAnswer:   {Terminating, "ACK, BYE"}, // it crossed our CANCEL
		InRefuse:   {Terminated, "ended"},     // 487, or nothing for 64*T1 (RFC 3261 §9.1)
	},
	Answered: {
		InAck:    {Confirmed, "ACK"},
		InHangup: {Terminating, "ACK, BYE"},
		InBye:    {Terminated, "200 to BYE, ACK, bye, ended"},
	},
	Confirmed: {
		InHangup:  {Terminating, "BYE"},
		InBye:     {Terminated, "200 to BYE, bye, ended"},
		InAckLost: {Terminating, "ack_lost, BYE"}, // of a re-INVITE
		InLost:    {Terminating, "lost, BYE"},
	},
	Terminating: {
		InBye:  {Terminating, "200 to BYE"},
		InGone: {Terminated, "ended"},
	},
}

// askedEdges is a re-INVITE of the peer's. A further one shows that the peer has
// the 2xx to the last, or the refusal, as well as its ACK would.
var askedEdges = table{
	Idle: {
		InInvite: {Trying, "100 to INVITE, reoffered"},
	},
	Trying: {
		InInvite: {Trying, "500 to INVITE"}, // RFC 3261 §14.2
		InAnswer: {Answered, "200"},
		InRefuse: {Refusing, "488"},
		InCancel: {Refusing, "200 to CANCEL, 487, withdrawn"},
		InHangup: {Refusing, "487"}, // RFC 3261 §15.1.2
	},
	Answered: {
		InAck:     {Idle, "acked"},
		InInvite:  {Trying, "acked, 100 to INVITE, reoffered"},
		InAckLost: {Idle, "ack_lost, BYE"},
		InHangup:  {Idle, ""},
	},
	Refusing: {
		InAck:    {Idle, ""}, // or no ACK in 64*T1
		InInvite: {Trying, "100 to INVITE, reoffered"},
		InHangup: {Idle, ""},
	},
}

// askingEdges is a re-INVITE of ours.
var askingEdges = table{
	Idle: {
		InReoffer: {Waiting, ""},
	},
	Waiting: {
		InTurn:   {Trying, "INVITE"},
		InInvite: {Idle, "rerefused"}, // the peer's comes first
		InCancel: {Idle, "rerefused"},
		InHangup: {Idle, ""},
	},
	Trying: {
		InProgress: {Early, ""},
		InAnswer:   {Answered, "reanswered"},
		InRefuse:   {Idle, "rerefused"},
		InPending:  {Waiting, ""}, // RFC 3261 §14.1
		InLost:     {Idle, "lost, BYE"},
		InInvite:   {Trying, "491 to INVITE"}, // RFC 3261 §14.2
		InCancel:   {CancelPending, ""},
		InHangup:   {Terminating, ""},
	},
	Early: {
		InProgress: {Early, ""},
		InAnswer:   {Answered, "reanswered"},
		InRefuse:   {Idle, "rerefused"},
		InPending:  {Waiting, ""},
		InLost:     {Idle, "lost, BYE"},
		InInvite:   {Early, "491 to INVITE"},
		InCancel:   {Cancelling, "CANCEL"},
		InRangOut:  {Cancelling, "CANCEL"},
		InHangup:   {Terminating, ""},
	},
	CancelPending: {
		InProgress: {Cancelling, "CANCEL"},
		InAnswer:   {Answered, "reanswered"},
		InRefuse:   {Idle, "rerefused"},
		InPending:  {Idle, "rerefused"},
		InLost:     {Idle, "lost, BYE"},
		InInvite:   {CancelPending, "491 to INVITE"},
		InHangup:   {Terminating, ""},
	},
	Cancelling: {
		InProgress: {Cancelling, ""},
		InAnswer:   {Answered, "reanswered"}, // it crossed our CANCEL
		InRefuse:   {Idle, "rerefused"},
		InPending:  {Idle, "rerefused"},
		InLost:     {Idle, "lost, BYE"},
		InInvite:   {Cancelling, "491 to INVITE"},
		InHangup:   {Terminating, ""},
	},
	Answered: {
		InAck:    {Idle, "ACK"},
		InInvite: {Answered, "491 to INVITE"},
		InHangup: {Idle, "ACK"},
	},
	// The leg has ended meanwhile; a 2xx is acknowledged all the same.
	Terminating: {
		InAnswer:  {Idle, "ACK"},
		InRefuse:  {Idle, ""},
		InPending: {Idle, ""},
		InLost:    {Idle, ""},
		InRangOut: {Terminating, "CANCEL"},
	},
}

func (t *table) next(s State, in Input) (State, bool) {
	m := &t[s][in]
	return m.to, *m != move{}
}

// Live reports whether the leg still owes the network something.
func (s State) Live() bool { return s != Terminated }

// A Machine is one state table, for the documentation.
type Machine struct {
	Name   string
	States []string
	Edges  []Edge
}

// An Edge is one transition of a Machine.
type Edge struct{ From, Input, To, Actions string }

// Machines returns the state tables of this package.
func Machines() []Machine {
	return []Machine{
		inboundEdges.machine("inbound leg"), outboundEdges.machine("outbound leg"),
		askedEdges.machine("re-INVITE of the peer's"), askingEdges.machine("re-INVITE of ours"),
	}
}

func (t *table) machine(name string) Machine {
	m := Machine{Name: name}
	seen := map[State]bool{}
	for s := range numStates {
		for in := range numInputs {
			if e := t[s][in]; e != (move{}) {
				seen[s], seen[e.to] = true, true
				m.Edges = append(m.Edges, Edge{From: s.String(), Input: in.String(), To: e.to.String(), Actions: e.does})
			}
		}
	}
	if seen[Idle] { // where a re-INVITE begins
		m.States = append(m.States, Idle.String())
	}
	for s := range numStates {
		if seen[s] && s != Idle {
			m.States = append(m.States, s.String())
		}
	}
	return m
}
