// Package bridge joins two legs into one call: it asks policy for a plan, dials
// its targets in turn, rewrites the session descriptions, relays the media and
// keeps the record. It is the only package that knows legs, SDP and media
// together.
//
// The order to read the files in:
//
//	machine.go   the call machine: pure, (event) -> actions
//	bridge.go    the legs.Handler: a new INVITE, the events of legs, the API
//	call.go      one call: events in, the machine's actions done
//	dial.go      one attempt: from a target to an outbound INVITE
//	media.go     offer and answer on their way through, and the relay's ports
//	headers.go   what passes between the legs, and what privacy takes out
//	record.go    the call's CDR
package bridge
