package legs

import (
	"strconv"
	"strings"

	"b2bua/legs/sipmsg"
)

// refuseInitial names the response that a request outside a dialog gets
// without anybody being asked, or nil. It follows RFC 3261 §8.2.
func refuseInitial(m *sipmsg.Message, draining bool) *sipmsg.Message {
	refuse := func(status int) *sipmsg.Message { return sipmsg.NewResponse(m, status, "", statelessTag(m)) }
	switch m.Method {
	case "INVITE", "OPTIONS":
	case "BYE": // needs a dialog
		return refuse(481)
	default:
		return refuseMethod(m, statelessTag(m))
	}
	if s := m.URI.Scheme; s != "sip" && s != "sips" && s != "tel" {
		return refuse(416)
	}
	if m.MaxForwards == 0 && m.Method == "INVITE" {
		return refuse(483)
	}
	for _, name := range [...]string{"Require", "Proxy-Require"} {
		if bad := m.HeaderValues(name); len(bad) > 0 {
			return with(refuse(420), "Unsupported", strings.Join(bad, ", "))
		}
	}
	if draining {
		return with(refuse(503), "Retry-After", strconv.Itoa(drainRetry))
	}
	if len(m.Contacts) == 0 && m.Method == "INVITE" { // RFC 3261 §8.1.1.8
		return sipmsg.NewResponse(m, 400, "Missing Contact", statelessTag(m))
	}
	return nil
}

// refuseMethod tells a method that is not for us from one that nobody has heard
// of (RFC 3261 §21.4.6, §21.5.2).
func refuseMethod(m *sipmsg.Message, tag string) *sipmsg.Message {
	if methodIndex(m.Method) == 0 {
		return sipmsg.NewResponse(m, 501, "", tag)
	}
	return with(sipmsg.NewResponse(m, 405, "", tag), "Allow", allow)
}

// drainRetry is how many seconds a peer stays away from a process that is
// going to stop.
const drainRetry = 30

// insideDialog is the response to a request inside a dialog that no bridge needs
// to hear of.
func insideDialog(m *sipmsg.Message, d *Dialog, s State, l *Local) *sipmsg.Message {
	switch {
	case s == Terminating || s == Terminated: // our BYE is on its way
		return sipmsg.NewResponse(m, 481, "", "")
	case m.Method == "OPTIONS": // in any order: some peers keep a dialog alive with a number of their own
		return options(m, l.Product, "")
	case d.RemoteTag != "" && !d.orders(m.CSeq): // RFC 3261 §12.2.2
		return sipmsg.NewResponse(m, 500, "", "")
	case m.Method == "INVITE": // RFC 3261 §14.2: ours is under way
		return sipmsg.NewResponse(m, 491, "", "")
	default:
		return refuseMethod(m, "")
	}
}

// options answers OPTIONS (RFC 3261 §11.2).
func options(m *sipmsg.Message, product, tag string) *sipmsg.Message {
	r := with(sipmsg.NewResponse(m, 200, "", tag), "Allow", allow)
	with(r, "Accept", "application/sdp")
	if product != "" {
		with(r, "Server", product)
	}
	return r
}

func with(m *sipmsg.Message, name, value string) *sipmsg.Message {
	m.Headers = append(m.Headers, sipmsg.Header{Name: name, Value: value})
	return m
}

func class(status int) string {
	const classes = "0xx1xx2xx3xx4xx5xx6xx"
	return classes[status/100*3 : status/100*3+3]
}

// statelessTag is the same for every copy of a request, and no id of ours: the
// ACK that carries it back belongs to nobody.
func statelessTag(m *sipmsg.Message) string {
	const digits = "0123456789abcdef"
	h := uint64(14695981039346656037)
	for _, s := range [...]string{m.CallID, m.From.Tag(), m.Vias[0].Branch()} {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * 1099511628211
		}
	}
	var b [17]byte
	b[0] = 'x'
	for i := 1; i < len(b); i++ {
		b[i] = digits[h&15]
		h >>= 4
	}
	return string(b[:])
}
