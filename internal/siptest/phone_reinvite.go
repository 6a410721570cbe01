package siptest

import (
	"bytes"
	"fmt"
	"time"

	"b2bua/legs/sipmsg"
)

// A Reoffer is a re-INVITE that a phone sends of its own accord (RFC 3261 §14).
type Reoffer struct {
	After  time.Duration // the ACK of the call
	Flow   string        // what it does with media from then on: sendonly, inactive; "" is both ways
	Port   uint16        // where it hears from then on; 0: as before
	Cancel time.Duration // takes it back so long after; 0: does not
}

// A PhoneReoffer is a re-INVITE as the phone that sent it sees it.
type PhoneReoffer struct {
	Status int // the final response; 408 for none at all, 0: none yet

	d      *PhoneDialog
	invite *sipmsg.Message
	how    Reoffer
	rang   bool
	gone   bool   // taken back
	ack    []byte // said again for every final response
	glares int
}

// A phoneAsked is the last re-INVITE that a phone has got.
type phoneAsked struct {
	invite *sipmsg.Message
	status int // of the final response; 0: none yet
	acked  bool
}

// maxGlares is how often a phone asks again after 491.
const maxGlares = 3

// busy reports that an INVITE of either side is under way.
func (d *PhoneDialog) busy() bool {
	return d.asking != nil && d.asking.Status == 0 || d.asked != nil && !d.asked.acked || !d.call.caller && !d.Acked
}

// plan has what the phone's habits say follow.
func (d *PhoneDialog) plan() {
	p := d.call.phone
	for _, r := range p.Habits.Reoffers {
		p.net.After(r.After, func() { d.reoffer(r, 0) })
	}
}

// reoffer sends a re-INVITE, unless it may not now.
func (d *PhoneDialog) reoffer(how Reoffer, glares int) {
	if d.HungUp != "" || d.busy() {
		return
	}
	p := d.call.phone
	m := d.request("INVITE", d.cseq+1)
	m.Contacts = []sipmsg.Address{address("<sip:1000@" + p.Addr.String() + ">")}
	m.ContentType, m.Body = "application/sdp", d.describe(how.Flow, how.Port)
	r := &PhoneReoffer{d: d, invite: m, how: how, glares: glares}
	d.asking = r
	d.Reoffers = append(d.Reoffers, r)
	p.repeat(p.say(m), phone64, func() bool { return r.rang || r.Status != 0 }, func() {
		r.Status = 408
		d.hangUp() // RFC 3261 §14.1
	})
	if how.Cancel > 0 {
		p.net.After(how.Cancel, func() {
			if r.gone = true; r.rang && r.Status == 0 {
				r.cancel()
			}
		})
	}
}

// describe is the phone's description with another flow, port and version.
func (d *PhoneDialog) describe(flow string, port uint16) []byte {
	p := d.call.phone
	if port != 0 {
		d.port = port
	}
	d.version++
	body := bytes.Replace(p.Body, []byte("o=phone 1 1 "), fmt.Appendf(nil, "o=phone 1 %d ", 1+d.version), 1)
	if d.port != 0 {
		body = bytes.Replace(body, fmt.Appendf(nil, "m=audio %d ", p.Addr.Port()), fmt.Appendf(nil, "m=audio %d ", d.port), 1)
	}
	if flow != "" {
		body = fmt.Appendf(body, "a=%s\r\n", flow)
	}
	return body
}

func (r *PhoneReoffer) like(method string) *sipmsg.Message {
	m := *r.invite
	m.Method, m.Contacts, m.ContentType, m.Body = method, nil, "", nil
	return &m
}

func (r *PhoneReoffer) cancel() { r.d.call.phone.start(r.like("CANCEL"), func(int) {}) }

// response takes a response to the re-INVITE.
func (r *PhoneReoffer) response(m *sipmsg.Message) {
	p := r.d.call.phone
	switch {
	case m.Status < 200:
		if !r.rang && r.gone && r.Status == 0 {
			r.cancel()
		}
		r.rang = true
		return
	case r.ack != nil:
		p.again(r.ack)
		return
	case m.Status < 300:
		last := r.d.cseq
		r.ack = p.say(r.d.request("ACK", r.invite.CSeq))
		r.d.cseq = last // a BYE may have gone meanwhile
	default:
		ack := r.like("ACK")
		ack.To = m.To
		r.ack = p.say(ack)
	}
	r.Status = m.Status
	switch {
	case m.Status == 491 && r.glares < maxGlares && !r.gone:
		wait := time.Second
		if r.d.call.caller {
			wait = 3 * time.Second // RFC 3261 §14.1: the Call-ID is ours
		}
		p.net.After(wait, func() { r.d.reoffer(r.how, r.glares+1) })
	case m.Status == 481 || m.Status == 408:
		r.d.hangUp()
	}
}

