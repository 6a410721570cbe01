package txn

import "hash/maphash"

// A ClientKey finds the [Client] of a response (RFC 3261 §17.1.3). The zero key
// matches nothing.
type ClientKey struct {
	Branch string `json:"branch"` // of the topmost Via, which is ours
	Method string `json:"method"` // of the CSeq: a CANCEL shares its INVITE's branch
}

// A ServerKey finds the [Server] of a request (RFC 3261 §17.2.3). It is a digest
// of what that section compares: 16 bytes instead of strings, of which a node
// with 1000 calls a second would keep 64,000 for 32 s each. Keys are good in the
// process that made them. The zero key matches nothing.
type ServerKey digest

// A MergeKey finds the other copies of a request that reached us on several
// paths (RFC 3261 §8.2.2.2); a digest like [ServerKey]. The zero key belongs to a
// request that cannot be merged: one with a To tag, an ACK, a CANCEL.
type MergeKey digest

// requestParts is what a [ServerKey] is made of.
type requestParts struct {
	// branch is that of the topmost Via. When it lacks the magic cookie, the
	// peer speaks RFC 2543 and branch is what that RFC compares instead:
	// Request-URI, To tag, From tag, Call-ID, CSeq and the whole topmost Via.
	branch string

	// host and port are the sent-by of the topmost Via: the host in lower case,
	// the default port of its transport when it names none.
	host string
	port uint16

	// method is the request's, but INVITE for an ACK.
	method string
}

// mergeParts is what a [MergeKey] is made of.
type mergeParts struct {
	fromTag, callID, method string
	cseq                    uint32
}

// A digest is 128 bits under two keys that no peer knows: nobody can make two
// requests meet, and chance needs more requests than there will ever be.
type digest struct{ high, low uint64 }

// Hash is 64 bits of the key.
func (k ServerKey) Hash() uint64 { return k.low }

// Hash is 64 bits of the key.
func (k MergeKey) Hash() uint64 { return k.low }

var highSeed, lowSeed = maphash.MakeSeed(), maphash.MakeSeed()

func digestOf[T requestParts | mergeParts](parts T) digest {
	return digest{maphash.Comparable(highSeed, parts), maphash.Comparable(lowSeed, parts)}
}
