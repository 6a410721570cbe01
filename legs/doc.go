// Package legs owns SIP towards one peer at a time. A leg is one INVITE usage:
// [Inbound] is the UAS that answers a caller, [Outbound] the UAC that calls a
// gateway. Above it a bridge joins legs into calls; it hears [Event]s and never
// sees a SIP message. Bodies are opaque bytes here.
//
// The way of a message, and the order to read the files in:
//
//	receive.go   transport -> sipmsg -> identify -> shard, in the reader's goroutine
//	core.go      one shard: transactions, legs, timers, all touched by its runner only
//	server.go    requests: transactions, dialogs, what is answered without a bridge
//	client.go    responses, time-outs, transport errors
//	inbound.go   the UAS machine: pure, (input, now) -> actions
//	outbound.go  the UAC machine: likewise
//	perform.go   the actions, done: transactions, bytes, events
package legs
