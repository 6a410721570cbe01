package config

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// transports are those that this build can listen on.
const transports = "udp tcp"

// networkName is what trunks and metrics can spell.
var networkName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// networkKeys are the keys that make a network, which differ for the default.
type networkKeys struct {
	listen, advertise, unknown, addresses, mediaAdvertise, ports string
}

func keysOf(name string) networkKeys {
	if name == DefaultNetwork {
		return networkKeys{"sip.listen", "sip.advertise", "sip.unknown", "media.addresses", "media.advertise", "media.ports"}
	}
	at := "networks." + name
	return networkKeys{at + ".listen", at + ".advertise", at + ".unknown", at + ".media.addresses", at + ".media.advertise", at + ".media.ports"}
}

// bound is a listener with the key and text that asked for it.
type bound struct {
	Listen
	key, text string
}

// networks checks each network by itself and then that no two of their
// sockets want the same address.
func (v *validator) networks() {
	list := v.c.NetworkList()
	var all []bound
	for _, n := range list {
		keys := keysOf(n.Name)
		if n.Name != DefaultNetwork {
			v.networkName(n)
		}
		listeners := v.listeners(n, keys)
		v.advertise(n, keys, listeners)
		v.mediaAddresses(n, keys)
		v.ports(n, keys)
		all = append(all, listeners...)
	}
	if _, taken := v.c.Networks[DefaultNetwork]; taken {
		v.fault("networks.default", "", "is the network that sip and media make; set those instead")
	}
	v.distinctListeners(all)
	v.distinctPorts(list, all)
}

func (v *validator) networkName(n Network) {
	if !networkName.MatchString(n.Name) {
		v.fault("networks."+n.Name, "", "must be named with 1 to 63 of a-z, 0-9, - and _")
	}
	v.oneOf(keysOf(n.Name).unknown, n.Unknown, "reject", "drop")
}

func (v *validator) listeners(n Network, keys networkKeys) (good []bound) {
	if len(n.Listen) == 0 {
		v.fault(keys.listen, "", "must have at least one listener")
	}
	for i, text := range n.Listen {
		key := fmt.Sprintf("%s[%d]", keys.listen, i)
		l, err := ParseListen(text)
		switch {
		case err != nil:
			v.fault(key, text, "%s", err)
		case !slices.Contains(strings.Fields(transports), l.Transport):
			v.fault(key, text, "the transport %s is not available in this build, which has %s", l.Transport, strings.ReplaceAll(transports, " ", " and "))
		case l.Addr.Addr().IsMulticast():
			v.fault(key, text, "must not be a multicast address")
		default:
			good = append(good, bound{Listen: l, key: key, text: text})
		}
	}
	return good
}

func (v *validator) advertise(n Network, keys networkKeys, listeners []bound) {
	if n.Advertise == "" {
		for _, l := range listeners {
			if l.Addr.Addr().IsUnspecified() {
				v.fault(keys.advertise, "", "must be set, because %s listens on every address and a peer must be told one", l.text)
				return
			}
		}
		return
	}
	host, port, err := splitHostPort(n.Advertise)
	if err != nil {
		v.fault(keys.advertise, n.Advertise, "%s", err)
		return
	}
	if !isHost(host) || isUnspecified(host) {
		v.fault(keys.advertise, n.Advertise, "must be a concrete IP address or a host name")
	}
	if port != 0 && slices.ContainsFunc(listeners, func(l bound) bool { return l.Addr.Port() != listeners[0].Addr.Port() }) {
		v.fault(keys.advertise, n.Advertise, "must not have a port, because the listeners of the network do not all have the same")
	}
}

