package txn

import (
	"strconv"
	"strings"

	"b2bua/legs/sipmsg"
)

// magicCookie begins every branch that is unique by itself, RFC 3261 §8.1.1.7.
const magicCookie = "z9hG4bK"

// ResponseKey returns the key of the client transaction that a response belongs
// to (RFC 3261 §17.1.3). It does not allocate.
func ResponseKey(m *sipmsg.Message) ClientKey {
	if len(m.Vias) == 0 {
		return ClientKey{}
	}
	return ClientKey{Branch: m.Vias[0].Branch(), Method: m.Method}
}

// RequestKey returns the key of the server transaction that a request belongs to
// (RFC 3261 §17.2.3): its own, or for an ACK that of the INVITE it may belong to.
// The ACK to a 2xx has a branch of its own and finds nothing. It allocates only
// for a peer of RFC 2543 or with capitals in its host name.
func RequestKey(m *sipmsg.Message) ServerKey {
	if m.Method == "ACK" {
		return requestKey(m, "INVITE")
	}
	return requestKey(m, m.Method)
}

// CancelKey returns the key of the INVITE that a CANCEL is for (RFC 3261 §9.2).
func CancelKey(m *sipmsg.Message) ServerKey { return requestKey(m, "INVITE") }

// MergeKeyOf returns what all copies of a request outside a dialog have in common,
// whichever way they came (RFC 3261 §8.2.2.2). It does not allocate.
func MergeKeyOf(m *sipmsg.Message) MergeKey {
	if m.Method == "ACK" || m.Method == "CANCEL" || m.To.Tag() != "" {
		return MergeKey{}
	}
	return MergeKey(digestOf(mergeParts{fromTag: m.From.Tag(), callID: m.CallID, method: m.Method, cseq: m.CSeq}))
}

func requestKey(m *sipmsg.Message, method string) ServerKey {
	if len(m.Vias) == 0 {
		return ServerKey{}
	}
	via := &m.Vias[0]
	parts := requestParts{
		branch: via.Branch(),
		host:   strings.ToLower(via.Host),
		port:   sentByPort(via),
		method: method,
	}
	if !hasCookie(parts.branch) {
		parts.branch = legacyBranch(m, via, method)
	}
	return ServerKey(digestOf(parts))
}

// hasCookie reports whether the branch is RFC 3261's. Some peers change the case
// of what they copy.
func hasCookie(branch string) bool {
	return len(branch) > len(magicCookie) && strings.EqualFold(branch[:len(magicCookie)], magicCookie)
}

// sentByPort returns the port of sent-by, which RFC 3261 §18.1.1 lets a peer leave
// out when it is the transport's own.
func sentByPort(via *sipmsg.Via) uint16 {
	switch {
	case via.Port > 0 && via.Port < 1<<16:
		return uint16(via.Port)
	case via.Transport == "TLS" || via.Transport == "WSS":
		return 5061
	default:
		return 5060
	}
}

// legacyBranch joins what RFC 2543 compares, but for sent-by, which is in the key
// anyway. The To tag does not count in an INVITE, its ACK and its CANCEL: the ACK
// has the tag that our response gave, the other two do not.
func legacyBranch(m *sipmsg.Message, via *sipmsg.Via, method string) string {
	toTag := m.To.Tag()
	if method == "INVITE" {
		toTag = ""
	}
	return strings.Join([]string{
		"2543", m.RequestURI, toTag, m.From.Tag(), m.CallID, strconv.FormatUint(uint64(m.CSeq), 10),
		via.Transport, via.Branch(),
	}, "\x00")
}
