package siptest

import "b2bua/legs/sipmsg"

// ringsOut is how long a caller listens to a phone that rings.
const ringsOut = 5 * phone64

// Dial calls uri, as the phone's habits say.
func (p *Phone) Dial(uri string) *PhoneCall {
	c := &PhoneCall{phone: p, caller: true}
	p.Calls = append(p.Calls, c)
	c.invite = &sipmsg.Message{
		Method: "INVITE", RequestURI: uri, Vias: p.via(),
		From: address("<sip:1000@phone.invalid>;tag=" + p.id("tag")), To: address("<" + uri + ">"),
		CallID: p.id("call"), CSeq: 1, MaxForwards: 70,
		Contacts:    []sipmsg.Address{address("<sip:1000@" + p.Addr.String() + ">")},
		ContentType: "application/sdp", Body: p.Body,
	}
	raw := p.say(c.invite)
	p.repeat(raw, phone64, func() bool { return c.rang || c.Status != 0 }, c.lost) // timers A, B
	if p.Habits.Cancel > 0 {
		p.net.After(p.Habits.Cancel, c.giveUp)
	}
	p.net.After(ringsOut, func() {
		if c.Status == 0 {
			c.giveUp()
		}
	})
	return c
}

// lost is the end of an INVITE that nobody has answered.
func (c *PhoneCall) lost() {
	if c.Status == 0 {
		c.Status, c.Ended = 408, true
	}
}

// invited takes a response to an INVITE of ours.
func (p *Phone) invited(m *sipmsg.Message) {
	for _, c := range p.Calls {
		if c.caller && branchOf(c.invite) == m.Vias[0].Branch() {
			c.response(m)
		}
		for _, d := range c.Dialogs {
			for _, r := range d.Reoffers {
				if branchOf(r.invite) == m.Vias[0].Branch() {
					r.response(m)
				}
			}
		}
	}
}

func (c *PhoneCall) response(m *sipmsg.Message) {
	switch {
	case m.Status < 200:
		if !c.rang && c.Status == 0 {
			c.rang = true
			if c.Gone {
				c.cancel()
			}
		}
	case m.Status < 300:
		c.answered(m)
	case c.final != nil: // again (timer D)
		c.phone.again(c.final)
	case c.Status == 0 || c.Status == 408:
		c.Status, c.Ended = m.Status, true
		ack := c.like("ACK")
		ack.To = m.To
		c.final = c.phone.say(ack)
	}
}

// answered acknowledges every 2xx, and ends what is not wanted (RFC 3261
// §13.2.2.4).
func (c *PhoneCall) answered(m *sipmsg.Message) {
	for _, d := range c.Dialogs {
		if d.Tag == m.To.Tag() {
			c.phone.again(d.ack)
			return
		}
	}
	d := &PhoneDialog{Tag: m.To.Tag(), call: c, ok: m}
	c.Dialogs = append(c.Dialogs, d)
	d.ack = c.phone.say(d.request("ACK", c.invite.CSeq))
	wanted := !c.Gone && c.Status == 0
	if c.Status == 0 || c.Status == 408 {
		c.Status = m.Status
	}
	c.Ended = true
	switch h := c.phone.Habits.Hangup; {
	case !wanted:
		d.hangUp()
	case h != Never:
		c.phone.net.After(h, d.hangUp)
		d.plan()
	default:
		d.plan()
	}
}

// like builds what has the branch of the INVITE.
func (c *PhoneCall) like(method string) *sipmsg.Message {
	m := *c.invite
	m.Method, m.Contacts, m.ContentType, m.Body = method, nil, "", nil
	return &m
}

// giveUp ends the call whatever its state: CANCEL has to wait for a response.
func (c *PhoneCall) giveUp() {
	if c.Gone {
		return
	}
	c.Gone = true
	switch {
	case c.Status != 0:
		for _, d := range c.Dialogs {
			d.hangUp()
		}
	case c.rang:
		c.cancel()
	}
}

// cancel sends CANCEL; without a final response in 64*T1 the call is over
// (RFC 3261 §9.1).
func (c *PhoneCall) cancel() {
	c.phone.start(c.like("CANCEL"), func(int) {})
	c.phone.net.After(phone64, c.lost)
}
