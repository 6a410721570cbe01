// Package txn holds the four transaction machines of RFC 3261 §17, with the
// Accepted states of RFC 6026 and the bound that timer C puts on an INVITE, and
// the keys by which a message finds the transaction it belongs to.
//
// Nothing here does I/O, reads a clock or starts a goroutine. The owner feeds a
// machine what happened and the time it happened, and does what the [Result]
// says: send stored bytes, pass the message up, call Fire again at Wake.
//
// The path of a transaction, which is also the order of the files:
//
//	key.go, match.go      which transaction is this message for
//	client.go, server.go  what happened to it
//	tables.go             the rules: state × input → state, actions
//	machine.go            one step of any machine, and its timers
//	describe.go           the rules as data, for the documentation
//
// A [Client] and a [Server] are plain data: exported fields, no pointers to
// anything shared but the [Timers], which nobody changes, the same after a round
// trip through JSON.
package txn
