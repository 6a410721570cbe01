package legs

import (
	"time"

	"b2bua/legs/sipmsg"
)

// Local is how we appear to one peer: what goes into Via, Contact and
// User-Agent of everything a leg sends. It is plain data.
type Local struct {
	Transport string // "udp", …
	Host      string // host[:port], as advertised
	Product   string // User-Agent and Server; empty sends none
}

func (l *Local) via(branch string) sipmsg.Via {
	return sipmsg.Via{Raw: "SIP/2.0/" + upper(l.Transport) + " " + l.Host + ";branch=" + branch + ";rport"}
}

// contact carries the tag as its user part, so that a request to it finds its
// shard even when a peer loses the To tag.
func (l *Local) contact(tag string) sipmsg.Address {
	uri := "<sip:" + tag + "@" + l.Host
	if l.Transport != "udp" {
		uri += ";transport=" + l.Transport
	}
	return sipmsg.Address{Raw: uri + ">"}
}

func upper(s string) string {
	if s == "udp" {
		return "UDP"
	}
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// A Dialog is the state of RFC 3261 §12, the same on both sides. It is plain
// data; the zero Dialog is no dialog.
type Dialog struct {
	CallID       string
	LocalTag     string
	RemoteTag    string
	LocalParty   string // From of our requests, with tag
	RemoteParty  string // To of our requests, with the peer's tag
	LocalCSeq    uint32 // of our last request
	RemoteCSeq   uint32 // of the peer's last request
	RemoteTarget string // URI
	Routes       []string
}

// request builds a request inside the dialog (RFC 3261 §12.2.1.1). hop is the
// URI whose host the request goes to.
func (d *Dialog) request(method string, cseq uint32, l *Local, branch string) (m *sipmsg.Message, hop string) {
	m = &sipmsg.Message{
		Method:      method,
		RequestURI:  d.RemoteTarget,
		Vias:        []sipmsg.Via{l.via(branch)},
		From:        sipmsg.Address{Raw: d.LocalParty},
		To:          sipmsg.Address{Raw: d.RemoteParty},
		CallID:      d.CallID,
		CSeq:        cseq,
		MaxForwards: 70,
	}
	if l.Product != "" {
		m.Headers = append(m.Headers, sipmsg.Header{Name: "User-Agent", Value: l.Product})
	}
	hop = d.RemoteTarget
	if len(d.Routes) == 0 {
		return m, hop
	}
	routes := d.Routes
	first, err := sipmsg.ParseAddress(routes[0])
	if err == nil {
		hop = first.URI.String()
		if !first.URI.Params.Has("lr") { // a strict router, RFC 3261 §12.2.1.1
			m.RequestURI = hop
			routes = append(append([]string(nil), routes[1:]...), "<"+d.RemoteTarget+">")
		}
	}
	for _, r := range routes {
		m.Routes = append(m.Routes, sipmsg.Address{Raw: r})
	}
	return m, hop
}

// sees reports whether an in-dialog request carries this dialog's ids.
func (d *Dialog) sees(m *sipmsg.Message) bool {
	return m.CallID == d.CallID && m.To.Tag() == d.LocalTag && m.From.Tag() == d.RemoteTag
}

// orders accepts the CSeq of a new request, or refuses one that comes late
// (RFC 3261 §12.2.2).
func (d *Dialog) orders(cseq uint32) bool {
	if d.RemoteCSeq != 0 && cseq <= d.RemoteCSeq {
		return false
	}
	d.RemoteCSeq = cseq
	return true
}

func target(contacts []sipmsg.Address, fallback string) string {
	if len(contacts) == 0 || contacts[0].URI.Host == "" {
		return fallback
	}
	return contacts[0].URI.String()
}

func raws(list []sipmsg.Address, reverse bool) []string {
	if len(list) == 0 {
		return nil
	}
	out := make([]string, len(list))
	for i, a := range list {
		if reverse {
			i = len(list) - 1 - i
		}
		out[i] = a.Raw
	}
	return out
}

// A repeat sends stored bytes again at growing intervals until it is stopped
// or its time is up (RFC 3261 §13.3.1.4). It is plain data; the zero repeat
// is stopped.
type repeat struct {
	Bytes    []byte
	Interval time.Duration
	Next     time.Time
	Until    time.Time
}

func (r *repeat) start(b []byte, now time.Time, t Timers) {
	*r = repeat{Bytes: b, Interval: t.T1, Next: now.Add(t.T1), Until: now.Add(64 * t.T1)}
}

func (r *repeat) stop() { *r = repeat{} }

// fire returns the bytes to send at now, if any, and whether time is up.
func (r *repeat) fire(now time.Time, t Timers) (b []byte, over bool) {
	if r.Bytes == nil {
		return nil, false
	}
	if !now.Before(r.Until) {
		r.stop()
		return nil, true
	}
	if now.Before(r.Next) {
		return nil, false
	}
	r.Interval = min(2*r.Interval, t.T2)
	r.Next = now.Add(r.Interval)
	return r.Bytes, false
}

// wake is the next time fire has something to do; zero when stopped.
func (r *repeat) wake() time.Time {
	if r.Bytes == nil || r.Until.Before(r.Next) {
		return r.Until
	}
	return r.Next
}
