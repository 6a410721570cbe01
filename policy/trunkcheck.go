package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// trunkList checks the trunks and leaves their compiled forms in c.trunks.
func (c *checker) trunkList(trunks []Trunk) {
	c.at("policy", "")
	c.size("trunks", len(trunks), c.bounds.Trunks)
	ids, names := map[string]bool{}, map[string]bool{}
	for i := range trunks {
		t := &trunks[i]
		c.at("trunk", t.Name)
		c.named(t.TrunkID, t.Name, ids, names)
		compiled := &compiledTrunk{Trunk: t}
		switch {
		case !t.Enabled:
			compiled.off = "the trunk is disabled"
		case c.closed[t.Account]:
			compiled.off = "the trunk's account is disabled"
		}
		c.sources(compiled)
		c.gateways(compiled)
		c.profile(compiled)
		c.headers(t)
		c.trunks[t.Name] = compiled
	}
}

// profile checks the trunk's own fields.
func (c *checker) profile(t *compiledTrunk) {
	if t.Account != "" && !c.accounts[t.Account] {
		c.fault("account", t.Account, "no account has this name")
	}
	switch {
	case !validName(t.Network):
		c.fault("network", t.Network, "must be the name of a network")
	case c.bounds.Networks != nil && !slices.Contains(c.bounds.Networks, t.Network):
		c.fault("network", t.Network, "is not configured; the networks are %s", strings.Join(c.bounds.Networks, ", "))
	}
	c.oneOf("media", t.Media, MediaRelay, MediaBypass)
	c.oneOf("early_dialogs", t.EarlyDialogs, EarlyPerAnswer, EarlySingle)
	c.oneOf("in_dialog_source", t.InDialogSource, SourceTrunk, SourceFlow, SourceAny)
	if ring := t.RingTimeout.Std(); ring < minRing*time.Second || ring > maxRing*time.Second {
		c.fault("ring_timeout", t.RingTimeout, "must be from %ds to %ds", minRing, maxRing)
	}
	var err error
	if t.mtu, err = parseMTU(t.MTU); err != nil {
		c.fault("mtu", t.MTU, "%v", err)
	}
	for i, word := range t.HuntOn {
		at := fmt.Sprintf("hunt_on[%d]", i)
		switch {
		case !validHuntWord(word):
			c.fault(at, word, "must be a status from %d to %d, %s or %s", minHuntStatus, maxHuntStatus, HuntTransport, HuntTimeout)
		case slices.Contains(t.HuntOn[:i], word):
			c.fault(at, word, "is given twice")
		}
	}
	t.hunt = compileHuntOn(t.HuntOn)
	c.within("limits.max_calls", t.Limits.MaxCalls, 0, maxLimit)
	c.within("limits.max_cps", t.Limits.MaxCPS, 0, maxLimit)
}

// MTUOctets is the trunk's MTU as a number: 0 for off, and for one that does not
// compile.
func (t *Trunk) MTUOctets() int {
	n, _ := parseMTU(t.MTU)
	return n
}

// parseMTU returns 0 for off.
func parseMTU(s string) (int, error) {
	if s == "off" {
		return 0, nil
	}
	v, err := strconv.Atoi(s)
	if err != nil || v < minMTU || v > maxMTU || !isDigit(s[0]) {
		return 0, fmt.Errorf("must be from %d to %d octets, or off", minMTU, maxMTU)
	}
	return v, nil
}

func (c *checker) headers(t *Trunk) {
	c.headerNames("header_policy.pass", t.HeaderPolicy.Pass)
	c.headerNames("header_policy.remove", t.HeaderPolicy.Remove)
	for i, name := range t.HeaderPolicy.Remove {
		if slices.ContainsFunc(t.HeaderPolicy.Pass, func(n string) bool { return strings.EqualFold(n, name) }) {
			c.fault(fmt.Sprintf("header_policy.remove[%d]", i), name, "is passed and removed at once")
		}
	}
}

// sources checks where the trunk calls from. A source belongs to one trunk of
// a network, enabled or not: enabling a trunk never takes a source away.
func (c *checker) sources(t *compiledTrunk) {
	c.size("sources", len(t.Sources), c.bounds.Sources)
	for i, s := range t.Sources {
		at := fmt.Sprintf("sources[%d]", i)
		p, err := parseSource(s)
		if err != nil {
			c.fault(at, s, "%v", err)
			continue
		}
		key := networkPrefix{t.Network, p}
		if owner, taken := c.declared[key]; taken && owner == t.Name {
			c.fault(at, s, "is given twice")
		} else if taken {
			c.fault(at, s, "is declared by trunk %q too", owner)
		} else {
			c.declared[key] = t.Name
			t.prefixes = append(t.prefixes, p)
		}
	}
}

// parseSource reads an IP prefix; a bare address stands for itself alone.
func parseSource(s string) (netip.Prefix, error) {
	addr, errAddr := netip.ParseAddr(s)
	if errAddr == nil && addr.Zone() == "" && !addr.Is4In6() {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil || errAddr == nil && addr.Zone() != "":
		return p, errors.New("must be an IP address or prefix like 192.0.2.0/24 or 2001:db8::/32")
	case p.Addr().Is4In6():
		return p, errors.New("must be written as IPv4")
	case p != p.Masked():
		return p, fmt.Errorf("has bits beyond its length; write %s or a longer prefix", p.Masked())
	}
	return p, nil
}

func (c *checker) gateways(t *compiledTrunk) {
	c.size("gateways", len(t.Gateways), maxGateways)
	for i, g := range t.Gateways {
		at := fmt.Sprintf("gateways[%d]", i)
		c.within(at+".priority", g.Priority, 0, maxPriority)
		c.within(at+".weight", g.Weight, 1, maxWeight)
		a, err := parseGatewayURI(g.URI)
		if err != nil {
			c.fault(at+".uri", g.URI, "%v", err)
			continue
		}
		before := slices.IndexFunc(t.gateways, func(o compiledGateway) bool { return o.address.same(a) })
		if before >= 0 {
			c.fault(at+".uri", g.URI, "is the same as gateways[%d]", t.gateways[before].index)
			continue
		}
		t.gateways = append(t.gateways, compiledGateway{index: int32(i), address: a})
	}
	slices.SortStableFunc(t.gateways, func(a, b compiledGateway) int {
		return t.Gateways[a.index].Priority - t.Gateways[b.index].Priority
	})
}
