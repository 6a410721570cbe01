package legs

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"b2bua/legs/transport"
	"b2bua/legs/txn"
)

// An Image is all that a shard's half of the stack remembers: legs, transactions
// and when each has to be woken. It is plain data: written as JSON, read back and
// loaded, everything goes on as if nothing had happened. Its keys of server
// transactions are good in the process that made them.
type Image struct {
	Legs    []LegImage    `json:"legs"`
	Servers []ServerImage `json:"servers"`
	Clients []ClientImage `json:"clients"`
	Heard   []Hearing     `json:"heard,omitempty"` // of further client transactions
	Alarms  []AlarmImage  `json:"alarms"`          // those of one tick in the order in which they fire
}

// A LegImage is one leg: one of its states is there. Numbers count from 1 in
// the lists of the [Image], 0 is none.
type LegImage struct {
	Inbound  *InboundState  `json:"inbound,omitempty"`
	Outbound *OutboundState `json:"outbound,omitempty"`
	Invite   int            `json:"invite,omitempty"` // server transaction of its INVITE
	Asked    int            `json:"asked,omitempty"`  // of the peer's re-INVITE
	Mute     bool           `json:"mute,omitempty"`
	Hop      HopImage       `json:"hop"`
}

// A HopImage is the way that a leg's last request took.
type HopImage struct {
	URI      string         `json:"uri"`
	Address  netip.AddrPort `json:"address"`
	Listener int            `json:"listener"`
	Home     bool           `json:"home"`
	Lost     bool           `json:"lost"`
}

// A ServerImage is a server transaction.
type ServerImage struct {
	txn.Server
	Key     txn.ServerKey  `json:"key"`
	Merge   txn.MergeKey   `json:"merge"`
	Request *echo          `json:"request,omitempty"`
	Flow    transport.Flow `json:"flow"`
	Leg     int            `json:"leg,omitempty"`
	Past    *PastImage     `json:"past,omitempty"`
}

// A PastImage is what is left of the leg of an INVITE.
type PastImage struct {
	Remote Remote `json:"remote"`
	Tag    string `json:"tag"`
}

// A ClientImage is a client transaction.
type ClientImage struct {
	txn.Client
	Flow   transport.Flow `json:"flow"`
	Big    bool           `json:"big,omitempty"`
	Plain  transport.Flow `json:"plain,omitzero"`
	Leg    int            `json:"leg"`
	CSeq   uint32         `json:"cseq"`
	Quiet  bool           `json:"quiet,omitempty"`
	Shrunk bool           `json:"shrunk,omitempty"`
}

// An AlarmImage is a time at which something has to be done: by a leg, by a
// transaction, or by what the bridge has named.
type AlarmImage struct {
	At     time.Time `json:"at"`
	Leg    int       `json:"leg,omitempty"`
	Server int       `json:"server,omitempty"`
	Client int       `json:"client,omitempty"`
	Name   string    `json:"name,omitempty"`
}

// ErrBusy is returned by [Core.Image] in the middle of a step, and while a leg
// waits for an address or a connection.
var ErrBusy = errors.New("legs: a step is under way")

// A painter makes an Image.
type painter struct {
	img     Image
	legs    map[leg]int
	servers map[*serverTx]int
	clients map[*clientTx]int
}

// Image is all that the shard remembers. It shares memory with the shard: it has
// to be written before anything else happens. name says what the bridge calls what
// it has scheduled; what it gives no name is left out. It must be called by what
// was posted, and by nothing that follows from an event.
func (c *Core) Image(name func(Wakeable) string) (Image, error) {
	if len(c.events) != 0 || len(c.out) != 0 || c.leg != nil || c.hand != nil {
		return Image{}, ErrBusy
	}
	p := &painter{legs: map[leg]int{}, servers: map[*serverTx]int{}, clients: map[*clientTx]int{}}
	servers, clients, all := p.count(c)
	for _, tx := range servers {
		p.img.Servers = append(p.img.Servers, p.server(tx))
	}
	for _, tx := range clients {
		p.img.Clients = append(p.img.Clients, ClientImage{
			Client: tx.Client, Flow: tx.flow, Big: tx.big, Plain: tx.plain,
			Leg: p.legs[tx.leg], CSeq: tx.cseq, Quiet: tx.quiet, Shrunk: tx.shrunk,
		})
	}
	p.img.Heard = c.heard.all(c.now)
	for _, l := range all {
		if r := l.base(); r.hopBusy || len(r.waiting) != 0 {
			return Image{}, ErrBusy
		}
		p.img.Legs = append(p.img.Legs, p.leg(l))
	}
	for t := range c.shard.Wheel.All() {
		if a := p.alarm(t, name); a != (AlarmImage{At: a.At}) {
			p.img.Alarms = append(p.img.Alarms, a)
		}
	}
	return p.img, nil
}

