package bridge

import (
	"net/netip"
	"slices"
	"strings"

	"b2bua/legs/sipmsg"
	"b2bua/policy"
)

// The header policy: what crosses from one leg to the other. Everything that
// traits or a trunk's rule do not name stays where it came from.

// A trait is what the header policy knows of a header.
type trait uint8

const (
	crosses  trait = 1 << iota // in both directions
	identity                   // crosses between trunks that are both trusted (RFC 3325 §5, RFC 5806)
	private                    // Privacy: user or header takes it out (RFC 3323 §4.1, §5.1)
	stays                      // whatever a rule says: it speaks of one leg only, or is for the first to hear it (RFC 3325 §9.2)
)

// traits are those of a header, by the name that sipmsg gives it.
func traits(name string) trait {
	switch name {
	case "Privacy", "Reason", "Accept-Language":
		return crosses
	case "Subject", "Alert-Info", "User-to-User":
		return crosses | private
	case "P-Asserted-Identity", "Remote-Party-ID":
		return identity
	case "Diversion":
		return identity | private
	case "Call-Info", "Organization", "Reply-To", "In-Reply-To":
		return private
	case "Allow", "Supported", "Require", "Proxy-Require", "Unsupported", "Authorization", "Proxy-Authorization",
		"WWW-Authenticate", "Proxy-Authenticate", "Authentication-Info", "User-Agent", "Server", "Session-Expires", "Min-SE",
		"RSeq", "RAck", "Replaces", "Refer-To", "Timestamp", "Retry-After", "Warning", "P-Preferred-Identity",
		"Content-Length", "Content-Disposition", "Content-Encoding", "MIME-Version":
		return stays
	}
	return 0
}

// A gate lets headers through from one leg to the other.
type gate struct {
	to      policy.HeaderPolicy // rules of the trunk they would go to
	trusted bool                // so are both trunks
	wishes  wishes              // of whom they come from
	ours    string              // host that stands for addresses on the other side
}

// forward is what the callee sees of the caller: From, and the headers that pass.
func (k *call) forward(t *policy.Target, ours string) (from string, headers []sipmsg.Header) {
	inv, rules := k.setup.inv, t.HeaderPolicy
	us := sipmsg.URI{Scheme: "sip", Host: hostOf(ours)}
	g := gate{to: rules, trusted: k.setup.trunk.HeaderPolicy.Trusted && rules.Trusted, wishes: wishesOf(inv.Headers), ours: us.Host}
	if g.wishes.user && !rules.Trusted {
		return `"Anonymous" <sip:anonymous@anonymous.invalid>`, g.pass(inv.Headers) // RFC 3323 §4.1.1.3
	}
	us.User = sipmsg.EscapeUser(t.Caller)
	return sipmsg.Address{Display: inv.From.Display, URI: us}.String(), g.pass(inv.Headers)
}

// backward is what the caller sees of the callee's response.
func (k *call) backward(a *attempt, list []sipmsg.Header) []sipmsg.Header {
	rules := k.setup.trunk.HeaderPolicy
	g := gate{to: rules, trusted: rules.Trusted && a.target.HeaderPolicy.Trusted, wishes: wishesOf(list)}
	if g.trusted { // nothing is hidden otherwise
		g.ours = address(&k.setup.inv.Listener).String()
	}
	return g.pass(list)
}

// hostOf is the host of host:port, an IPv6 address without its brackets.
func hostOf(s string) string {
	if rest, ok := strings.CutPrefix(s, "["); ok {
		host, _, _ := strings.Cut(rest, "]")
		return host
	}
	host, _, _ := strings.Cut(s, ":")
	return host
}

// pass returns the headers that cross, in their order.
func (g *gate) pass(list []sipmsg.Header) (out []sipmsg.Header) {
	for _, h := range list {
		t := traits(h.Name)
		if !g.lets(h.Name, t) {
			continue
		}
		if t&identity != 0 {
			if h.Value = g.hide(h.Value); h.Value == "" {
				continue
			}
		}
		out = append(out, h)
	}
	return out
}

// lets decides on one header.
func (g *gate) lets(name string, t trait) bool {
	switch {
	case t&stays != 0 || removes(g.to, name):
		return false
	case t&private != 0 && !g.to.Trusted && (g.wishes.user || g.wishes.header):
		return false
	case t&identity != 0:
		return g.trusted
	}
	return t&crosses != 0 || names(g.to.Pass, name)
}

// hide writes our own host for an IP address in an identity: who is calling may
// be told, where from may not. A domain is part of who it is and stays. What
// cannot be read does not pass: the result is empty.
func (g *gate) hide(value string) string {
	m := sipmsg.Message{Headers: []sipmsg.Header{{Name: "P-Asserted-Identity", Value: value}}}
	list := m.HeaderValues("P-Asserted-Identity")
	for i, v := range list {
		a, err := sipmsg.ParseAddress(v)
		if err != nil {
			return ""
		}
		if _, err := netip.ParseAddr(strings.Trim(a.URI.Host, "[]")); err != nil || !a.URI.IsSIP() {
			continue
		}
		a.Raw, a.URI.Host, a.URI.Port = "", g.ours, 0
		list[i] = a.String()
	}
	return strings.Join(list, ", ")
}

// removes reports whether a trunk's rule keeps a header from it.
func removes(to policy.HeaderPolicy, name string) bool { return names(to.Remove, name) }

func names(list []string, name string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, name) })
}

// wishes are what somebody wants kept private (RFC 3323 §4.2). "id" keeps
// asserted identity from those who are not trusted, and "history" what this
// server passes by rule only: policy does both in any case.
type wishes struct {
	user, header, session bool
	unmet                 bool // critical, and something is asked that nobody here knows
}

func wishesOf(list []sipmsg.Header) (w wishes) {
	if !slices.ContainsFunc(list, func(h sipmsg.Header) bool { return h.Name == "Privacy" }) {
		return wishes{}
	}
	critical, unknown := false, false
	m := sipmsg.Message{Headers: list}
	for _, token := range m.Tokens("Privacy") {
		switch token {
		case "user":
			w.user = true
		case "header":
			w.header = true
		case "session":
			w.session = true
		case "none":
			return wishes{}
		case "critical":
			critical = true
		case "id", "history":
		default:
			unknown = true
		}
	}
	w.unmet = critical && unknown
	return w
}

// digits is the user part of a URI as routing uses it: unescaped, without
// parameters; the number of a tel URI without its visual separators (RFC 3966
// §5.1.1).
func digits(u sipmsg.URI) string {
	user := u.User
	if u.Scheme == "tel" {
		user, _, _ = strings.Cut(u.Opaque, ";")
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune("-.()", r) {
				return -1
			}
			return r
		}, user)
	}
	user, _, _ = strings.Cut(user, ";")
	if plain, ok := sipmsg.UnescapeUser(user); ok {
		return plain
	}
	return user
}
