package bridge

import (
	"slices"
	"strings"

	"b2bua/legs"
	"b2bua/legs/sipmsg"
	"b2bua/policy"
)

// The header policy: what crosses from one leg to the other. Everything that
// is not named here or by a trunk's rule stays where it came from.
var (
	// passes crosses in both directions.
	passes = []string{"Privacy", "Reason", "Subject", "Accept-Language", "Alert-Info", "User-To-User"}
	// trusted crosses between trunks that are both trusted (RFC 3325 §5, RFC 5806).
	trusted = []string{"P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID", "Diversion"}
	// private is what Privacy: user or header takes out (RFC 3323 §4.1, §5.1).
	private = []string{"Subject", "Alert-Info", "User-To-User", "Call-Info", "Organization", "Reply-To", "In-Reply-To", "Diversion"}
	// never crosses whatever a rule says: these speak of one leg only.
	never = []string{
		"Allow", "Supported", "Require", "Proxy-Require", "Unsupported", "Authorization", "Proxy-Authorization",
		"Www-Authenticate", "Proxy-Authenticate", "User-Agent", "Server", "Session-Expires", "Min-Se", "Rseq", "Rack",
		"Replaces", "Refer-To", "Timestamp", "Content-Length", "Content-Disposition", "Content-Encoding", "Mime-Version",
	}
)

// forward is what the callee sees of the caller: From, and the headers that pass.
func (k *call) forward(t *policy.Target, ours string) (from string, headers []sipmsg.Header) {
	p := k.privacy()
	rules := t.HeaderPolicy
	bothTrusted := k.trunk.HeaderPolicy.Trusted && rules.Trusted
	hideUser := p.user && !rules.Trusted
	us, err := sipmsg.ParseURI("sip:" + ours)
	if err != nil { // listeners are checked at start
		us = sipmsg.URI{Scheme: "sip", Host: "anonymous.invalid"}
	}
	us.User, us.Port = sipmsg.EscapeUser(t.Caller), 0
	from = sipmsg.Address{Display: k.inv.From.Display, URI: us}.String()
	if hideUser {
		from = `"Anonymous" <sip:anonymous@anonymous.invalid>` // RFC 3323 §4.1.1.3
	}
	for _, h := range k.inv.Headers {
		if !crosses(h.Name, rules, bothTrusted) {
			continue
		}
		if (hideUser || p.header && !rules.Trusted) && slices.Contains(private, h.Name) {
			continue
		}
		headers = append(headers, h)
	}
	return from, headers
}

// backward is what the caller sees of the callee's response.
func (k *call) backward(a *attempt, list []sipmsg.Header) (headers []sipmsg.Header) {
	rules := k.trunk.HeaderPolicy
	bothTrusted := rules.Trusted && a.target.HeaderPolicy.Trusted
	for _, h := range list {
		if crosses(h.Name, rules, bothTrusted) {
			headers = append(headers, h)
		}
	}
	return headers
}

// crosses decides on one header by the rules of the trunk it would go to.
func crosses(name string, to policy.HeaderPolicy, bothTrusted bool) bool {
	if slices.ContainsFunc(never, fold(name)) || slices.ContainsFunc(to.Remove, fold(name)) {
		return false
	}
	if slices.ContainsFunc(trusted, fold(name)) {
		return bothTrusted
	}
	return slices.ContainsFunc(passes, fold(name)) || slices.ContainsFunc(to.Pass, fold(name))
}

func fold(name string) func(string) bool {
	return func(s string) bool { return strings.EqualFold(s, name) }
}

// wishes are the caller's privacy wishes (RFC 3323 §4.2). "session" asks for
// what media relay and our own o= do anyway; "id" keeps asserted identity from
// those who are not trusted, which the policy does in any case.
type wishes struct{ user, header bool }

func (k *call) privacy() (w wishes) {
	for _, h := range k.inv.Headers {
		if h.Name != "Privacy" {
			continue
		}
		for _, token := range strings.FieldsFunc(strings.ToLower(h.Value), func(r rune) bool { return r == ';' || r == ',' || r == ' ' }) {
			switch token {
			case "user":
				w.user = true
			case "header":
				w.header = true
			case "none":
				return wishes{}
			}
		}
	}
	return w
}

// digits is the user part of a URI as routing uses it: unescaped, without
// parameters; the number of a tel URI.
func digits(u sipmsg.URI) string {
	user := u.User
	if u.Scheme == "tel" {
		user = u.Opaque
	}
	user, _, _ = strings.Cut(user, ";")
	if plain, ok := sipmsg.UnescapeUser(user); ok {
		return plain
	}
	return user
}

func caller(inv *legs.Invite) string { return digits(inv.From.URI) }
