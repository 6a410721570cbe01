package legs

import "slices"

// A loader makes legs and transactions of an Image.
type loader struct {
	core    *Core
	legs    []leg
	servers []*serverTx
	clients []*clientTx
}

// A Sleeper says what an alarm of the bridge's wakes, and the Alarm that it was,
// if it was one; nil for nobody and none.
type Sleeper func(name string) (who Wakeable, alarm *Alarm)

// Load replaces all that the shard remembers by an Image, which must have been
// written and read back meanwhile. The owners of the legs have to be named again,
// by Own; then arm has to be called, which sets the alarms. An Image that
// contradicts itself changes nothing.
func (c *Core) Load(img *Image) (arm func(Sleeper), err error) {
	ld := &loader{core: c}
	if err := img.check(); err != nil {
		return nil, err
	}
	for range img.Servers {
		ld.servers = append(ld.servers, &serverTx{})
	}
	for i := range img.Legs {
		ld.legs = append(ld.legs, ld.leg(&img.Legs[i]))
	}
	ld.clear()
	for i := range img.Servers {
		ld.server(i, &img.Servers[i])
	}
	for i := range img.Clients {
		ld.client(&img.Clients[i])
	}
	c.heard.list = slices.Clone(img.Heard)
	for _, l := range ld.legs {
		if l.State() != Terminated {
			c.enlist(l)
		}
	}
	return func(s Sleeper) {
		ld.arm(img.Alarms, s)
		ld.linger()
	}, nil
}

// check makes sure that every number names something.
func (img *Image) check() error {
	legs, servers, clients := len(img.Legs), len(img.Servers), len(img.Clients)
	for i := range img.Legs {
		l := &img.Legs[i]
		switch {
		case (l.Inbound == nil) == (l.Outbound == nil):
			return outside("state of leg", i+1, legs)
		case l.Invite < 0 || l.Invite > servers:
			return outside("transaction of an INVITE", l.Invite, servers)
		case l.Asked < 0 || l.Asked > servers:
			return outside("transaction of a re-INVITE", l.Asked, servers)
		}
	}
	for i := range img.Servers {
		if n := img.Servers[i].Leg; n < 0 || n > legs {
			return outside("leg of a server transaction", n, legs)
		}
	}
	for i := range img.Clients {
		if n := img.Clients[i].Leg; n < 1 || n > legs { // each has one
			return outside("leg of a client transaction", n, legs)
		}
	}
	for _, a := range img.Alarms {
		if a.Leg < 0 || a.Leg > legs || a.Server < 0 || a.Server > servers || a.Client < 0 || a.Client > clients {
			return outside("owner of an alarm", max(a.Leg, a.Server, a.Client), max(legs, servers, clients))
		}
	}
	return nil
}

// clear forgets what the shard has remembered so far.
func (ld *loader) clear() {
	c := ld.core
	var timers []*Timer
	for t := range c.shard.Wheel.All() {
		timers = append(timers, t)
	}
	for _, t := range timers {
		t.Stop()
	}
	c.servers, c.clients, c.heard, c.legs = servers{}, clients{}, hearings{}, directory{}
}

func (ld *loader) leg(img *LegImage) leg {
	base := shell{
		core: ld.core, mute: img.Mute,
		hopURI: img.Hop.URI, hopAddr: img.Hop.Address, hopListener: img.Hop.Listener, hopHome: img.Hop.Home, hopLost: img.Hop.Lost,
	}
	if img.Asked > 0 {
		base.asked = ld.servers[img.Asked-1]
	}
	if img.Outbound != nil {
		return &Outbound{OutboundState: *img.Outbound, shell: base}
	}
	l := &Inbound{InboundState: *img.Inbound, shell: base}
	if img.Invite > 0 {
		l.tx = ld.servers[img.Invite-1]
	}
	return l
}

func (ld *loader) server(i int, img *ServerImage) {
	tx := ld.servers[i]
	*tx = serverTx{Server: img.Server, key: img.Key, flow: img.Flow}
	if img.Request != nil {
		tx.req = img.Request.message()
	}
	if img.Leg > 0 {
		tx.leg = ld.legs[img.Leg-1]
	}
	if img.Past != nil {
		tx.past = &past{remote: img.Past.Remote, tag: img.Past.Tag}
	}
	ld.core.servers.add(img.Merge, tx)
}

func (ld *loader) client(img *ClientImage) {
	tx := &clientTx{
		Client: img.Client, way: way{flow: img.Flow, big: img.Big, plain: img.Plain},
		leg: ld.legs[img.Leg-1], cseq: img.CSeq, quiet: img.Quiet, shrunk: img.Shrunk,
	}
	ld.clients = append(ld.clients, tx)
	ld.core.clients.add(tx)
	if tx.flow.Conn != 0 {
		ld.core.stack.dependents.add(tx.flow.Conn, ld.core.shard.ID)
	}
}

// arm sets the alarms in their order.
func (ld *loader) arm(alarms []AlarmImage, sleeper Sleeper) {
	c := ld.core
	for _, a := range alarms {
		switch {
		case a.Leg > 0:
			l := ld.legs[a.Leg-1]
			c.set(&l.base().alarm, a.At, timerOf(l))
		case a.Server > 0:
			tx := ld.servers[a.Server-1]
			c.set(&tx.alarm, a.At, (*serverTimer)(tx))
		case a.Client > 0:
			tx := ld.clients[a.Client-1]
			c.set(&tx.alarm, a.At, (*clientTimer)(tx))
		default:
			switch w, alarm := sleeper(a.Name); {
			case w == nil:
			case alarm != nil:
				c.Set(alarm, a.At, w)
			default:
				c.Schedule(a.At, w)
			}
		}
	}
}

// linger makes remnants, in the order in which they will be over.
func (ld *loader) linger() {
	list := slices.DeleteFunc(ld.servers, func(tx *serverTx) bool { return !ld.core.lingers(tx) })
	slices.SortStableFunc(list, func(a, b *serverTx) int { return a.Clock.ExpireAt.Compare(b.Clock.ExpireAt) })
	for _, tx := range list {
		ld.core.linger(tx)
	}
}

func timerOf(l leg) input {
	if in, ok := l.(*Inbound); ok {
		return (*inboundTimer)(in)
	}
	return (*outboundTimer)(l.(*Outbound))
}

// Leg finds a live leg of this shard by a local tag; nil when there is none.
func (c *Core) Leg(tag string) Leg {
	if l := c.byTag(tag); l != nil {
		return l
	}
	return nil
}

// Tag is the newest local tag, by which [Core.Leg] finds the leg.
func (l *Inbound) Tag() string { return l.tag() }

// Tag is the local tag, by which [Core.Leg] finds the leg.
func (l *Outbound) Tag() string { return l.tag() }

// Own attaches the object whose events these are, instead of the one that Dial
// was given.
func (l *Outbound) Own(owner any) { l.owner = owner }
