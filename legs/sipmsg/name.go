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

// knownHeader is one spelling of a name, and what it stands for.
type knownHeader struct {
	spelled string // canonical and long, or compact and lower case
	name    string // canonical and long
	field   field
	next    uint8 // index in nameTable.headers of the next with the same hash; 0: none
}

// nameTable has the headers that this program reads or that networks carry, by
// long and by compact name (IANA registry of SIP header fields). It is found in by
// a hash that is cheaper than lowering a name for a map: most names come in the
// spelling of the RFCs.
type nameTable struct {
	first   [256]uint8
	headers []knownHeader // the first is none
}

// names is only read.
var names = knownHeaders()

func knownHeaders() *nameTable {
	t := &nameTable{headers: make([]knownHeader, 1, 160)}
	add := func(f field, name, compact string) {
		t.add(knownHeader{spelled: name, name: name, field: f})
		if compact != "" {
			t.add(knownHeader{spelled: compact, name: name, field: f})
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
	return t
}

func (t *nameTable) add(h knownHeader) {
	first := &t.first[nameHash(h.spelled)]
	h.next, *first = *first, uint8(len(t.headers))
	t.headers = append(t.headers, h)
}

// find returns what a name in any spelling stands for, nil for an unknown one.
func (t *nameTable) find(name string) *knownHeader {
	if name == "" {
		return nil
	}
	for i := t.first[nameHash(name)]; i != 0; i = t.headers[i].next {
		if h := &t.headers[i]; same(h.spelled, name) {
			return h
		}
	}
	return nil
}

// nameHash is the same for all spellings of a name, which is not empty.
func nameHash(name string) uint8 {
	return name[0]&0x1f*3 + name[len(name)-1]&0x1f*99 + uint8(len(name))*29
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
	if h := names.find(name); h != nil {
		return h.name, h.field
	}
	return name, other
}

// knownMethod returns a method that the RFCs name as a constant: a transaction
// keeps it for half a minute, and would keep the header that it stands in.
func knownMethod(s string) string {
	for _, known := range [...]string{
		"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "PRACK", "UPDATE", "INFO", "REGISTER", "SUBSCRIBE", "NOTIFY", "REFER",
		"MESSAGE", "PUBLISH",
	} {
		if s == known {
			return known
		}
	}
	return strings.Clone(s)
}

// isList is false for the headers whose values hold commas that separate nothing
// (RFC 3261 §7.3.1 and the grammars of §25.1).
func isList(name string) bool {
	for _, whole := range [...]string{
		"Authorization", "Authentication-Info", "Date", "Organization", "Proxy-Authenticate",
		"Proxy-Authorization", "Retry-After", "Server", "Subject", "User-Agent", "WWW-Authenticate",
	} {
		if same(name, whole) {
			return false
		}
	}
	return true
}
