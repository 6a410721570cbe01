package legs

import "time"

type actionKind uint8

const (
	actRespond actionKind = iota // msg on the server transaction of the leg's INVITE, or of the re-INVITE
	actAccept                    // raw, the 2xx, likewise
	actResend                    // raw, the 2xx, once more
	actRemind                    // the last 18x once more
	actAdopt                     // the request in hand is a re-INVITE that will be answered later
	actReply                     // msg on the server transaction of the request in hand
	actRequest                   // msg in a client transaction of its own, to hop
	actDismiss                   // likewise, and nobody waits for the outcome
	actCancel                    // msg, the CANCEL, to where our INVITE with that branch went
	actSend                      // raw, the ACK of a 2xx, to hop, outside any transaction
	actEvent                     // ev to the bridge
	actEnd                       // the leg is over: no more timers, no more ids
)

// An action is what a leg wants done. Machines only name actions; perform.go
// does them.
type action struct {
	kind   actionKind
	re     bool // it is about the peer's re-INVITE
	ev     int  // index in the script's events
	msg    *draft
	hop    string // URI
	branch string // of a request
	raw    []byte
}

// Timers are the base timers of RFC 3261 §17 that the legs themselves need.
type Timers struct{ T1, T2 time.Duration }

// A script is one step of a machine: when it happens, and what it wants done,
// in order.
type script struct {
	now    time.Time
	timers Timers
	acts   []action
	events []Event
	drafts []*draft // that may be written again
	pen    pen
}

func (s *script) do(a action) { s.acts = append(s.acts, a) }

func (s *script) respond(d *draft) { s.do(action{kind: actRespond, msg: d}) }
func (s *script) reply(d *draft)   { s.do(action{kind: actReply, msg: d}) }

func (s *script) event(ev Event) {
	s.do(action{kind: actEvent, ev: len(s.events)})
	s.events = append(s.events, ev)
}

// over ends the leg: the last event, and nothing after it.
func (s *script) over() {
	s.event(Event{Kind: Ended})
	s.do(action{kind: actEnd})
}
