package legs

import (
	"strings"

	"b2bua/legs/sipmsg"
)

// refuseInitial names the response that a request outside a dialog gets
// without anybody being asked, or nil. It follows RFC 3261 §8.2.
func refuseInitial(m *sipmsg.Message, draining bool) *sipmsg.Message {
	switch m.Method {
	case "INVITE", "OPTIONS":
	case "BYE": // needs a dialog
		return sipmsg.NewResponse(m, 481, "", "")
	default:
		return with(sipmsg.NewResponse(m, 405, "", ""), "Allow", allow)
	}
	if s := strings.ToLower(m.URI.Scheme); s != "sip" && s != "sips" && s != "tel" {
		return sipmsg.NewResponse(m, 416, "", "")
	}
	if m.MaxForwards == 0 && m.Method == "INVITE" {
		return sipmsg.NewResponse(m, 483, "", "")
	}
	if bad := m.HeaderValues("Require"); len(bad) > 0 {
		return with(sipmsg.NewResponse(m, 420, "", ""), "Unsupported", strings.Join(bad, ", "))
	}
	if bad := m.HeaderValues("Proxy-Require"); len(bad) > 0 {
		return with(sipmsg.NewResponse(m, 420, "", ""), "Unsupported", strings.Join(bad, ", "))
	}
	if draining {
		r := sipmsg.NewResponse(m, 503, "", "")
		r.Headers = append(r.Headers, retryAfter(drainRetry))
		return r
	}
	return nil
}

// drainRetry is how many seconds a peer stays away from a process that is
// going to stop.
const drainRetry = 30

// answerInDialog is the response to a request inside a dialog that no bridge
// needs to hear of.
func answerInDialog(m *sipmsg.Message, s State, product string) *sipmsg.Message {
	switch m.Method {
	case "OPTIONS":
		return options(m, product)
	case "INVITE": // RFC 3261 §14.2: the session stays as it was
		if s == Confirmed {
			return sipmsg.NewResponse(m, 488, "", "")
		}
		return sipmsg.NewResponse(m, 491, "", "")
	default:
		return with(sipmsg.NewResponse(m, 405, "", ""), "Allow", allow)
	}
}

// options answers OPTIONS (RFC 3261 §11.2).
func options(m *sipmsg.Message, product string) *sipmsg.Message {
	r := with(sipmsg.NewResponse(m, 200, "", ""), "Allow", allow)
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

// retag gives a response without a To tag one of ours.
func retag(m *sipmsg.Message, tag string) *sipmsg.Message {
	if m.To.Tag() == "" {
		m.To = m.To.WithTag(tag)
	}
	return m
}

func class(status int) string {
	const classes = "0xx1xx2xx3xx4xx5xx6xx"
	return classes[status/100*3 : status/100*3+3]
}
