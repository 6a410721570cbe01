// Package resolve finds where a SIP URI lives (RFC 3263). It asks for A and AAAA
// records; NAPTR and SRV fit behind the same call.
//
// A request goes, in this order:
//
//	resolve.go  an IP address is its own answer, a name in the cache is answered
//	            at once, any other waits for a worker: one look-up per name,
//	            however many wait for it
//	cache.go    what the last look-ups said, for a short time
//	target.go   addresses with the port of the transport
//
// Nothing blocks the caller and nothing grows without a bound: workers, waiting
// requests, names remembered and addresses per name are all limited in [Config].
package resolve
