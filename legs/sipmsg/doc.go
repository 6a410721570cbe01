// Package sipmsg is the one door through which SIP text enters and leaves this
// program. A message comes in as bytes and becomes a [Message]: plain data,
// validated, with long header names, ready to be read from any goroutine. It
// goes out through [Message.Append], the only serialiser, which refuses CR, LF
// and NUL in any value.
//
// Inbound, in the order of the files:
//
//	frame.go     bytes → start line and unfolded header lines, by sipgo's parser
//	salvage.go   the same for what sipgo refuses, so that it can be answered
//	name.go      compact and oddly spelled names → the canonical long ones
//	parse.go     lines → Message, and what a refusal needs (RFC 3261 §7, §8.2, §18.3)
//	via.go, address.go, uri.go, param.go   the values with a grammar of their own
//
// Outbound:
//
//	response.go  a response to a request (RFC 3261 §8.2.6)
//	received.go  received and rport, and where a response goes (§18.2, RFC 3581)
//	append.go    Message → bytes
package sipmsg
