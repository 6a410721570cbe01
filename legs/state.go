package legs

import "fmt"

// State is the life of one leg, from its INVITE to the last final response.
// It follows RFC 3261 §12 (early and confirmed dialogs) and splits "2xx on
// the wire" from "ACK seen", because each half has its own timer.
//
// A State says nothing about the call: a leg may be Confirmed while its
// bridge is still looking for somebody to talk to.
type State uint8

// The states of a leg.
const (
	Trying        State = iota // INVITE received or sent, no provisional response with a tag
	Early                      // a provisional response has gone by
	CancelPending              // outbound: hung up before any 1xx; CANCEL must wait (RFC 3261 §9.1)
	Cancelling                 // outbound: CANCEL sent, its INVITE has no final response yet
	Answered                   // 2xx on the wire, ACK outstanding (RFC 3261 §13.3.1.4)
	Closing                    // inbound: hung up before the ACK; BYE must wait for it (RFC 3261 §15)
	Confirmed                  // ACK received or sent
	Terminating                // BYE sent, its outcome outstanding
	Terminated                 // final
	numStates
)

var stateNames = [numStates]string{"trying", "early", "cancel_pending", "cancelling", "answered", "closing", "confirmed", "terminating", "terminated"}

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
	InAck                   // ACK to the 2xx
	InCancel                // inbound: the peer's CANCEL
	InHangup                // we want the leg to end
	InBye                   // the peer's BYE
	InAckLost               // inbound: no ACK in 64*T1
	InGone                  // the last thing we waited for came, or never will
	numInputs
)

var inputNames = [numInputs]string{"progress", "answer", "refuse", "ack", "cancel", "hangup", "bye", "ack_lost", "gone"}

func (i Input) String() string {
	if i < numInputs {
		return inputNames[i]
	}
	return fmt.Sprintf("input(%d)", uint8(i))
}

type edge struct {
	from State
	on   Input
}

// A table is one machine: an absent edge is refused and changes nothing.
type table map[edge]State

// inboundEdges is the UAS side.
var inboundEdges = table{
	{Trying, InProgress}: Early,
	{Trying, InAnswer}:   Answered,
	{Trying, InRefuse}:   Terminated,
	{Trying, InCancel}:   Terminated, // 487, RFC 3261 §9.2

	{Early, InProgress}: Early,
	{Early, InAnswer}:   Answered,
	{Early, InRefuse}:   Terminated,
	{Early, InCancel}:   Terminated,
	{Early, InBye}:      Terminated, // a caller may end an early dialog with BYE, RFC 3261 §15

	{Answered, InAck}:     Confirmed,
	{Answered, InBye}:     Terminated, // BYE overtook the ACK
	{Answered, InHangup}:  Closing,
	{Answered, InAckLost}: Terminating, // RFC 3261 §13.3.1.4: BYE

	{Closing, InAck}:     Terminating,
	{Closing, InAckLost}: Terminating,
	{Closing, InBye}:     Terminated,

	{Confirmed, InAck}:    Confirmed, // retransmission
	{Confirmed, InBye}:    Terminated,
	{Confirmed, InHangup}: Terminating,

	{Terminating, InAck}:  Terminating,
	{Terminating, InBye}:  Terminating, // BYE crossed BYE
	{Terminating, InGone}: Terminated,
}

// outboundEdges is the UAC side.
var outboundEdges = table{
	{Trying, InProgress}: Early,
	{Trying, InAnswer}:   Answered,
	{Trying, InRefuse}:   Terminated,
	{Trying, InHangup}:   CancelPending,

	{Early, InProgress}: Early,
	{Early, InAnswer}:   Answered,
	{Early, InRefuse}:   Terminated,
	{Early, InHangup}:   Cancelling,

	{CancelPending, InProgress}: Cancelling, // now CANCEL may leave
	{CancelPending, InAnswer}:   Terminating,
	{CancelPending, InRefuse}:   Terminated,

	{Cancelling, InProgress}: Cancelling,
	{Cancelling, InAnswer}:   Terminating, // 2xx crossed our CANCEL: ACK, then BYE
	{Cancelling, InRefuse}:   Terminated,  // 487, or nothing for 64*T1 (RFC 3261 §9.1)

	{Answered, InAck}:    Confirmed,
	{Answered, InHangup}: Terminating, // ACK, then BYE
	{Answered, InBye}:    Terminated,

	{Confirmed, InHangup}: Terminating,
	{Confirmed, InBye}:    Terminated,

	{Terminating, InBye}:  Terminating,
	{Terminating, InGone}: Terminated,
}

func (t table) next(s State, in Input) (State, bool) {
	to, ok := t[edge{s, in}]
	return to, ok
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
	return []Machine{inboundEdges.machine("inbound leg"), outboundEdges.machine("outbound leg")}
}

func (t table) machine(name string) Machine {
	m := Machine{Name: name}
	for s := range numStates {
		used := false
		for in := range numInputs {
			to, ok := t.next(s, in)
			if ok {
				used = true
				m.Edges = append(m.Edges, Edge{From: s.String(), Input: in.String(), To: to.String()})
			}
		}
		if used || s == Terminated {
			m.States = append(m.States, s.String())
		}
	}
	return m
}