// reinvited takes a re-INVITE.
func (p *Phone) reinvited(m *sipmsg.Message) {
	d := p.dialogOf(m)
	switch {
	case d == nil || d.HungUp != "":
		p.reply(m, 481)
	case m.CSeq <= d.theirCSeq:
		p.reply(m, 500)
	case d.asking != nil && d.asking.Status == 0:
		d.theirCSeq = m.CSeq
		d.asked = &phoneAsked{invite: m}
		d.refuse(d.asked, 491)
	case d.asked != nil && d.asked.status == 0:
		d.theirCSeq = m.CSeq
		p.reply(m, 500)
	default:
		d.theirCSeq = m.CSeq
		if !d.call.caller && !d.Acked { // it says as much as the ACK would (RFC 5407 §3.1.4)
			d.acked()
		}
		a := &phoneAsked{invite: m}
		d.asked = a
		p.servers[m.Vias[0].Branch()+"INVITE"] = p.say(sipmsg.NewResponse(m, 100, "", ""))
		p.net.After(p.Habits.Reanswer, func() { d.decide(a) })
	}
}

// dialogOf finds the dialog that a request is in.
func (p *Phone) dialogOf(m *sipmsg.Message) *PhoneDialog {
	for _, c := range p.Calls {
		for _, d := range c.Dialogs {
			if c.invite.CallID == m.CallID && d.ours() == m.To.Tag() && d.theirs() == m.From.Tag() {
				return d
			}
		}
	}
	return nil
}

func (d *PhoneDialog) decide(a *phoneAsked) {
	p := d.call.phone
	switch {
	case a.status != 0:
	case p.Habits.Rerefuse != 0:
		d.refuse(a, p.Habits.Rerefuse)
	default:
		a.status = 200
		m := sipmsg.NewResponse(a.invite, 200, "", "")
		m.Contacts = []sipmsg.Address{address("<sip:1000@" + p.Addr.String() + ">")}
		m.ContentType, m.Body = "application/sdp", d.describe(mirrored(a.invite.Body), 0)
		raw := p.say(m)
		p.servers[a.invite.Vias[0].Branch()+"INVITE"] = raw
		p.repeat(raw, phoneT2, func() bool { return a.acked || d.HungUp != "" }, d.hangUp)
	}
}

// refuse repeats a refusal until its ACK.
func (d *PhoneDialog) refuse(a *phoneAsked, status int) {
	p := d.call.phone
	a.status = status
	raw := p.say(sipmsg.NewResponse(a.invite, status, "", ""))
	p.servers[a.invite.Vias[0].Branch()+"INVITE"] = raw
	p.repeat(raw, phoneT2, func() bool { return a.acked }, func() { a.acked = true })
}

// reacked takes the ACK of a re-INVITE, if m is one.
func (p *Phone) reacked(m *sipmsg.Message) bool {
	d := p.dialogOf(m)
	if d == nil || d.asked == nil || d.asked.invite.CSeq != m.CSeq || d.asked.status == 0 {
		return false
	}
	d.asked.acked = true
	return true
}

// recancelled takes CANCEL of a re-INVITE, if m is one.
func (p *Phone) recancelled(m *sipmsg.Message) bool {
	d := p.dialogOf(m)
	if d == nil || d.asked == nil || d.asked.invite.Vias[0].Branch() != m.Vias[0].Branch() {
		return false
	}
	p.reply(m, 200)
	d.overtaken()
	return true
}

// overtaken gives a re-INVITE that is not answered 487.
func (d *PhoneDialog) overtaken() {
	if d.asked != nil && d.asked.status == 0 {
		d.refuse(d.asked, 487)
	}
}

// mirrored is the flow that answers an offer's.
func mirrored(offer []byte) string {
	switch {
	case bytes.Contains(offer, []byte("a=sendonly")):
		return "recvonly"
	case bytes.Contains(offer, []byte("a=recvonly")):
		return "sendonly"
	case bytes.Contains(offer, []byte("a=inactive")):
		return "inactive"
	}
	return ""
}
