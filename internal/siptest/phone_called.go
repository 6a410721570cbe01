package siptest

import (
	"fmt"

	"b2bua/legs/sipmsg"
)

// ring takes a new INVITE.
func (p *Phone) ring(m *sipmsg.Message) {
	for _, c := range p.Calls {
		if !c.caller && c.invite.Vias[0].Branch() == m.Vias[0].Branch() {
			if c.Status == 0 { // a 2xx repeats itself (RFC 6026 §7.1)
				p.again(c.last)
			} else if c.final != nil {
				p.again(c.final)
			}
			return
		}
	}
	c := &PhoneCall{phone: p, invite: m}
	p.Calls = append(p.Calls, c)
	c.last = p.say(sipmsg.NewResponse(m, 100, "", ""))
	if p.Habits.Ring != Never {
		p.net.After(p.Habits.Ring, func() {
			if c.Status == 0 {
				c.last = p.say(c.reply(180, c.tag(0)))
			}
		})
	}
	if p.Habits.Answer != Never {
		p.net.After(p.Habits.Answer, c.decide)
	}
}

// tag is the To tag of the phone, and of those that the INVITE was forked to.
func (c *PhoneCall) tag(fork int) string { return fmt.Sprintf("fork%d-%s", fork, c.invite.CallID) }

func (c *PhoneCall) reply(status int, tag string) *sipmsg.Message {
	m := sipmsg.NewResponse(c.invite, status, "", tag)
	m.Contacts = []sipmsg.Address{address("<sip:callee@" + c.phone.Addr.String() + ">")}
	return m
}

// decide sends the final response.
func (c *PhoneCall) decide() {
	switch status := c.phone.Habits.Status; {
	case c.Status != 0: // cancelled
	case status >= 300:
		c.refuse(status)
	default:
		c.Status = 200
		for fork := range 1 + c.phone.Habits.Forks {
			c.accept(c.tag(fork))
		}
	}
}

// refuse repeats the refusal until its ACK (timers G and H).
func (c *PhoneCall) refuse(status int) {
	c.Status = status
	c.final = c.phone.say(c.reply(status, c.tag(0)))
	c.phone.repeat(c.final, phoneT2, func() bool { return c.Ended }, func() { c.Ended = true })
}

// accept repeats a 2xx until its ACK, and hangs up when there is none
// (RFC 3261 §13.3.1.4).
func (c *PhoneCall) accept(tag string) {
	m := c.reply(200, tag)
	m.ContentType, m.Body = "application/sdp", c.phone.Body
	raw := c.phone.say(m)
	ok, err := sipmsg.Parse(raw)
	if err != nil {
		panic(err)
	}
	d := &PhoneDialog{Tag: tag, call: c, ok: ok}
	c.Dialogs = append(c.Dialogs, d)
	c.Ended = true
	c.phone.repeat(raw, phoneT2, func() bool { return d.Acked || d.HungUp != "" }, d.hangUp)
}

// acked takes an ACK: of a refusal by its branch, of a 2xx by its dialog.
func (p *Phone) acked(m *sipmsg.Message) {
	if p.reacked(m) {
		return
	}
	for _, c := range p.Calls {
		if c.caller || c.invite.CallID != m.CallID {
			continue
		}
		if c.final != nil && c.invite.Vias[0].Branch() == m.Vias[0].Branch() {
			c.Acks++
			c.Ended = true
		}
		for _, d := range c.Dialogs {
			if d.Tag == m.To.Tag() {
				d.acked()
			}
		}
	}
}

func (d *PhoneDialog) acked() {
	p := d.call.phone
	d.call.Acks++
	if d.Acked {
		return
	}
	d.Acked = true
	d.plan()
	if p.Habits.Hangup != Never {
		p.net.After(p.Habits.Hangup, d.hangUp)
	}
}

// cancelled takes CANCEL: 487, unless a final response has been sent.
func (p *Phone) cancelled(m *sipmsg.Message) {
	if p.recancelled(m) {
		return
	}
	for _, c := range p.Calls {
		if c.caller || c.invite.Vias[0].Branch() != m.Vias[0].Branch() {
			continue
		}
		p.reply(m, 200)
		if c.Status == 0 {
			c.refuse(487)
		}
		return
	}
	p.reply(m, 481)
}