// count numbers everything, in an order that the ids give.
func (p *painter) count(c *Core) (servers []*serverTx, clients []*clientTx, all []leg) {
	seen := func(l leg) {
		if l != nil && p.legs[l] == 0 {
			p.legs[l] = -1
			all = append(all, l)
		}
	}
	for l := range c.legs.index.All() {
		seen(l)
	}
	for tx := range c.servers.all(c.now) {
		servers = append(servers, tx)
		seen(tx.leg)
	}
	for tx := range c.clients.all() {
		clients = append(clients, tx)
		seen(tx.leg)
	}
	slices.SortFunc(servers, func(a, b *serverTx) int { return a.key.Compare(b.key) })
	slices.SortFunc(clients, func(a, b *clientTx) int {
		return cmp.Or(cmp.Compare(a.Branch, b.Branch), cmp.Compare(a.Method, b.Method))
	})
	slices.SortFunc(all, func(a, b leg) int { // a tag is not enough, see Core.late
		x, y := idKey(a), idKey(b)
		return cmp.Or(cmp.Compare(a.tag(), b.tag()), bytes.Compare(x[:], y[:]))
	})
	for i, tx := range servers {
		p.servers[tx] = i + 1
	}
	for i, tx := range clients {
		p.clients[tx] = i + 1
	}
	for i, l := range all {
		p.legs[l] = i + 1
	}
	return servers, clients, all
}

// idKey is the key of a leg's ids.
func idKey(l leg) [16]byte {
	if in, ok := l.(*Inbound); ok {
		return in.Seed.Key
	}
	return l.(*Outbound).Seed.Key
}

func (p *painter) server(tx *serverTx) ServerImage {
	s := ServerImage{Server: tx.Server, Key: tx.key, Merge: tx.merge, Flow: tx.flow, Leg: p.legs[tx.leg]}
	if tx.req != nil {
		s.Request = echoOf(tx.req)
	}
	if tx.past != nil {
		s.Past = &PastImage{Remote: tx.past.remote, Tag: tx.past.tag}
	}
	return s
}

func (p *painter) leg(l leg) LegImage {
	r := l.base()
	out := LegImage{
		Asked: p.servers[r.asked], Mute: r.mute,
		Hop: HopImage{URI: r.hopURI, Address: r.hopAddr, Listener: r.hopListener, Home: r.hopHome, Lost: r.hopLost},
	}
	switch l := l.(type) {
	case *Inbound:
		out.Inbound, out.Invite = &l.InboundState, p.servers[l.tx]
	case *Outbound:
		out.Outbound = &l.OutboundState
	}
	return out
}

// alarm is the image of one timer; it says of nobody what is not remembered.
func (p *painter) alarm(t *Timer, name func(Wakeable) string) AlarmImage {
	switch in := t.Event().(type) {
	case *inboundTimer:
		return AlarmImage{At: t.At(), Leg: p.legs[(*Inbound)(in)]}
	case *outboundTimer:
		return AlarmImage{At: t.At(), Leg: p.legs[(*Outbound)(in)]}
	case *serverTimer:
		return AlarmImage{At: t.At(), Server: p.servers[(*serverTx)(in)]}
	case *clientTimer:
		return AlarmImage{At: t.At(), Client: p.clients[(*clientTx)(in)]}
	case wake:
		return AlarmImage{At: t.At(), Name: name(in.w)}
	case *Alarm:
		return AlarmImage{At: t.At(), Name: name(in.who)}
	}
	return AlarmImage{At: t.At()}
}

// outside is the error for a number that counts past its list.
func outside(what string, n, most int) error {
	return fmt.Errorf("legs: image: %s %d of %d", what, n, most)
}
