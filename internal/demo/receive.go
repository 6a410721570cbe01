package demo

import (
	"net/netip"
	"time"

	"b2bua/legs/sipmsg"
)

// A received is an incoming call: 180 → ring → 200 → talk → BYE. Its final
// response is said again until the ACK comes.
type received struct {
	phone  *phone
	invite *sipmsg.Message
	from   netip.AddrPort
	tag    string
	in     chan *sipmsg.Message
	acked  chan struct{} // closed when the final response is acknowledged
	over   chan struct{} // closed when the call is gone
	audio  *audio        // nil in a call that is refused
	to     netip.AddrPort

	final *sipmsg.Message // to the INVITE, nil before
	again *patience
	ended bool // BYE has come; what is left is to answer it again
}

func (p *phone) receive(invite *sipmsg.Message, from netip.AddrPort) {
	r := &received{
		phone: p, invite: invite, from: from, tag: token(), in: make(chan *sipmsg.Message, inboxSize),
		acked: make(chan struct{}), over: make(chan struct{}), again: newPatience(p.t1),
	}
	status := 0
	var err error
	if r.to, err = audioOf(invite.Body); err != nil {
		status = 488
	} else if p.manner == refuses {
		status = 486
	} else if r.audio, err = newAudio(p.addr().Addr(), p.hz); err != nil {
		status = 500
	}
	p.mu.Lock()
	p.last = r
	p.mu.Unlock()
	if !p.begin(invite.CallID, r.in, func() { r.run(status) }) {
		r.gone()
	}
}

// latest is the newest incoming call, nil before the first.
func (p *phone) latest() *received {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

func (r *received) gone() {
	if r.ended {
		return
	}
	r.ended = true
	r.again.end()
	if r.audio != nil {
		r.audio.close()
	}
	close(r.over)
}

func (r *received) run(status int) {
	defer r.gone()
	ring := time.NewTimer(r.phone.ring)
	defer ring.Stop()
	if status != 0 {
		r.finish(status, nil)
	} else {
		r.phone.send(r.from, r.response(180, nil))
	}
	for {
		select {
		case m := <-r.in:
			if r.take(m) {
				return
			}
		case <-ring.C:
			if r.final == nil && r.phone.manner == answers {
				r.audio.start(r.to)
				r.finish(200, describe(r.audio.addr()))
			}
		case <-r.again.timer.C:
			if r.ended || !r.again.again() {
				return // nobody is there
			}
			r.phone.send(r.from, r.final)
		case <-r.phone.off:
			return
		}
	}
}

// take handles a message of the call and reports whether it is over.
func (r *received) take(m *sipmsg.Message) (over bool) {
	switch {
	case !m.IsRequest():
	case m.Method == "ACK":
		r.again.end()
		if r.final == nil || r.confirmed() {
			return false
		}
		close(r.acked)
		return r.final.Status >= 300
	case m.Method == "INVITE" && m.CSeq == r.invite.CSeq:
		switch { // a retransmission
		case r.final == nil:
			r.phone.send(r.from, r.response(180, nil))
		case !r.confirmed():
			r.phone.send(r.from, r.final)
		}
	case m.Method == "CANCEL":
		r.phone.send(r.from, sipmsg.NewResponse(m, 200, "", r.tag))
		if r.final == nil {
			r.finish(487, nil)
		}
	case m.Method == "BYE":
		r.phone.send(r.from, sipmsg.NewResponse(m, 200, "", r.tag))
		r.gone()
		r.again.timer.Reset(64 * r.phone.t1) // the 200 may be lost
	case m.Method == "INVITE" || m.Method == "UPDATE":
		r.phone.send(r.from, sipmsg.NewResponse(m, 488, "", r.tag)) // what was agreed holds
	default:
		r.phone.send(r.from, sipmsg.NewResponse(m, 200, "", r.tag))
	}
	return false
}

// confirmed reports whether the ACK has come.
func (r *received) confirmed() bool {
	select {
	case <-r.acked:
		return true
	default:
		return false
	}
}

// finish sends the final response, until it is acknowledged.
func (r *received) finish(status int, body []byte) {
	r.final = r.response(status, body)
	r.phone.send(r.from, r.final)
	r.again.begin()
}

func (r *received) response(status int, body []byte) *sipmsg.Message {
	m := sipmsg.NewResponse(r.invite, status, "", r.tag)
	m.Contacts = []sipmsg.Address{r.phone.contact()}
	if body != nil {
		m.ContentType, m.Body = "application/sdp", body
	}
	return m
}
