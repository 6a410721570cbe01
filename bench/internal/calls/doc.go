// Package calls is a caller and a callee in one process, with a server between
// them or none. One clock stamps both ends, which shows delays that SIPp's
// millisecond timers cannot, and thousands of calls can be kept up.
//
// They know as much SIP as that takes: UDP, INVITE, 180, 200, ACK, BYE, route
// sets and retransmissions. Nothing is shared with the server.
package calls
