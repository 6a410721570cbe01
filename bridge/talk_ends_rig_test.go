package bridge_test

import (
	"net/netip"
	"testing"

	"b2bua/internal/siptest"
	"b2bua/legs/sipmsg"
	"b2bua/sdp"
)

// An end is one side of an answered call, with what it takes to speak inside its
// dialog.
type end struct {
	d      *dial
	peer   *siptest.Peer
	server netip.AddrPort
	build  func(method string, cseq uint32) *sipmsg.Message
	cseq   uint32
	last   *sipmsg.Message // its last re-INVITE
}

// ends are the caller's and the called side of a call.
func (d *dial) ends() (caller, called *end) {
	r := d.r
	caller = &end{d: d, peer: r.caller, server: r.server, cseq: d.invite.CSeq, build: func(method string, cseq uint32) *sipmsg.Message {
		return r.caller.Request(method, cseq, d.invite, d.answer)
	}}
	called = &end{d: d, peer: d.gate, server: r.inner, build: func(method string, cseq uint32) *sipmsg.Message {
		return d.gate.UASRequest(method, cseq, d.got, d.ok)
	}}
	return caller, called
}

// both are a call's ends in both orders: who offers, who answers.
func both(t *testing.T, test func(t *testing.T, r *rig, d *dial, from, to *end), options ...option) {
	t.Helper()
	for _, name := range []string{"caller", "called"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 1, options...)
			d := r.call()
			from, to := d.ends()
			if name == "called" {
				from, to = to, from
			}
			test(t, r, d, from, to)
		})
	}
}

func (e *end) contact() sipmsg.Address {
	return e.peer.Address("<sip:x@" + e.peer.Addr().String() + ">")
}

// offers sends a re-INVITE.
func (e *end) offers(body []byte) *sipmsg.Message {
	e.d.r.t.Helper()
	e.cseq++
	e.last = e.build("INVITE", e.cseq)
	e.last.Contacts = []sipmsg.Address{e.contact()}
	if e.last.Body = body; len(body) > 0 {
		e.last.ContentType = "application/sdp"
	}
	e.peer.Send(e.server, e.last)
	return e.last
}

// answers responds to a re-INVITE that it has heard.
func (e *end) answers(m *sipmsg.Message, status int, body []byte) {
	e.d.r.t.Helper()
	e.says(m, status, body)
	if status >= 200 {
		e.peer.Expect("ACK")
	}
}

// says only responds.
func (e *end) says(m *sipmsg.Message, status int, body []byte) {
	e.d.r.t.Helper()
	r := e.peer.Respond(m, status, "", body)
	r.Contacts = []sipmsg.Address{e.contact()}
	e.peer.Send(e.server, r)
}

// hears waits for the response to its re-INVITE and acknowledges a final one.
func (e *end) hears(what string) *sipmsg.Message {
	e.d.r.t.Helper()
	m := e.peer.Expect(what)
	if m.Status < 300 {
		e.peer.Send(e.server, e.build("ACK", e.last.CSeq))
	} else {
		e.peer.Send(e.server, e.peer.Ack(e.last, m))
	}
	return m
}

// agrees has from offer, to answer, and returns what each was told.
func agrees(from, to *end, offer, answer []byte) (told, back *sipmsg.Message) {
	from.d.r.t.Helper()
	from.offers(offer)
	told = to.peer.Expect("INVITE")
	to.answers(told, 200, answer)
	return told, from.hears("200 INVITE")
}

// bye ends the call from one side.
func (e *end) bye(other *end) {
	e.d.r.t.Helper()
	e.cseq++
	e.peer.Send(e.server, e.build("BYE", e.cseq))
	e.peer.Expect("200 BYE")
	other.says(other.peer.Await("BYE"), 200, nil)
}

func (e *end) at() netip.AddrPort { return netip.AddrPortFrom(e.peer.Addr().Addr(), 4400) }

func audio(at netip.AddrPort, lines ...string) []byte {
	return describe(at, append([]string{"m=audio PORT RTP/AVP 0 8"}, lines...)...)
}

func version(t *testing.T, m *sipmsg.Message) sdp.Origin { return parse(t, m.Body).Origin() }
