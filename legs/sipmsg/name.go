package sipmsg

import "strings"

// field says where a header line goes in a [Message].
type field uint8

const (
	other field = iota // Message.Headers
	via
	from
	to
	callID
	cseq
	maxForwards
	contact
	recordRoute
	route
	contentType
	contentLength
)

// knownHeader is what a name in any spelling stands for.
type knownHeader struct {
	name  string // canonical and long
	field field
}

// known has the headers that this program reads or that networks carry, by
// lower-case name and by compact name (IANA registry of SIP header fields). It
// is only read.
var known = knownHeaders()

func knownHeaders() map[string]knownHeader {
	m := make(map[string]knownHeader)
	add := func(f field, name, compact string) {
		m[lower(name)] = knownHeader{name, f}
		if compact != "" {
			m[compact] = knownHeader{name, f}
		}
	}
	add(via, "Via", "v")
	add(from, "From", "f")
	add(to, "To", "t")
	add(callID, "Call-ID", "i")
	add(cseq, "CSeq", "")
	add(maxForwards, "Max-Forwards", "")
	add(contact, "Contact", "m")
	add(recordRoute, "Record-Route", "")
	add(route, "Route", "")
	add(contentType, "Content-Type", "c")
	add(contentLength, "Content-Length", "l")

	add(other, "Accept-Contact", "a")
	add(other, "Referred-By", "b")
	add(other, "Request-Disposition", "d")
	add(other, "Content-Encoding", "e")
	add(other, "Reject-Contact", "j")
	add(other, "Supported", "k")
	add(other, "Identity-Info", "n")
	add(other, "Event", "o")
	add(other, "Refer-To", "r")
	add(other, "Subject", "s")
	add(other, "Allow-Events", "u")
	add(other, "Session-Expires", "x")
	add(other, "Identity", "y")
	for _, name := range plainNames() {
		add(other, name, "")
	}
	return m
}

// plainNames are the known headers without a compact form or a field.
func plainNames() []string {
	return []string{
		"Accept", "Accept-Encoding", "Accept-Language", "Alert-Info", "Allow", "Answer-Mode",
		"Authentication-Info", "Authorization", "Call-Info", "Content-Disposition",
		"Content-Language", "Date", "Diversion", "Error-Info", "Expires", "Feature-Caps",
		"Flow-Timer", "Geolocation", "Geolocation-Error", "Geolocation-Routing", "History-Info",
		"In-Reply-To", "Info-Package", "Join", "Max-Breadth", "MIME-Version", "Min-Expires",
		"Min-SE", "Organization", "P-Access-Network-Info", "P-Asserted-Identity",
		"P-Asserted-Service", "P-Associated-URI", "P-Called-Party-ID", "P-Charging-Function-Addresses",
		"P-Charging-Vector", "P-Early-Media", "P-Preferred-Identity", "P-Preferred-Service",
		"P-Visited-Network-ID", "Path", "Priority", "Privacy", "Proxy-Authenticate",
		"Proxy-Authorization", "Proxy-Require", "RAck", "Reason", "Recv-Info", "Refer-Sub",
		"Remote-Party-ID", "Replaces", "Reply-To", "Require", "Resource-Priority", "Retry-After",
		"RSeq", "Security-Client", "Security-Server", "Security-Verify", "Server", "Service-Route",
		"Session-ID", "SIP-ETag", "SIP-If-Match", "Subscription-State", "Suppress-If-Match",
		"Target-Dialog", "Timestamp", "Trigger-Consent", "Unsupported", "User-Agent",
		"User-to-User", "Warning", "WWW-Authenticate",
	}
}

// canonical returns the long name of a known header, compact or oddly spelled,
// and the field it belongs to (RFC 3261 §7.3.1, §7.3.3). An unknown name is
// returned as it is.
func canonical(name string) (string, field) {
	var buf [32]byte
	if len(name) > len(buf) {
		return name, other
	}
	for i := 0; i < len(name); i++ {
		buf[i] = lowerByte(name[i])
	}
	if h, ok := known[string(buf[:len(name)])]; ok {
		return h.name, h.field
	}
	return name, other
}

// hasField reports whether a header of that name, in any spelling, has a field of
// its own in [Message]: canonical(name) != other, without the map.
func hasField(name string) bool {
	var names []string
	switch len(name) {
	case 1:
		return strings.IndexByte("vftimcl", lowerByte(name[0])) >= 0
	case 2:
		return strings.EqualFold(name, "To")
	case 3:
		return strings.EqualFold(name, "Via")
	case 4:
		return strings.EqualFold(name, "From") || strings.EqualFold(name, "CSeq")
	case 5:
		return strings.EqualFold(name, "Route")
	case 7:
		names = []string{"Call-ID", "Contact"}
	case 12:
		names = []string{"Max-Forwards", "Record-Route", "Content-Type"}
	case 14:
		return strings.EqualFold(name, "Content-Length")
	}
	for _, n := range names {
		if strings.EqualFold(name, n) {
			return true
		}
	}
	return false
}

// isList is false for the headers whose values hold commas that separate nothing
// (RFC 3261 §7.3.1 and the grammars of §25.1).
func isList(name string) bool {
	for _, whole := range [...]string{
		"Authorization", "Authentication-Info", "Date", "Organization", "Proxy-Authenticate",
		"Proxy-Authorization", "Retry-After", "Server", "Subject", "User-Agent", "WWW-Authenticate",
	} {
		if strings.EqualFold(name, whole) {
			return false
		}
	}
	return true
}
