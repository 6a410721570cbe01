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

type edge struct {
	from State
	on   Input
}

// A move is where an edge leads, and what is done on the way: requests and
// statuses on the wire, events to the bridge. The machines' code does it; their
// tests compare.
type move struct {
	to   State
	does string
}

// A table is one machine: an absent edge is refused and changes nothing.
type table map[edge]move

// inboundEdges is the UAS side. While ringing, hanging up is refusing.
var inboundEdges = table{
	{Trying, InProgress}: {Early, "180"},
	{Trying, InAnswer}:   {Answered, "200"},
	{Trying, InRefuse}:   {Terminated, "480, ended"},
	{Trying, InCancel}:   {Terminated, "200 to CANCEL, 487, cancelled, ended"}, // RFC 3261 §9.2

	{Early, InProgress}: {Early, "180"},
	{Early, InAnswer}:   {Answered, "200"},
	{Early, InRefuse}:   {Terminated, "480, ended"},
	{Early, InCancel}:   {Terminated, "200 to CANCEL, 487, cancelled, ended"},
	{Early, InBye}:      {Terminated, "200 to BYE, 487, cancelled, ended"}, // a caller may end an early dialog with BYE, RFC 3261 §15

	{Answered, InAck}:     {Confirmed, "acked"},
	{Answered, InBye}:     {Terminated, "200 to BYE, bye, ended"}, // it overtook the ACK
	{Answered, InHangup}:  {Closing, ""},
	{Answered, InAckLost}: {Terminating, "ack_lost, BYE"}, // RFC 3261 §13.3.1.4

	{Closing, InAck}:     {Terminating, "BYE"},
	{Closing, InAckLost}: {Terminating, "BYE"},
	{Closing, InBye}:     {Terminated, "200 to BYE, ended"},

	{Confirmed, InAck}:     {Confirmed, ""}, // again
	{Confirmed, InBye}:     {Terminated, "200 to BYE, bye, ended"},
	{Confirmed, InHangup}:  {Terminating, "BYE"},
	{Confirmed, InAckLost}: {Terminating, "ack_lost, BYE"}, // of a re-INVITE
	{Confirmed, InLost}:    {Terminating, "lost, BYE"},

	{Terminating, InAck}:  {Terminating, ""},
	{Terminating, InBye}:  {Terminating, "200 to BYE"}, // BYE crossed BYE
	{Terminating, InGone}: {Terminated, "ended"},
}

// outboundEdges is the UAC side. Further 2xx of the INVITE move nothing: the
// same tag is acknowledged again, another one acknowledged and ended.
var outboundEdges = table{
	{Trying, InProgress}: {Early, "progress"},
	{Trying, InAnswer}:   {Answered, "accepted"},
	{Trying, InRefuse}:   {Terminated, "refused, ended"},
	{Trying, InHangup}:   {CancelPending, ""},

	{Early, InProgress}: {Early, "progress"},
	{Early, InAnswer}:   {Answered, "accepted"},
	{Early, InRefuse}:   {Terminated, "refused, ended"},
	{Early, InHangup}:   {Cancelling, "CANCEL"},
	{Early, InRangOut}:  {Cancelling, "refused, CANCEL"},

	{CancelPending, InProgress}: {Cancelling, "CANCEL"}, // now it may leave
	{CancelPending, InAnswer}:   {Terminating, "ACK, BYE"},
	{CancelPending, InRefuse}:   {Terminated, "ended"},

	{Cancelling, InProgress}: {Cancelling, ""},
	{Cancelling, InAnswer}:   {Terminating, "ACK, BYE"}, // it crossed our CANCEL
	{Cancelling, InRefuse}:   {Terminated, "ended"},     // 487, or nothing for 64*T1 (RFC 3261 §9.1)

	{Answered, InAck}:    {Confirmed, "ACK"},
	{Answered, InHangup}: {Terminating, "ACK, BYE"},
	{Answered, InBye}:    {Terminated, "200 to BYE, ACK, bye, ended"},

	{Confirmed, InHangup}:  {Terminating, "BYE"},
	{Confirmed, InBye}:     {Terminated, "200 to BYE, bye, ended"},
	{Confirmed, InAckLost}: {Terminating, "ack_lost, BYE"}, // of a re-INVITE
	{Confirmed, InLost}:    {Terminating, "lost, BYE"},

	{Terminating, InBye}:  {Terminating, "200 to BYE"},
	{Terminating, InGone}: {Terminated, "ended"},
}

