package legs

import (
	"bytes"
	"net/netip"
	"strings"
	"time"

	"b2bua/legs/sipmsg"
	"b2bua/legs/transport"
)

// transportOf is what a URI asks for, in lower case; "" leaves it open.
func transportOf(uri sipmsg.URI) string {
	named, _ := uri.Params.Get("transport")
	return strings.ToLower(named)
}

func (c *Core) stream(f transport.Flow) bool {
	return transport.IsStream(c.stack.listeners[f.Listener].Transport)
}

// flow is the way to the hop that was chosen last.
func (r *shell) flow(l leg) transport.Flow {
	f := transport.Flow{Listener: r.hopListener, Peer: r.hopAddr}
	if r.hopHome {
		f.Conn = l.remote().Flow.Conn
	}
	return f
}

// choose picks one of a hop's addresses, and the listener that sends to it. A hop
// that cannot be reached is where the INVITE came from or went to.
func (c *Core) choose(l leg, proto string, addrs []netip.AddrPort) {
	r, home := l.base(), l.remote().Flow
	own := &c.stack.listeners[home.Listener]
	r.hopAddr, r.hopListener, r.hopHome = home.Peer, home.Listener, true
	for _, addr := range addrs {
		if c.atHome(home, proto, addr) {
			r.hopAddr = addr
			return
		}
		want := proto
		if want == "" {
			want = "udp" // RFC 3263 §4.1
		}
		if want == own.Transport && sameFamily(addr, home.Peer) {
			r.hopAddr, r.hopHome = addr, !c.stream(home)
			return
		}
		if i, ok := c.stack.wire.Select(own.Network, want, addr); ok {
			r.hopAddr, r.hopListener, r.hopHome = addr, i, false
			return
		}
	}
	for _, addr := range addrs { // nothing that we have is what it asks for
		if sameFamily(addr, home.Peer) {
			r.hopAddr, r.hopHome = addr, !c.stream(home) || sameHost(addr, home.Peer)
			return
		}
	}
}

// atHome reports whether a hop is reached by the flow that the dialog lives on:
// by its connection, while that is up. A peer behind NAT that names an address of
// its own network can be reached in no other way.
func (c *Core) atHome(home transport.Flow, proto string, addr netip.AddrPort) bool {
	own := c.stack.listeners[home.Listener].Transport
	switch {
	case !sameFamily(addr, home.Peer), proto != "" && proto != own:
		return false
	case !c.stream(home):
		return true
	}
	return sameHost(addr, home.Peer) || addr.Addr().IsPrivate() && !home.Peer.Addr().IsPrivate() && !home.Peer.Addr().IsLoopback()
}

func sameHost(a, b netip.AddrPort) bool   { return a.Addr() == b.Addr() }
func sameFamily(a, b netip.AddrPort) bool { return a.Addr().Is4() == b.Addr().Is4() }

// connect finds the way for a request of so many bytes to the hop that was chosen
// last, and calls done on this shard: now, or when a connection is up.
func (c *Core) connect(l leg, size int, done func(*Core, way, error)) {
	flow := l.base().flow(l)
	switch {
	case c.stream(flow):
		c.join(flow, 0, func(c *Core, f transport.Flow, err error) {
			if r := l.remote(); err == nil && l.base().hopHome && r.Flow.Listener == f.Listener {
				r.Flow.Conn = f.Conn
			}
			done(c, way{flow: f}, err)
		})
	case c.big(l, flow, size):
		c.connectBig(flow, done)
	default:
		done(c, way{flow: flow}, nil)
	}
}

// join brings a connection's state to this shard.
func (c *Core) join(f transport.Flow, within time.Duration, done func(*Core, transport.Flow, error)) {
	owner := c.culprit()
	flow, now, err := c.stack.wire.Connect(f, within, func(f transport.Flow, err error) {
		c.Post(func(c *Core) {
			c.Blame(owner)
			done(c, f, err)
		})
	})
	if now {
		done(c, flow, err)
	}
}

// follow makes the connection that the peer speaks on the one that the dialog
// lives on: who comes back over another has lost the old one.
func (c *Core) follow(l leg, from transport.Flow) {
	r := l.remote()
	if from.Conn != 0 && from.Listener == r.Flow.Listener && sameHost(from.Peer, r.Flow.Peer) {
		r.Flow.Conn = from.Conn
	}
}

// sameFlow compares the sources of two messages. Over a stream that is the host: a
// peer that has lost its connection comes back from another port, and nobody can
// pretend to be it.
func (c *Core) sameFlow(a, b transport.Flow) bool {
	if a.Listener == b.Listener && c.stream(a) {
		return sameHost(a.Peer, b.Peer)
	}
	return a == b
}

// leaving returns a request of ours with the topmost Via of the listener that it
// leaves by: its leg may have thought of another (RFC 3261 §18.1.1).
func leaving(raw []byte, l *transport.Listener) []byte {
	const name = "\r\nVia: SIP/2.0/"
	start := bytes.Index(raw, []byte(name))
	if start < 0 {
		return raw
	}
	start += len(name)
	end := bytes.Index(raw[start:], []byte(";branch="))
	if end < 0 {
		return raw
	}
	proto, sentBy, _ := bytes.Cut(raw[start:start+end], []byte(" "))
	if string(proto) == upper(l.Transport) && string(sentBy) == l.Advertise {
		return raw
	}
	out := make([]byte, 0, len(raw)+len(l.Advertise))
	out = append(append(out, raw[:start]...), upper(l.Transport)...)
	out = append(append(out, ' '), l.Advertise...)
	return append(out, raw[start+end:]...)
}
