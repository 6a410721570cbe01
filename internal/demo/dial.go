package demo

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"b2bua/legs/sipmsg"
)

// errOff is the end of what a telephone does when it is switched off.
var errOff = errors.New("the telephone was switched off")

// A dialled is an outgoing call: INVITE → 200 → ACK → talk → BYE, or CANCEL when
// it hangs up before the answer. What is not answered is said again.
type dialled struct {
	phone  *phone
	to     netip.AddrPort
	invite *sipmsg.Message
	audio  *audio
	in     chan *sipmsg.Message
	result chan error    // what became of the INVITE; one value
	hang   chan struct{} // take the handset down
	over   chan struct{} // closed when the call is gone

	sent  *sipmsg.Message // what is said again
	again *patience
	rings bool            // a provisional response has come
	hangs bool            // hung up
	ok    *sipmsg.Message // the answer
	ack   *sipmsg.Message // of the answer
}

// call dials a number and returns when it is answered. When ctx ends before, the
// call is cancelled.
func (p *phone) call(ctx context.Context, to netip.AddrPort, number string) (*dialled, error) {
	a, err := newAudio(p.addr().Addr(), p.hz)
	if err != nil {
		return nil, err
	}
	uri := "sip:" + number + "@" + to.String()
	d := &dialled{
		phone: p, to: to, audio: a, in: make(chan *sipmsg.Message, inboxSize),
		result: make(chan error, 1), hang: make(chan struct{}, 1), over: make(chan struct{}), again: newPatience(p.t1),
	}
	d.invite = &sipmsg.Message{
		Method: "INVITE", RequestURI: uri, Vias: []sipmsg.Via{p.via()},
		From: sipmsg.Address{Raw: `"Alice" <sip:1000@` + p.addr().String() + ">;tag=" + token()},
		To:   sipmsg.Address{Raw: "<" + uri + ">"}, CallID: token(), CSeq: 1, MaxForwards: 70,
		Contacts: []sipmsg.Address{p.contact()}, ContentType: "application/sdp", Body: describe(a.addr()),
	}
	if !p.begin(d.invite.CallID, d.in, d.run) {
		a.close()
		return nil, errOff
	}
	select {
	case err := <-d.result:
		return d, err
	case <-ctx.Done():
	}
	patience := time.NewTimer(4 * p.t1)
	defer patience.Stop()
	d.hang <- struct{}{}
	select {
	case <-d.over:
	case <-patience.C:
	}
	return d, fmt.Errorf("no answer: %w", context.Cause(ctx))
}

// bye hangs up and returns when the far side has confirmed it.
func (d *dialled) bye(ctx context.Context) error {
	select {
	case d.hang <- struct{}{}:
	default: // it hangs up already
	}
	select {
	case <-d.over:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("BYE was not answered: %w", context.Cause(ctx))
	}
}

func (d *dialled) run() {
	defer close(d.over)
	defer d.audio.close()
	defer d.again.end()
	d.say(d.invite)
	for {
		select {
		case m := <-d.in:
			if d.take(m) {
				return
			}
		case <-d.again.timer.C:
			if !d.again.again() {
				d.tell(errors.New("nobody answers the " + d.sent.Method))
				return
			}
			d.phone.send(d.to, d.sent)
		case <-d.hang:
			d.hangs = true
			d.hangUp()
		case <-d.phone.off:
			d.tell(errOff)
			return
		}
	}
}

// say sends a request, again and again until somebody answers.
func (d *dialled) say(m *sipmsg.Message) {
	d.sent = m
	d.phone.send(d.to, m)
	d.again.begin()
}

func (d *dialled) tell(err error) {
	select {
	case d.result <- err:
	default: // it was told before
	}
}

// hangUp ends the call as its state asks for: BYE once it is answered, CANCEL
// while it rings, and nothing before (RFC 3261 §9.1).
func (d *dialled) hangUp() {
	switch {
	case d.ok != nil && d.sent.Method != "BYE":
		d.audio.stopTalking()
		d.say(d.request("BYE", 2))
	case d.ok == nil && d.rings && d.sent.Method != "CANCEL":
		cancel := d.request("CANCEL", 1)
		cancel.Vias = d.invite.Vias
		d.say(cancel)
	}
}

// take handles a message of the call and reports whether it is over.
func (d *dialled) take(m *sipmsg.Message) (over bool) {
	switch {
	case m.IsRequest():
		return d.serve(m)
	case m.Method == "BYE":
		return m.Status >= 200
	case m.Method == "CANCEL":
		d.again.end() // the INVITE's own response follows
	case m.Method == "INVITE":
		return d.response(m)
	}
	return false
}

func (d *dialled) serve(m *sipmsg.Message) (over bool) {
	switch m.Method {
	case "ACK":
	case "BYE":
		d.phone.send(d.to, sipmsg.NewResponse(m, 200, "", ""))
		return true
	case "INVITE", "UPDATE":
		d.phone.send(d.to, sipmsg.NewResponse(m, 488, "", "")) // what was agreed holds
	default:
		d.phone.send(d.to, sipmsg.NewResponse(m, 200, "", ""))
	}
	return false
}

// response handles a response to the INVITE.
func (d *dialled) response(m *sipmsg.Message) (over bool) {
	switch {
	case m.Status < 200:
		d.rings = true
		if d.sent == d.invite {
			d.again.end()
		}
		if d.hangs {
			d.hangUp()
		}
		return false
	case m.Status >= 300:
		ack := d.request("ACK", 1)
		ack.Vias, ack.To = d.invite.Vias, m.To // RFC 3261 §17.1.1.3
		d.phone.send(d.to, ack)
		d.tell(fmt.Errorf("the call was refused: %d %s", m.Status, m.Reason))
		return true
	}
	first := d.ok == nil
	if first {
		d.ok = m
		d.ack = d.request("ACK", 1)
		d.again.end()
	}
	d.phone.send(d.to, d.ack) // for each 200: the one before may be lost (RFC 3261 §13.2.2.4)
	if !first {
		return false
	}
	to, err := audioOf(m.Body)
	if err == nil {
		d.audio.start(to)
	}
	d.tell(err)
	if err != nil || d.hangs { // the 200 and the CANCEL have crossed
		d.hangUp()
	}
	return false
}

func (d *dialled) request(method string, cseq uint32) *sipmsg.Message {
	m := &sipmsg.Message{
		Method: method, RequestURI: d.invite.RequestURI, Vias: []sipmsg.Via{d.phone.via()},
		From: d.invite.From, To: d.invite.To, CallID: d.invite.CallID, CSeq: cseq, MaxForwards: 70,
	}
	if d.ok != nil {
		m.To = d.ok.To
		if len(d.ok.Contacts) > 0 {
			m.RequestURI = d.ok.Contacts[0].URI.String()
		}
	}
	return m
}
