package txn

import "time"

// A Server is the transaction of a request we received. It is not safe for
// concurrent use. The zero Server ignores everything; see [NewServer].
//
// The 100 to an INVITE (RFC 3261 §17.2.1) is the owner's to send, at once, with
// [Server.Respond].
type Server struct {
	Kind     Kind   `json:"kind"`
	State    State  `json:"state"`
	Reliable bool   `json:"reliable,omitempty"` // the transport retransmits by itself
	Method   string `json:"method"`

	// Response is the last response, which answers every retransmission of the
	// request. It goes away when it cannot be needed again: the 300-699 to an
	// INVITE at its ACK, the 2xx to an INVITE when Receive is told of the ACK.
	Response []byte `json:"response,omitempty"`

	Clock Clock `json:"clock"`
}

// NewServer starts the transaction of a request that matched none, and says to
// pass it up.
func NewServer(kind Kind, method string, reliable bool, now time.Time, t *Timers) (Server, Result) {
	s := Server{Kind: kind, Reliable: reliable, Method: method, Clock: Clock{Timers: t}}
	s.machine().begin(&s.State, &s.Clock, reliable, now)
	return s, s.result(Deliver)
}

// Receive takes a request that belongs to s by its key: the same again, or the
// ACK of an INVITE. [Deliver] says that this is the ACK to a 2xx, which is the
// dialog's business (RFC 6026 §7.1); such an ACK mostly has a branch of its own
// and is found by its dialog, and the owner may then pass it here as well, for
// the stored 2xx to go.
func (s *Server) Receive(method string, now time.Time) Result {
	switch method {
	case "ACK":
		return s.apply(receivedAck, now)
	case s.Method:
		return s.apply(receivedRequest, now)
	default:
		return s.result(0)
	}
}

// Respond takes a response and says to send it, unless the state has no place
// for it: a response after a final one is discarded (RFC 3261 §17.2.2), but for
// the 2xx to an INVITE, which the owner sends again until the ACK. The bytes must
// stay unchanged.
func (s *Server) Respond(status int, response []byte, now time.Time) Result {
	in := respondFailure
	switch {
	case status < 100 || status > 699:
		return s.result(0)
	case status < 200:
		in = respond1xx
	case status < 300:
		in = respond2xx
	}
	if s.machine().steps[s.State][in].to != 0 {
		s.Response = response
	}
	return s.apply(in, now)
}

// Fail reports that the transport could not send what the last Result said to.
// The transaction stays where it is (RFC 6026 §7.1): the peer's retransmission
// may find a way that ours did not.
func (s *Server) Fail(now time.Time) Result { return s.apply(transportError, now) }

// Fire runs the timer that is due at now, if one is.
func (s *Server) Fire(now time.Time) Result {
	do := s.machine().fire(&s.State, &s.Clock, s.Reliable, now)
	s.trim(0, do)
	return s.result(do)
}

func (s *Server) machine() *machine {
	if s.Kind == Invite {
		return &inviteServer
	}
	return &nonInviteServer
}

func (s *Server) apply(in input, now time.Time) Result {
	do := s.machine().apply(&s.State, &s.Clock, s.Reliable, in, now)
	if do.Has(SendStored) && s.Response == nil {
		do &^= SendStored // the request again, before the first response
	}
	s.trim(in, do)
	return s.result(do)
}

func (s *Server) result(do Action) Result { return Result{Do: do, Wake: s.Clock.wake()} }

// trim lets go of the bytes that can never be sent again.
func (s *Server) trim(in input, do Action) {
	acknowledged := s.State == Confirmed || (s.State == Accepted && in == receivedAck)
	if acknowledged || (s.State == Terminated && !do.Has(SendStored)) {
		s.Response = nil
	}
}
