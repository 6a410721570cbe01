package policy

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// The checks of a set: check → accounts, trunks (trunkcheck.go), routes, each
// field by field, then what an object says of others. They collect; nothing
// stops at the first fault.

// A checker collects faults of one set.
type checker struct {
	bounds   Bounds
	faults   []Fault
	beyond   int // faults beyond maxFaults
	object   string
	name     string
	accounts map[string]bool
	closed   map[string]bool // disabled accounts
	trunks   map[string]*compiledTrunk
	declared map[networkPrefix]string // source → trunk that declares it
}

// A networkPrefix is a source in the network where it is heard.
type networkPrefix struct {
	network string
	prefix  netip.Prefix
}

// at says whose fields are checked next.
func (c *checker) at(object, name string) { c.object, c.name = object, name }

// fault records one. Value is what the field holds, rendered as in JSON
// without the quotes.
func (c *checker) fault(field string, value any, message string, args ...any) {
	if len(c.faults) >= maxFaults {
		c.beyond++
		return
	}
	c.faults = append(c.faults, Fault{
		Object: c.object, Name: cut(c.name), Field: field,
		Value: cut(fmt.Sprint(value)), Message: fmt.Sprintf(message, args...),
	})
}

// all returns the faults, the last of them telling how many there are beyond.
func (c *checker) all() []Fault {
	if c.beyond > 0 {
		c.faults = append(c.faults, Fault{Object: "policy", Message: fmt.Sprintf("%d further faults are not listed", c.beyond)})
	}
	return c.faults
}

// size checks how many objects or elements there are.
func (c *checker) size(field string, n, most int) {
	if n > most {
		c.fault(field, n, "must hold at most %d", most)
	}
}

// within checks a whole number.
func (c *checker) within(field string, v, least, most int) {
	if v < least || v > most {
		c.fault(field, v, "must be from %d to %d", least, most)
	}
}

// oneOf checks an enumeration.
func (c *checker) oneOf(field, v string, words ...string) {
	if !slices.Contains(words, v) {
		c.fault(field, v, "must be one of %s", strings.Join(words, ", "))
	}
}

// named checks an object's name and id against those before it.
func (c *checker) named(id, name string, ids, names map[string]bool) {
	switch {
	case !validName(name):
		c.fault("name", name, "must be 1 to %d characters, letters, digits, dot, underscore and dash, the first a letter or digit", maxName)
	case isID(name):
		c.fault("name", name, "must not look like an id")
	case names[name]:
		c.fault("name", name, "is taken by another %s", c.object)
	}
	names[name] = true
	if id == "" {
		return
	}
	switch {
	case !isID(id):
		c.fault(c.object+"_id", id, "must be a UUID")
	case ids[id]:
		c.fault(c.object+"_id", id, "is the id of another %s", c.object)
	}
	ids[id] = true
}

// validName bounds names so that they stand in paths, logs and file names as
// they are.
func validName(s string) bool {
	if s == "" || len(s) > maxName || !isAlnum(s[0]) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isAlnum(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// isID reports whether s has the form of a UUID, RFC 9562 §4.
func isID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if !isDigit(c) && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

func (c *checker) accountList(accounts []Account) {
	c.at("policy", "")
	c.size("accounts", len(accounts), c.bounds.Accounts)
	ids := map[string]bool{}
	for i := range accounts {
		c.at("account", accounts[i].Name)
		c.named(accounts[i].AccountID, accounts[i].Name, ids, c.accounts)
		if !accounts[i].Enabled {
			c.closed[accounts[i].Name] = true
		}
	}
}

func (c *checker) routeList(routes []Route) {
	c.at("policy", "")
	c.size("routes", len(routes), c.bounds.Routes)
	ids, names := make(map[string]bool, len(routes)), make(map[string]bool, len(routes))
	for i := range routes {
		r := &routes[i]
		c.at("route", r.Name)
		c.named(r.RouteID, r.Name, ids, names)
		c.within("priority", r.Priority, 0, maxPriority)
		c.prefix("match.called_prefix", r.Match.CalledPrefix)
		c.prefix("match.caller_prefix", r.Match.CallerPrefix)
		if t := r.Match.InboundTrunk; t != "" && c.trunks[t] == nil {
			c.fault("match.inbound_trunk", t, "no trunk has this name")
		}
		c.targets(r.Targets)
	}
}

func (c *checker) targets(targets []RouteTarget) {
	if len(targets) == 0 {
		c.fault("targets", "", "must name at least one trunk")
	}
	c.size("targets", len(targets), maxTargets)
	attempts := 0
	for i, t := range targets {
		c.within(fmt.Sprintf("targets[%d].weight", i), t.Weight, 1, maxWeight)
		trunk := c.trunks[t.Trunk]
		if trunk == nil {
			c.fault(fmt.Sprintf("targets[%d].trunk", i), t.Trunk, "no trunk has this name")
			continue
		}
		attempts += len(trunk.Gateways)
		before := slices.IndexFunc(targets[:i], func(u RouteTarget) bool { return u.Trunk == t.Trunk })
		if before >= 0 {
			c.fault(fmt.Sprintf("targets[%d].trunk", i), t.Trunk, "is targets[%d] already", before)
		}
	}
	if attempts > maxAttempts {
		c.fault("targets", attempts, "must lead to at most %d gateways in all", maxAttempts)
	}
}

// prefix checks what a number must begin with.
func (c *checker) prefix(field, p string) {
	if len(p) > maxPrefix {
		c.fault(field, p, "must be at most %d characters long", maxPrefix)
		return
	}
	for i := range len(p) {
		if p[i] <= ' ' || p[i] >= 0x7f || strings.IndexByte(`@<>";`, p[i]) >= 0 {
			c.fault(field, p, "must be visible ASCII characters of a SIP user, without parameters")
			return
		}
	}
	if n := number(p); n != p {
		c.fault(field, p, "must have no visual separators: numbers are compared as %s", n)
	}
}

// headerNames checks a list of header names.
func (c *checker) headerNames(field string, names []string) {
	c.size(field, len(names), maxHeaders)
	for i, name := range names {
		at := field + "[" + strconv.Itoa(i) + "]"
		switch {
		case name == "" || len(name) > maxWord || strings.IndexFunc(name, notToken) >= 0:
			c.fault(at, name, "must be a header name of at most %d characters", maxWord)
		case slices.ContainsFunc(ownHeaders(), func(own string) bool { return strings.EqualFold(own, name) }):
			c.fault(at, name, "is written anew for each leg; no rule can change that")
		case slices.ContainsFunc(names[:i], func(n string) bool { return strings.EqualFold(n, name) }):
			c.fault(at, name, "is given twice")
		}
	}
}

// notToken reports what RFC 3261 §25.1 does not allow in a token.
func notToken(r rune) bool {
	return r >= 0x80 || !isAlnum(byte(r)) && !strings.ContainsRune("-.!%*_+`'~", r)
}

// ownHeaders are what makes a leg a dialog of its own, with their compact
// forms. Passing one on would join what a B2BUA keeps apart.
func ownHeaders() []string {
	return []string{
		"Via", "v", "From", "f", "To", "t", "Call-ID", "i", "CSeq", "Contact", "m",
		"Route", "Record-Route", "Max-Forwards", "Content-Length", "l", "Content-Type", "c",
	}
}

// byName orders objects for the snapshot.
func byName[T any](name func(*T) string) func(a, b T) int {
	return func(a, b T) int { return cmp.Compare(name(&a), name(&b)) }
}
