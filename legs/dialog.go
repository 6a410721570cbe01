package legs

import (
	"strconv"
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
	b, at, end := l.appendVia(room[:0], seed)
	via = string(b)
	return via, via[at:end]
}

// appendVia appends such a Via to b, and says where the branch is.
func (l *Local) appendVia(b []byte, seed *shard.Seed) (out []byte, branch, end int) {
	b = append(append(b, "SIP/2.0/"...), upper(l.Transport)...)
	b = append(append(append(b, ' '), l.Host...), branchParam...)
	branch = len(b)
	b = seed.AppendBranch(b)
	end = len(b)
	return append(b, viaTail...), branch, end
}

// contact has the tag as its user part: it tells nothing and is no other leg's.
// param is where its parameter goes, if there is one.
func (l *Local) contact(tag string, param *[1]sipmsg.Param) sipmsg.Address {
	u := sipmsg.URI{Scheme: "sip", User: tag, Host: l.Host}
	if i := strings.LastIndexByte(l.Host, ':'); i >= 0 {
		if port, err := strconv.Atoi(l.Host[i+1:]); err == nil { // else it is in an IPv6 address
			u.Host, u.Port = l.Host[:i], port
		}
	}
	if l.Transport != "udp" {
		param[0] = sipmsg.Param{Name: "transport", Value: l.Transport}
		u.Params = param[:]
	}
	return sipmsg.Address{URI: u}
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
	b, at := appendParty(room[:0], raw, seed)
	party = string(b)
	return party, party[at:]
}

// appendParty appends such a party to b, and says where the tag begins.
func appendParty(b []byte, raw string, seed *shard.Seed) (out []byte, tag int) {
	b = append(append(b, raw...), ";tag="...)
	return seed.AppendNext(b), len(b)
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
	var room [128]byte
	target := appendTarget(room[:0], contacts)
	if len(target) == 0 {
		target = append(target, hop...)
	}
	if len(target) == 0 {
		target = append(target, party.URI.String()...)
	}
	d.Routes = nil
	if len(routes) > 0 {
		d.Routes = make([]string, len(routes))
		for i := range routes {
			d.Routes[i] = routes[i].Raw
		}
	}
	var list [8]*string
	own := append(list[:0], &d.CallID, &d.RemoteTag, &d.RemoteParty)
	for i := range d.Routes {
		own = append(own, &d.Routes[i])
	}
	d.RemoteTarget = detach(own, target)
}

// targetOf is the URI that a peer is reached by, from its Contact; "" when there
// is none that can be used. It is a string of its own.
func targetOf(contacts []sipmsg.Address) string {
	var room [128]byte
	return string(appendTarget(room[:0], contacts))
}

func appendTarget(dst []byte, contacts []sipmsg.Address) []byte {
	if len(contacts) == 0 || contacts[0].URI.Host == "" {
		return dst
	}
	return appendRequestURI(dst, contacts[0].URI)
}

// detach gives strings a memory of their own, one block for all, and returns the
// text that it has put after them.
func detach(list []*string, text []byte) string {
	size := len(text)
	for _, s := range list {
		size += len(*s)
	}
	var b strings.Builder
	b.Grow(size)
	for _, s := range list {
		b.WriteString(*s)
	}
	b.Write(text)
	all := b.String()
	for _, s := range list {
		*s, all = all[:len(*s)], all[len(*s):]
	}
	return all
}

// requestURI is a URI as it may stand in a request line: without headers and
// without a method (RFC 3261 §19.1.1, table 1).
func requestURI(u sipmsg.URI) string {
	var room [128]byte
	return string(appendRequestURI(room[:0], u))
}

func appendRequestURI(dst []byte, u sipmsg.URI) []byte {
	u.Headers = ""
	if u.Params.Has("method") {
		u.Params = u.Params.Without("method")
	}
	return u.Append(dst)
}
