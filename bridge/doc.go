// Package bridge joins two legs into one call: it asks policy for a plan, dials
// its targets in turn, rewrites the session descriptions, relays the media and
// keeps the record. It is the only package that knows legs, SDP and media
// together.
//
// The order to read the files in:
//
//	machine.go   the call machine: pure, (event) -> actions
//	exchange.go  its part for further offers in an answered call
//	states.go    the same as a table, for the documentation
//	bridge.go    the legs.Handler: a new INVITE, the events of legs, the API
//	call.go      one call: what the machine's actions do
//	news.go      what legs report, as the machine's events
//	attempt.go   one attempt: from a target to an outbound INVITE
//	offer.go     the caller's offer on its way to an attempt, and the ports for it
//	answer.go    an attempt's answer on its way to the caller
//	reoffer.go   a further offer on its way to the other side, and the answer back
//	aim.go       what a stream is told of its peer
//	media.go     silence, and the end of the media
//	headers.go   what passes between the legs, and what privacy takes out
//	limits.go    how many calls a trunk may have
//	journal.go   the answer record, on disk before the caller is answered
//	record.go, cause.go, quality.go   the call's CDR
package bridge
