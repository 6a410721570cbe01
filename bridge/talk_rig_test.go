package bridge_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"b2bua/internal/siptest"
	"b2bua/legs/sipmsg"
	"b2bua/sdp"
)

// A dial is one call as the two ends see it, so far.
type dial struct {
	r      *rig
	gate   *siptest.Peer
	invite *sipmsg.Message // what the caller sent
	got    *sipmsg.Message // what the gateway heard
	ok     *sipmsg.Message // the gateway's 200
	answer *sipmsg.Message // the caller's 200
}

type edit func(*sipmsg.Message)

const called = "33123456789"

// offers is the offer of the tests: audio at an address of the caller's.
func (r *rig) offer() []byte {
	return siptest.SDP(netip.AddrPortFrom(r.caller.Addr().Addr(), 4000))
}

func gateSDP(g *siptest.Peer) []byte {
	return describe(netip.AddrPortFrom(g.Addr().Addr(), 4002), "m=audio PORT RTP/AVP 0 8 101", "a=rtpmap:101 telephone-event/8000")
}

// describe writes a session description; PORT in an m-line is addr's port.
func describe(addr netip.AddrPort, lines ...string) []byte {
	kind := "IP4"
	if addr.Addr().Is6() {
		kind = "IP6"
	}
	head := fmt.Sprintf("v=0\no=phone 1 1 IN %[1]s %[2]s\ns=call\nc=IN %[1]s %[2]s\nt=0 0\n", kind, addr.Addr())
	text := head + strings.ReplaceAll(strings.Join(lines, "\n"), "PORT", fmt.Sprint(addr.Port())) + "\n"
	return []byte(strings.ReplaceAll(text, "\n", "\r\n"))
}

// request builds the caller's INVITE.
func (r *rig) request(edits ...edit) *sipmsg.Message {
	r.t.Helper()
	uri := "sip:" + called + "@" + r.server.String()
	m := r.caller.Invite(uri, "1000", "callers-call-id-"+r.caller.Branch(), r.offer())
	m.Headers = append(m.Headers, sipmsg.Header{Name: "User-Agent", Value: "callers-agent/1"})
	for _, e := range edits {
		e(m)
	}
	return m
}

// invite sends the caller's INVITE and waits until the first gateway has ours.
func (r *rig) invite(edits ...edit) *dial {
	r.t.Helper()
	d := r.send(edits...)
	d.gate = r.gates[0]
	d.got = d.gate.Expect("INVITE")
	return d
}

// send only sends it.
func (r *rig) send(edits ...edit) *dial {
	r.t.Helper()
	d := &dial{r: r, invite: r.request(edits...)}
	r.caller.Send(r.server, d.invite)
	return d
}

// hunted waits until the next gateway has the INVITE.
func (d *dial) hunted(gate int) *dial {
	d.r.t.Helper()
	d.gate = d.r.gates[gate]
	d.got = d.gate.Expect("INVITE")
	return d
}

// tag is the To tag that the gateway answers with.
func (d *dial) tag() string { return "callees-tag-" + d.got.CallID[:8] }

// says has the gateway respond to the INVITE.
func (d *dial) says(status int, body []byte, edits ...edit) *sipmsg.Message {
	d.r.t.Helper()
	m := d.gate.Respond(d.got, status, d.tag(), body)
	m.Headers = append(m.Headers, sipmsg.Header{Name: "Server", Value: "callees-agent/1"})
	for _, e := range edits {
		e(m)
	}
	d.gate.Send(d.r.inner, m)
	if status >= 300 {
		d.gate.Expect("ACK")
	}
	return m
}

// hears waits for a response at the caller, and acknowledges a refusal.
func (d *dial) hears(what string) *sipmsg.Message {
	d.r.t.Helper()
	m := d.r.caller.Expect(what)
	if m.Status >= 300 && m.Method == "INVITE" {
		d.r.caller.Send(d.r.server, d.r.caller.Ack(d.invite, m))
	}
	return m
}

// answers has the gateway say 200 and the caller hear it.
func (d *dial) answers(body []byte, edits ...edit) *dial {
	d.r.t.Helper()
	d.ok = d.says(200, body, edits...)
	d.gate.Expect("ACK")
	d.answer = d.r.caller.Expect("200 INVITE")
	d.r.caller.Send(d.r.server, d.r.caller.Request("ACK", d.invite.CSeq, d.invite, d.answer))
	return d
}

// call is an answered call.
func (r *rig) call(edits ...edit) *dial {
	r.t.Helper()
	d := r.invite(edits...)
	return d.answers(gateSDP(d.gate))
}

// callerBye has the caller hang up.
func (d *dial) callerBye(headers ...sipmsg.Header) (bye *sipmsg.Message) {
	d.r.t.Helper()
	m := d.r.caller.Request("BYE", d.invite.CSeq+1, d.invite, d.answer)
	m.Headers = headers
	d.r.caller.Send(d.r.server, m)
	d.r.caller.Expect("200 BYE")
	return d.calledGets("BYE")
}

// calledBye has the called side hang up.
func (d *dial) calledBye(headers ...sipmsg.Header) (bye *sipmsg.Message) {
	d.r.t.Helper()
	m := d.gate.UASRequest("BYE", 1, d.got, d.ok)
	m.Headers = headers
	d.gate.Send(d.r.inner, m)
	d.gate.Expect("200 BYE")
	return d.callerGets("BYE")
}

// calledGets waits for a request at the gateway and answers it with 200.
func (d *dial) calledGets(method string) *sipmsg.Message {
	d.r.t.Helper()
	m := d.gate.Expect(method)
	d.gate.Send(d.r.inner, d.gate.Respond(m, 200, "", nil))
	return m
}

// callerGets does the same at the caller.
func (d *dial) callerGets(method string) *sipmsg.Message {
	d.r.t.Helper()
	m := d.r.caller.Expect(method)
	d.r.caller.Send(d.r.server, d.r.caller.Respond(m, 200, "", nil))
	return m
}

// cancelled expects CANCEL at the gateway and answers it as a telephone does.
func (d *dial) cancelled() *sipmsg.Message {
	d.r.t.Helper()
	m := d.gate.Expect("CANCEL")
	d.gate.Send(d.r.inner, d.gate.Respond(m, 200, d.tag(), nil))
	d.gate.Send(d.r.inner, d.gate.Respond(d.got, 487, d.tag(), nil))
	d.gate.Expect("ACK")
	return m
}

// cancels has the caller give up.
func (d *dial) cancels(headers ...sipmsg.Header) {
	d.r.t.Helper()
	m := d.r.caller.Cancel(d.invite)
	m.Headers = headers
	d.r.caller.Send(d.r.server, m)
	d.r.caller.Expect("200 CANCEL")
	d.hears("487")
}

func with(name, value string) edit {
	return func(m *sipmsg.Message) { m.Headers = append(m.Headers, sipmsg.Header{Name: name, Value: value}) }
}

func body(contentType string, data []byte) edit {
	return func(m *sipmsg.Message) { m.ContentType, m.Body = contentType, data }
}

func parse(t testing.TB, body []byte) *sdp.Session {
	t.Helper()
	s, err := sdp.Parse(body)
	if err != nil {
		t.Fatalf("%v in\n%s", err, body)
	}
	return s
}
