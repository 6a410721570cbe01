package sipmsg

// NewResponse builds a response to req (RFC 3261 §8.2.6): Via, From, To, Call-ID
// and CSeq are repeated as they came. toTag is added to a To that has none, but
// never to a 100; an empty reason becomes the phrase of the RFC. A 101–299 to a
// request that creates a dialog repeats Record-Route too (§12.1.1), a 100 the
// Timestamp (§8.2.6.1). The result shares what it repeats with req; its other
// fields are the caller's to fill.
func NewResponse(req *Message, status int, reason, toTag string) *Message {
	m := new(Message)
	m.SetResponse(req, status, reason, toTag)
	return m
}

// SetResponse is [NewResponse] in the place of m, of which nothing is left, for
// those who write one response after the other and keep none.
func (m *Message) SetResponse(req *Message, status int, reason, toTag string) {
	if reason == "" {
		reason = ReasonPhrase(status)
	}
	*m = Message{
		Method: req.Method, Status: status, Reason: reason,
		Vias: req.Vias, From: req.From, To: req.To, CallID: req.CallID,
		CSeq: req.CSeq, cseqRaw: req.cseqRaw, MaxForwards: -1,
	}
	inDialog := req.To.Tag() != ""
	if toTag != "" && status != 100 && !inDialog {
		m.To = req.To.WithTag(toTag)
	}
	if status == 100 {
		if stamp := req.Header("Timestamp"); stamp != "" {
			m.Headers = []Header{{"Timestamp", stamp}}
		}
	}
	if status > 100 && status < 300 && !inDialog && createsDialog(req.Method) {
		m.RecordRoutes = req.RecordRoutes
	}
}

func createsDialog(method string) bool {
	return method == "INVITE" || method == "SUBSCRIBE" || method == "REFER"
}

// ReasonPhrase returns the phrase that the RFCs give for a status, or that of its
// class ("Client Error") when they give none.
func ReasonPhrase(status int) string {
	switch {
	case status >= 600:
		return phrase6xx(status)
	case status >= 500:
		return phrase5xx(status)
	case status >= 400:
		return phrase4xx(status)
	case status >= 300:
		return phrase3xx(status)
	}
	switch status {
	case 100:
		return "Trying"
	case 180:
		return "Ringing"
	case 181:
		return "Call Is Being Forwarded"
	case 182:
		return "Queued"
	case 183:
		return "Session Progress"
	case 199:
		return "Early Dialog Terminated"
	case 200:
		return "OK"
	case 202:
		return "Accepted"
	case 204:
		return "No Notification"
	}
	if status >= 200 {
		return "Success"
	}
	return "Progress"
}

func phrase3xx(status int) string {
	switch status {
	case 300:
		return "Multiple Choices"
	case 301:
		return "Moved Permanently"
	case 302:
		return "Moved Temporarily"
	case 305:
		return "Use Proxy"
	case 380:
		return "Alternative Service"
	}
	return "Redirection"
}

func phrase4xx(status int) string {
	switch status {
	case 400:
		return "Bad Request"
	case 401:
		return "Unauthorized"
	case 402:
		return "Payment Required"
	case 403:
		return "Forbidden"
	case 404:
		return "Not Found"
	case 405:
		return "Method Not Allowed"
	case 406:
		return "Not Acceptable"
	case 407:
		return "Proxy Authentication Required"
	case 408:
		return "Request Timeout"
	case 410:
		return "Gone"
	case 412:
		return "Conditional Request Failed"
	case 413:
		return "Request Entity Too Large"
	case 414:
		return "Request-URI Too Long"
	case 415:
		return "Unsupported Media Type"
	case 416:
		return "Unsupported URI Scheme"
	case 420:
		return "Bad Extension"
	case 421:
		return "Extension Required"
	case 422:
		return "Session Interval Too Small"
	case 423:
		return "Interval Too Brief"
	case 428:
		return "Use Identity Header"
	case 429:
		return "Provide Referrer Identity"
	case 430:
		return "Flow Failed"
	case 433:
		return "Anonymity Disallowed"
	case 436:
		return "Bad Identity Info"
	case 437:
		return "Unsupported Credential"
	case 438:
		return "Invalid Identity Header"
	case 439:
		return "First Hop Lacks Outbound Support"
	}
	return phrase48x(status)
}

func phrase48x(status int) string {
	switch status {
	case 469:
		return "Bad Info Package"
	case 480:
		return "Temporarily Unavailable"
	case 481:
		return "Call/Transaction Does Not Exist"
	case 482:
		return "Loop Detected"
	case 483:
		return "Too Many Hops"
	case 484:
		return "Address Incomplete"
	case 485:
		return "Ambiguous"
	case 486:
		return "Busy Here"
	case 487:
		return "Request Terminated"
	case 488:
		return "Not Acceptable Here"
	case 489:
		return "Bad Event"
	case 491:
		return "Request Pending"
	case 493:
		return "Undecipherable"
	case 494:
		return "Security Agreement Required"
	}
	return "Client Error"
}

func phrase5xx(status int) string {
	switch status {
	case 500:
		return "Server Internal Error"
	case 501:
		return "Not Implemented"
	case 502:
		return "Bad Gateway"
	case 503:
		return "Service Unavailable"
	case 504:
		return "Server Time-out"
	case 505:
		return "Version Not Supported"
	case 513:
		return "Message Too Large"
	case 580:
		return "Precondition Failure"
	}
	return "Server Error"
}

func phrase6xx(status int) string {
	switch status {
	case 600:
		return "Busy Everywhere"
	case 603:
		return "Decline"
	case 604:
		return "Does Not Exist Anywhere"
	case 606:
		return "Not Acceptable"
	case 607:
		return "Unwanted"
	case 608:
		return "Rejected"
	}
	return "Global Failure"
}
