// Package legs owns SIP towards one peer at a time. A leg is one INVITE usage:
// [Inbound] is the UAS that answers a caller, [Outbound] the UAC that calls a
// gateway. Above it a bridge joins legs into calls; it hears [Event]s and never
// sees a SIP message. Bodies are opaque bytes here.
//
// The way of a message, and the order to read the files in:
//
//	stack.go     what there is: listeners, shards, cores
//	receive.go   transport -> sipmsg -> identify -> shard, in the reader's goroutine (refuse.go, recent.go)
//	core.go      one shard: transactions, legs, timers, all touched by its runner only
//	server.go    requests: transactions, dialogs, what is answered without a bridge
//	client.go    responses, time-outs, transport errors
//	state.go     the two machines as tables
//	inbound.go   the UAS machine: pure, (input, now) -> actions (echo.go, repeat.go)
//	outbound.go  the UAC machine: likewise (usage.go and dialog.go are common to both)
//	asked.go     a re-INVITE of the peer's, in either: likewise
//	asking.go    a re-INVITE of ours (reinvite.go: both, as the bridge and the transactions see them)
//	perform.go   the actions, done: transactions, bytes, events
//	hop.go       where a request goes, and its look-up
//	fence.go     what is done when any of this panics
package legs
