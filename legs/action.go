package legs

import (
	"time"

	"b2bua/legs/sipmsg"
)

type actionKind uint8

const (
	actRespond actionKind = iota // msg on the server transaction of the leg's INVITE
	actReply                     // msg on the server transaction of the request in hand
	actRequest                   // msg in a client transaction of its own, to hop
	actCancel                    // CANCEL for the leg's INVITE, built by the performer: same branch
	actSend                      // raw to hop, outside any transaction (ACK of a 2xx)
	actResend                    // raw to where the last INVITE response went
	actEvent                     // ev to the bridge
	actEnd                       // the leg is over: no more timers, no more ids
)

// An action is what a leg wants done. Machines only name actions; perform.go
// does them.
type action struct {
	kind   actionKind
	msg    *sipmsg.Message
	hop    string // URI
	branch string // actRequest
	quiet  bool   // actRequest: nobody waits for the outcome
	raw    []byte
	ev     Event
}

// Timers are the base timers of RFC 3261 §17 that the legs themselves need.
type Timers struct{ T1, T2 time.Duration }

// script collects the actions of one step, in order.
type script struct{ acts []action }

func (s *script) respond(m *sipmsg.Message) {
	s.acts = append(s.acts, action{kind: actRespond, msg: m})
}
func (s *script) reply(m *sipmsg.Message) {
	s.acts = append(s.acts, action{kind: actReply, msg: m})
}

// request sends m in a client transaction; hop and branch are dialog.request's.
func (s *script) request(m *sipmsg.Message, hop, branch string) {
	s.acts = append(s.acts, action{kind: actRequest, msg: m, hop: hop, branch: branch})
}

// dismiss sends a request whose outcome nobody waits for.
func (s *script) dismiss(m *sipmsg.Message, hop, branch string) {
	s.acts = append(s.acts, action{kind: actRequest, msg: m, hop: hop, branch: branch, quiet: true})
}
func (s *script) cancel(m *sipmsg.Message) {
	s.acts = append(s.acts, action{kind: actCancel, msg: m})
}
func (s *script) send(raw []byte, hop string) {
	s.acts = append(s.acts, action{kind: actSend, raw: raw, hop: hop})
}
func (s *script) resend(raw []byte) { s.acts = append(s.acts, action{kind: actResend, raw: raw}) }
func (s *script) event(ev Event)    { s.acts = append(s.acts, action{kind: actEvent, ev: ev}) }
func (s *script) end()              { s.acts = append(s.acts, action{kind: actEnd}) }
