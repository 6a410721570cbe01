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

// via is the Via of a request with that branch.
func (l *Local) via(branch string) string {
	return "SIP/2.0/" + upper(l.Transport) + " " + l.Host + branchParam + branch + viaTail
}

const (
	branchParam = ";branch="
	viaTail     = ";rport"
)

// newVia is a Via with a new branch, which is a part of it.
func (l *Local) newVia(seed *shard.Seed) (via, branch string) {
	var room [192]byte
	b := append(append(room[:0], "SIP/2.0/"...), upper(l.Transport)...)
	b = append(append(append(b, ' '), l.Host...), branchParam...)
	at := len(b)
	b = seed.AppendBranch(b)
	end := len(b)
	via = string(append(b, viaTail...))
	return via, via[at:end]
}

// contact has the tag as its user part: it tells nothing and is no other leg's.
func (l *Local) contact(tag string) sipmsg.Address {
	if l.Transport == "udp" {
		return sipmsg.Address{Raw: "<sip:" + tag + "@" + l.Host + ">"}
	}
	return sipmsg.Address{Raw: "<sip:" + tag + "@" + l.Host + ";transport=" + l.Transport + ">"}
}

func upper(transport string) string {
	if transport == "udp" {
		return "UDP"
	}
	return strings.ToUpper(transport)
}

// newParty is a From or To with a new tag, which is a part of it.
func newParty(raw string, seed *shard.Seed) (party, tag string) {
	var room [256]byte
	b := append(append(room[:0], raw...), ";tag="...)
	at := len(b)
	party = string(seed.AppendNext(b))
	return party, party[at:]
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

// request drafts a request inside the dialog (RFC 3261 §12.2.1.1). The action's
// hop is the URI whose host the request goes to.
func (d *Dialog) request(out *script, method string, cseq uint32, l *Local, seed *shard.Seed) action {
	via, branch := l.newVia(seed)
	a := action{kind: actRequest, branch: branch, msg: out.draft()}
	a.msg.from(via)
	d.within(&a, method, cseq)
	if l.Product != "" {
		a.msg.with("User-Agent", l.Product)
	}
	return a
}

// within drafts what every request inside the dialog has, but for its Via.
func (d *Dialog) within(a *action, method string, cseq uint32) {
	m := &a.msg.Message
	m.Method, m.CSeq, m.CallID, m.MaxForwards = method, cseq, d.CallID, 70
	m.From.Raw, m.To.Raw = d.LocalParty, d.RemoteParty
	a.hop, m.RequestURI = d.RemoteTarget, d.RemoteTarget
	if len(d.Routes) == 0 {
		return
	}
	routes := d.Routes
	if first, err := sipmsg.ParseAddress(routes[0]); err == nil {
		a.hop = requestURI(first.URI)
		if !first.URI.Params.Has("lr") { // a strict router
			m.RequestURI = a.hop
			routes = append(routes[1:len(routes):len(routes)], "<"+d.RemoteTarget+">")
		}
	}
	for _, r := range routes {
		m.Routes = append(m.Routes, sipmsg.Address{Raw: r})
	}
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
// does not keep the datagram that made it. When the message has no target, hop
// is where it came from or went to.
func (d *Dialog) learn(party *sipmsg.Address, contacts, routes []sipmsg.Address, hop string) {
	d.RemoteTag, d.RemoteParty = party.Tag(), party.Raw
	if d.RemoteTarget = targetOf(contacts); d.RemoteTarget == "" {
		d.RemoteTarget = hop
	}
	if d.RemoteTarget == "" {
		d.RemoteTarget = party.URI.String()
	}
	d.Routes = nil
	if len(routes) > 0 {
		d.Routes = make([]string, len(routes))
		for i := range routes {
			d.Routes[i] = routes[i].Raw
		}
	}
	var room [8]*string
	own := append(room[:0], &d.CallID, &d.RemoteTag, &d.RemoteParty, &d.RemoteTarget)
	for i := range d.Routes {
		own = append(own, &d.Routes[i])
	}
	detach(own)
}

// targetOf is the URI that a peer is reached by, from its Contact; "" when there
// is none that can be used. It is a string of its own.
func targetOf(contacts []sipmsg.Address) string {
	if len(contacts) == 0 || contacts[0].URI.Host == "" {
		return ""
	}
	return requestURI(contacts[0].URI)
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
