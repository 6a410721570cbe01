// Package rtprelay moves RTP and RTCP datagrams between two peers. It knows
// addresses, ports, payload types and SSRCs; it does not know SIP or SDP.
//
// A [Relay] has a few workers. A [Session] is one m-line of one call and lives
// on one worker with all its sockets; its [Stream]s are the local RTP/RTCP
// port pairs, each facing one peer, and Join says which two exchange media.
//
// The path of a packet, in the order of the files to read:
//
//	pace.go          wait for the first, or rest while some gather
//	gate_linux.go    waiting without a thread that blocks
//	poller_linux.go  epoll says which sockets are readable, a batch at a time
//	worker.go        one receive per ready socket
//	packet.go        the header is read in place (RFC 3550 §5.1)
//	latch.go         is the source who we think it is (RFC 7362)
//	decide.go        the verdict: relay it, or drop it and why; pure
//	quality.go       loss and jitter of what was accepted (RFC 3550 A.1, A.3, A.8)
//	worker.go        one send from the joined stream's socket
//
// The way of a port pair:
//
//	ports.go         which pair is next, and how long it rests
//	pair.go          two sockets: opened, or emptied after another stream
//	stock.go         the pairs that nobody uses and whose sockets are open; pure
//	spare.go         what the worker keeps of them, and what it closes
//
// What limits it: a packet costs 2 to 3 µs in the kernel's UDP receive and send
// and about a tenth of that here; waking up for it costs several times as
// much. Hence one wake-up for many packets as soon as there are many.
//
// On that path nothing locks, allocates or logs. Control reaches it through
// one atomic pointer per stream (remote.go) and one mailbox per worker
// (mailbox.go), having made sure that no packet goes round for ever
// (paths.go); what it learns leaves it through one bounded ring per worker
// (ring.go) and through counters that anybody may read (stats.go).
package rtprelay
