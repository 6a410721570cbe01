package txn

import "strings"

// A ClientKey finds the [Client] of a response (RFC 3261 §17.1.3). The zero key
// matches nothing.
type ClientKey struct {
	Branch string `json:"branch"` // of the topmost Via, which is ours
	Method string `json:"method"` // of the CSeq: a CANCEL shares its INVITE's branch
}

// A ServerKey finds the [Server] of a request (RFC 3261 §17.2.3). The zero key
// matches nothing.
type ServerKey struct {
	// Branch is that of the topmost Via. When it lacks the magic cookie, the
	// peer speaks RFC 2543 and Branch is what that RFC compares instead:
	// Request-URI, To tag, From tag, Call-ID, CSeq and the whole topmost Via.
	Branch string `json:"branch"`

	// Host and Port are the sent-by of the topmost Via: the host in lower case,
	// the default port of its transport when it names none.
	Host string `json:"host"`
	Port uint16 `json:"port"`

	// Method is the request's, but INVITE for an ACK.
	Method string `json:"method"`
}

// A MergeKey finds the other copies of a request that reached us on several
// paths (RFC 3261 §8.2.2.2). The zero key belongs to a request that cannot be
// merged: one with a To tag, an ACK, a CANCEL.
type MergeKey struct {
	FromTag string `json:"from_tag"`
	CallID  string `json:"call_id"`
	Method  string `json:"method"`
	CSeq    uint32 `json:"cseq"`
}

// keep returns the same keys in memory of their own, one block for both: what
// they are made from is a slice of a whole datagram.
func keep(k ServerKey, m MergeKey) (ServerKey, MergeKey) {
	parts := [...]*string{&k.Branch, &k.Host, &k.Method, &m.FromTag, &m.CallID, &m.Method}
	size := 0
	for _, p := range parts {
		size += len(*p)
	}
	var b strings.Builder
	b.Grow(size)
	for _, p := range parts {
		b.WriteString(*p)
	}
	all := b.String()
	for _, p := range parts {
		*p, all = all[:len(*p)], all[len(*p):]
	}
	return k, m
}
