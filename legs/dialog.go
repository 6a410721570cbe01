package legs

import (
	"strings"

	"b2bua/legs/shard"
	"b2bua/legs/sipmsg"
	"b2bua/legs/transport"
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

// contact has the tag as its user part: it tells nothing and is no other leg's.
func (l *Local) contact(tag string) sipmsg.Address {
	uri := "<sip:" + tag + "@" + l.Host
	if l.Transport != "udp" {
		uri += ";transport=" + l.Transport
	}
	return sipmsg.Address{Raw: uri + ">"}
}

func upper(transport string) string {
	if transport == "udp" {
		return "UDP"
	}
	return strings.ToUpper(transport)
}

// A Remote is where a leg's INVITE came from or went to, and who may speak for
// that peer inside the dialog (policy's in_dialog_source). It is plain data.
type Remote struct {
	Flow   transport.Flow
	Trunk  string
	Accept string // trunk, flow or any
	MTU    int    // bytes above which a request goes by TCP, 0 is never
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

// request builds a request inside the dialog (RFC 3261 §12.2.1.1). The action's
// hop is the URI whose host the request goes to.
func (d *Dialog) request(method string, cseq uint32, l *Local, seed *shard.Seed) action {
	return d.within(method, cseq, seed.Branch(), l)
}

// within is request with a branch that is there already.
func (d *Dialog) within(method string, cseq uint32, branch string, l *Local) action {
	a := action{kind: actRequest, hop: d.RemoteTarget, branch: branch}
	a.msg = &sipmsg.Message{
		Method:      method,
		RequestURI:  d.RemoteTarget,
		Vias:        []sipmsg.Via{l.via(a.branch)},
		From:        sipmsg.Address{Raw: d.LocalParty},
		To:          sipmsg.Address{Raw: d.RemoteParty},
		CallID:      d.CallID,
		CSeq:        cseq,
		MaxForwards: 70,
	}
	if l.Product != "" {
		with(a.msg, "User-Agent", l.Product)
	}
	if len(d.Routes) == 0 {
		return a
	}
	routes := d.Routes
	if first, err := sipmsg.ParseAddress(routes[0]); err == nil {
		a.hop = requestURI(first.URI)
		if !first.URI.Params.Has("lr") { // a strict router
			a.msg.RequestURI = a.hop
			routes = append(routes[1:len(routes):len(routes)], "<"+d.RemoteTarget+">")
		}
	}
	for _, r := range routes {
		a.msg.Routes = append(a.msg.Routes, sipmsg.Address{Raw: r})
	}
	return a
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

// learn takes the peer's half of the dialog from a message of its: the target,
// the route set, its tag. They are copied, all in one piece, so that a dialog
// does not keep the datagram that made it.
func (d *Dialog) learn(party *sipmsg.Address, contacts, routes []sipmsg.Address, fallback string) {
	d.RemoteTag, d.RemoteParty = party.Tag(), party.Raw
	if d.RemoteTarget = targetOf(contacts); d.RemoteTarget == "" {
		d.RemoteTarget = fallback
	}
	d.Routes = nil
	if len(routes) > 0 {
		d.Routes = make([]string, len(routes))
		for i := range routes {
			d.Routes[i] = routes[i].Raw
		}
	}
	own := make([]*string, 0, 8)
	own = append(own, &d.CallID, &d.RemoteTag, &d.RemoteParty, &d.RemoteTarget)
	for i := range d.Routes {
		own = append(own, &d.Routes[i])
	}
	detach(own)
}

// targetOf is the URI that a peer is reached by, from its Contact; "" when there
// is none that can be used.
func targetOf(contacts []sipmsg.Address) string {
	if len(contacts) == 0 || contacts[0].URI.Host == "" {
		return ""
	}
	return strings.Clone(requestURI(contacts[0].URI))
}

// detach gives strings a memory of their own, one block for all.
func detach(list []*string) {
	size := 0
	for _, s := range list {
		size += len(*s)
	}
	var b strings.Builder
	b.Grow(size)
	for _, s := range list {
		b.WriteString(*s)
	}
	all := b.String()
	for _, s := range list {
		*s, all = all[:len(*s)], all[len(*s):]
	}
}

// requestURI is a URI as it may stand in a request line: without headers and
// without a method (RFC 3261 §19.1.1, table 1).
func requestURI(u sipmsg.URI) string {
	u.Headers = ""
	if u.Params.Has("method") {
		u.Params = u.Params.Without("method")
	}
	return u.String()
}