// askedEdges is a re-INVITE of the peer's. A further one shows that the peer has
// the 2xx to the last, or the refusal, as well as its ACK would.
var askedEdges = table{
	{Idle, InInvite}: {Trying, "100 to INVITE, reoffered"},

	{Trying, InInvite}: {Trying, "500 to INVITE"}, // RFC 3261 §14.2
	{Trying, InAnswer}: {Answered, "200"},
	{Trying, InRefuse}: {Refusing, "488"},
	{Trying, InCancel}: {Refusing, "200 to CANCEL, 487, withdrawn"},
	{Trying, InHangup}: {Refusing, "487"}, // RFC 3261 §15.1.2

	{Answered, InAck}:     {Idle, "acked"},
	{Answered, InInvite}:  {Trying, "acked, 100 to INVITE, reoffered"},
	{Answered, InAckLost}: {Idle, "ack_lost, BYE"},
	{Answered, InHangup}:  {Idle, ""},

	{Refusing, InAck}:    {Idle, ""}, // or no ACK in 64*T1
	{Refusing, InInvite}: {Trying, "100 to INVITE, reoffered"},
	{Refusing, InHangup}: {Idle, ""},
}

// askingEdges is a re-INVITE of ours.
var askingEdges = table{
	{Idle, InReoffer}: {Waiting, ""},

	{Waiting, InTurn}:   {Trying, "INVITE"},
	{Waiting, InInvite}: {Idle, "rerefused"}, // the peer's comes first
	{Waiting, InCancel}: {Idle, "rerefused"},
	{Waiting, InHangup}: {Idle, ""},

	{Trying, InProgress}: {Early, ""},
	{Trying, InAnswer}:   {Answered, "reanswered"},
	{Trying, InRefuse}:   {Idle, "rerefused"},
	{Trying, InPending}:  {Waiting, ""}, // RFC 3261 §14.1
	{Trying, InLost}:     {Idle, "lost, BYE"},
	{Trying, InInvite}:   {Trying, "491 to INVITE"}, // RFC 3261 §14.2
	{Trying, InCancel}:   {CancelPending, ""},
	{Trying, InHangup}:   {Terminating, ""},

	{Early, InProgress}: {Early, ""},
	{Early, InAnswer}:   {Answered, "reanswered"},
	{Early, InRefuse}:   {Idle, "rerefused"},
	{Early, InPending}:  {Waiting, ""},
	{Early, InLost}:     {Idle, "lost, BYE"},
	{Early, InInvite}:   {Early, "491 to INVITE"},
	{Early, InCancel}:   {Cancelling, "CANCEL"},
	{Early, InRangOut}:  {Cancelling, "CANCEL"},
	{Early, InHangup}:   {Terminating, ""},

	{CancelPending, InProgress}: {Cancelling, "CANCEL"},
	{CancelPending, InAnswer}:   {Answered, "reanswered"},
	{CancelPending, InRefuse}:   {Idle, "rerefused"},
	{CancelPending, InPending}:  {Idle, "rerefused"},
	{CancelPending, InLost}:     {Idle, "lost, BYE"},
	{CancelPending, InInvite}:   {CancelPending, "491 to INVITE"},
	{CancelPending, InHangup}:   {Terminating, ""},

	{Cancelling, InProgress}: {Cancelling, ""},
	{Cancelling, InAnswer}:   {Answered, "reanswered"}, // it crossed our CANCEL
	{Cancelling, InRefuse}:   {Idle, "rerefused"},
	{Cancelling, InPending}:  {Idle, "rerefused"},
	{Cancelling, InLost}:     {Idle, "lost, BYE"},
	{Cancelling, InInvite}:   {Cancelling, "491 to INVITE"},
	{Cancelling, InHangup}:   {Terminating, ""},

	{Answered, InAck}:    {Idle, "ACK"},
	{Answered, InInvite}: {Answered, "491 to INVITE"},
	{Answered, InHangup}: {Idle, "ACK"},

	// The leg has ended meanwhile; a 2xx is acknowledged all the same.
	{Terminating, InAnswer}:  {Idle, "ACK"},
	{Terminating, InRefuse}:  {Idle, ""},
	{Terminating, InPending}: {Idle, ""},
	{Terminating, InLost}:    {Idle, ""},
	{Terminating, InRangOut}: {Terminating, "CANCEL"},
}

func (t table) next(s State, in Input) (State, bool) {
	m, ok := t[edge{s, in}]
	return m.to, ok
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

func (t table) machine(name string) Machine {
	m := Machine{Name: name}
	seen := map[State]bool{}
	for s := range numStates {
		for in := range numInputs {
			if e, ok := t[edge{s, in}]; ok {
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
