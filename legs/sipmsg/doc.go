// Package sipmsg is the one door through which SIP text enters and leaves this
// program. A message comes in as bytes and becomes a [Message]: plain data,
// validated, with long header names, ready to be read from any goroutine. It
// goes out through [Message.Append], the only serialiser, which refuses CR, LF
// and NUL in any value.
//
// Inbound, in the order of the files:
//
//	frame.go     bytes → start line and unfolded header lines
//	name.go      compact and oddly spelled names → the canonical long ones
//	parse.go     lines → Message, and what a refusal needs (RFC 3261 §7, §8.2, §18.3)
//	via.go, address.go, uri.go, param.go   the values with a grammar of their own
//
// Outbound:
//
//	response.go  a response to a request (RFC 3261 §8.2.6)
//	received.go  received and rport, and where a response goes (§18.2, RFC 3581)
//	append.go    Message → bytes
//
// What a response or a dialog repeats of its peer is repeated to the letter: a
// display name without quotes gets none, an address without brackets neither,
// and parameters keep their case, order and blanks (Address.Raw, Via.Raw). A
// message as a whole is not: header names come out in their long form, unfolded,
// and in an order of ours. A transparent proxy could not be built on this, and
// need not be: both legs of a call are written anew.
//
// sipgo's parser is the oracle of the tests: what it can cut into lines comes out
// of frame.go the same. It is not in the program: it cost half of each parse, and
// what its header parsers get wrong (defect_test.go) had to be read again anyway.
//
// A parsed message is a handful of allocations: its header is one string that all
// values are parts of, and the message and its lists are a [Room]. Who keeps a value
// for long copies it, or keeps the whole header; who has no use for a message any
// more reads the next one into the same Room.
//
// A parsed message may be read from many goroutines, and copied by assignment:
// replace what a copy's lists hold, or append to them, but do not write to their
// elements, which it shares.
package sipmsg
