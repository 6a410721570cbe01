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
	switch string(buf[:len(name)]) {
	case "via", "v":
		return "Via", via
	case "from", "f":
		return "From", from
	case "to", "t":
		return "To", to
	case "call-id", "i":
		return "Call-ID", callID
	case "cseq":
		return "CSeq", cseq
	case "max-forwards":
		return "Max-Forwards", maxForwards
	case "contact", "m":
		return "Contact", contact
	case "record-route":
		return "Record-Route", recordRoute
	case "route":
		return "Route", route
	case "content-type", "c":
		return "Content-Type", contentType
	case "content-length", "l":
		return "Content-Length", contentLength
	}
	if long := longName(string(buf[:len(name)])); long != "" {
		return long, other
	}
	return name, other
}

// longName knows the headers that this program reads or that networks carry, by
// their lower-case or compact names (IANA, SIP header fields).
func longName(lowered string) string {
	switch lowered {
	case "accept":
		return "Accept"
	case "accept-contact", "a":
		return "Accept-Contact"
	case "accept-encoding":
		return "Accept-Encoding"
	case "accept-language":
		return "Accept-Language"
	case "alert-info":
		return "Alert-Info"
	case "allow":
		return "Allow"
	case "allow-events", "u":
		return "Allow-Events"
	case "authorization":
		return "Authorization"
	case "call-info":
		return "Call-Info"
	case "content-disposition":
		return "Content-Disposition"
	case "content-encoding", "e":
		return "Content-Encoding"
	case "content-language":
		return "Content-Language"
	case "date":
		return "Date"
	case "diversion":
		return "Diversion"
	case "error-info":
		return "Error-Info"
	case "event", "o":
		return "Event"
	case "expires":
		return "Expires"
	case "geolocation":
		return "Geolocation"
	case "history-info":
		return "History-Info"
	case "identity", "y":
		return "Identity"
	case "identity-info", "n":
		return "Identity-Info"
	case "in-reply-to":
		return "In-Reply-To"
	case "join":
		return "Join"
	case "mime-version":
		return "MIME-Version"
	case "min-expires":
		return "Min-Expires"
	case "min-se":
		return "Min-SE"
	case "organization":
		return "Organization"
	}
	return longName2(lowered)
}

func longName2(lowered string) string {
	switch lowered {
	case "p-access-network-info":
		return "P-Access-Network-Info"
	case "p-asserted-identity":
		return "P-Asserted-Identity"
	case "p-called-party-id":
		return "P-Called-Party-ID"
	case "p-charging-vector":
		return "P-Charging-Vector"
	case "p-early-media":
		return "P-Early-Media"
	case "p-preferred-identity":
		return "P-Preferred-Identity"
	case "path":
		return "Path"
	case "priority":
		return "Priority"
	case "privacy":
		return "Privacy"
	case "proxy-authenticate":
		return "Proxy-Authenticate"
	case "proxy-authorization":
		return "Proxy-Authorization"
	case "proxy-require":
		return "Proxy-Require"
	case "rack":
		return "RAck"
	case "reason":
		return "Reason"
	case "refer-sub":
		return "Refer-Sub"
	case "refer-to", "r":
		return "Refer-To"
	case "referred-by", "b":
		return "Referred-By"
	case "reject-contact", "j":
		return "Reject-Contact"
	case "remote-party-id":
		return "Remote-Party-ID"
	case "replaces":
		return "Replaces"
	case "reply-to":
		return "Reply-To"
	case "request-disposition", "d":
		return "Request-Disposition"
	case "require":
		return "Require"
	case "retry-after":
		return "Retry-After"
	case "rseq":
		return "RSeq"
	}
	return longName3(lowered)
}

func longName3(lowered string) string {
	switch lowered {
	case "server":
		return "Server"
	case "service-route":
		return "Service-Route"
	case "session-expires", "x":
		return "Session-Expires"
	case "session-id":
		return "Session-ID"
	case "sip-etag":
		return "SIP-ETag"
	case "sip-if-match":
		return "SIP-If-Match"
	case "subject", "s":
		return "Subject"
	case "subscription-state":
		return "Subscription-State"
	case "supported", "k":
		return "Supported"
	case "timestamp":
		return "Timestamp"
	case "unsupported":
		return "Unsupported"
	case "user-agent":
		return "User-Agent"
	case "user-to-user":
		return "User-to-User"
	case "warning":
		return "Warning"
	case "www-authenticate":
		return "WWW-Authenticate"
	}
	return ""
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