func (v *validator) mediaAddresses(n Network, keys networkKeys) {
	if len(n.Media.Addresses) == 0 {
		v.fault(keys.addresses, "", "must have at least one address")
	}
	var families [2]bool
	for i, a := range n.Media.Addresses {
		key := fmt.Sprintf("%s[%d]", keys.addresses, i)
		if !concrete(a) {
			v.fault(key, a.String(), "must be a concrete unicast address without a zone")
			continue
		}
		family := 0
		if a.Is6() {
			family = 1
		}
		if families[family] {
			v.fault(key, a.String(), "must be the only address of its family")
		}
		families[family] = true
	}
	if text := n.Media.Advertise; text != "" {
		a, err := netip.ParseAddr(text)
		switch {
		case err != nil || !concrete(a):
			v.fault(keys.mediaAdvertise, text, "must be a concrete IP address")
		case a.Is4() && !families[0] || a.Is6() && !families[1]:
			v.fault(keys.mediaAdvertise, text, "must be of the family of an address in %s", keys.addresses)
		}
	}
}

func (v *validator) ports(n Network, keys networkKeys) {
	r := n.Media.Ports
	switch {
	case r.Min < 1024 || r.Max > 65535 || r.Min > r.Max:
		v.fault(keys.ports, r.String(), "must be low-high within 1024-65535")
	case r.Pairs() < 2: // a call needs one pair for each side
		v.fault(keys.ports, r.String(), "must hold at least two pairs of an even port and the next")
	}
}

// distinctListeners refuses two listeners on one socket.
func (v *validator) distinctListeners(all []bound) {
	for i, l := range all {
		for _, o := range all[:i] {
			if l.Addr.Port() != 0 && l.Addr.Port() == o.Addr.Port() && sameAddr(l.Addr.Addr(), o.Addr.Addr()) && datagram(l) == datagram(o) {
				v.fault(l.key, l.text, "must not be the same address and port as %s in %s", o.text, o.key)
				break
			}
		}
	}
}

// distinctPorts refuses media ports that a listener has, and ranges of two
// networks that overlap on one address; sharing the same range is fine.
func (v *validator) distinctPorts(list []Network, all []bound) {
	for i, n := range list {
		keys := keysOf(n.Name)
		for _, l := range all {
			port := int(l.Addr.Port())
			shared := func(a netip.Addr) bool { return concrete(a) && sameAddr(a, l.Addr.Addr()) }
			if datagram(l) && n.Media.Ports.Contains(port) && slices.ContainsFunc(n.Media.Addresses, shared) {
				v.fault(keys.ports, n.Media.Ports.String(), "must not hold %d, the port of %s in %s", port, l.text, l.key)
			}
		}
		for _, o := range list[:i] {
			shared := func(a netip.Addr) bool { return concrete(a) && slices.Contains(o.Media.Addresses, a) }
			if n.Media.Ports != o.Media.Ports && n.Media.Ports.overlaps(o.Media.Ports) && slices.ContainsFunc(n.Media.Addresses, shared) {
				v.fault(keys.ports, n.Media.Ports.String(), "must not overlap %s of %s, which has the same address", o.Media.Ports, keysOf(o.Name).ports)
			}
		}
	}
}

func datagram(l bound) bool { return l.Transport == "udp" }

// sameAddr reports whether sockets on both addresses would get in each other's
// way: equal, or one of them every address of the family. [::] also takes IPv4.
func sameAddr(a, b netip.Addr) bool {
	wild := func(w, x netip.Addr) bool { return w.IsUnspecified() && (w.Is6() || x.Is4()) }
	return a == b || wild(a, b) || wild(b, a)
}

// concrete reports whether a is the address of one interface on any host.
func concrete(a netip.Addr) bool {
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && a.Zone() == "" && !a.Is4In6()
}

func isUnspecified(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsUnspecified()
}

// isHost reports whether host is an IP address or a host name (RFC 1123 §2.1).
func isHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	if host == "" || len(host) > 253 || strings.Trim(host, "0123456789.") == "" {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(host, "."), ".") {
		ok := label != "" && len(label) <= 63 && label[0] != '-' && label[len(label)-1] != '-'
		if !ok || strings.ContainsFunc(label, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
		}) {
			return false
		}
	}
	return true
}
