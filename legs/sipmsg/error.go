package sipmsg

import "strconv"

// Error says why [Parse] refused a message and how to answer.
type Error struct {
	// Status is the response to send: 400, 416, 505 or 513. It is what a request
	// would get even where Message is nil.
	Status int

	// Reason is the phrase to send with it: what is wrong, in words of ours
	// only, from a small fixed set; it may label a metric.
	Reason string

	// Message is as much of the request as [NewResponse] needs. It is nil when
	// there must not be an answer (a response, an ACK) or cannot be one (no Via
	// to send it by, or a value in it that must not be repeated).
	Message *Message
}

// Error describes the refusal.
func (e *Error) Error() string {
	return "sip: " + strconv.Itoa(e.Status) + " " + e.Reason
}
