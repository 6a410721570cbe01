package legs

import (
	"fmt"
	"testing"

	"b2bua/legs/sipmsg"
)

// What the bridge gives and cannot be written is left out of what must be sent
// all the same: a CANCEL, a BYE, an ACK.
func TestUnwritableReasonAndBody(t *testing.T) {
	t.Parallel()
	r := newRelay(t)
	r.lab.onEvent = func(*Core, Event) {}
	r.lab.hear(labPeer, []byte(carrierInvite("unwritable")))
	ours, out := r.find("INVITE", 0), r.pair.out
	do := func(fn func()) { r.lab.on(out.Seed.Shard, func(*Core) { fn() }) }
	r.lab.hear(labPeer, bytesOf(t, sipmsg.NewResponse(ours, 180, "", "g")))
	do(func() { out.Hangup("a\r\nb") })
	if m := r.find("CANCEL", 0); m.Header("Reason") != "" {
		t.Errorf("Reason %q", m.Header("Reason"))
	}
	r.lab.hear(labPeer, bytesOf(t, sipmsg.NewResponse(ours, 200, "", "g")))
	bye := r.find("BYE", 0)
	if bye.Header("Reason") != "" {
		t.Errorf("Reason %q", bye.Header("Reason"))
	}
	r.lab.hear(labPeer, bytesOf(t, sipmsg.NewResponse(bye, 200, "", "")))
	do(func() { r.pair.in.Hangup("") })
	if n := r.lab.stack.cores[out.Seed.Shard].legs.index.Len(); n != 0 || r.lab.crashes != 0 {
		t.Errorf("%d legs left, %d crashes", n, r.lab.crashes)
	}

	r.lab.hear(labPeer, []byte(carrierInvite("unwritable2")))
	ours, out = r.find("INVITE", 0), r.pair.out
	r.lab.hear(labPeer, bytesOf(t, sipmsg.NewResponse(ours, 200, "", "g")))
	do(func() { out.Ack(Body{Type: "a\r\nb", Data: []byte("x")}) })
	if m := r.find("ACK", 0); len(m.Body) != 0 {
		t.Errorf("body %q", m.Body)
	}
}

// One INVITE is answered by more forks than anybody has: they are not all
// remembered.
func TestForksAreBounded(t *testing.T) {
	t.Parallel()
	r := newRelay(t)
	r.establish("forks")
	out := r.pair.out
	for i := range 2 * maxForks {
		m := sipmsg.NewResponse(&sipmsg.Message{
			Method: "INVITE", CSeq: 1, Vias: []sipmsg.Via{{Raw: out.Local.via(out.Branch)}}, CallID: out.Dialog.CallID,
			From: sipmsg.Address{Raw: out.Dialog.LocalParty}, To: sipmsg.Address{Raw: "<sip:33@198.51.100.1>"},
		}, 200, "", fmt.Sprintf("fork%d", i))
		r.lab.hear(labPeer, bytesOf(t, m))
	}
	if len(out.Losers) != maxForks {
		t.Errorf("%d forks remembered", len(out.Losers))
	}
	early := newUAC(t)
	for i := range 2 * maxForks {
		step(t, dawn, func(s *script) { early.s.response(s, early.answers(183, fmt.Sprint("e", i))) })
	}
	if len(early.s.Early) != maxForks {
		t.Errorf("%d early dialogs remembered", len(early.s.Early))
	}
}

// A BYE that is older than what we have heard does not end the dialog.
func TestOldByeOfTheCalled(t *testing.T) {
	t.Parallel()
	u := newUAC(t)
	u.move(InAnswer)
	u.move(InAck)
	did := func(m *sipmsg.Message) string {
		d, _ := step(t, dawn, func(out *script) { u.s.receive(out, m) })
		return d
	}
	if d := did(u.says("INFO", 5, "g")); d != "405 to INFO" {
		t.Error(d)
	}
	if d := did(u.says("BYE", 5, "g")); d != "500 to BYE" || u.s.State != Confirmed {
		t.Error(d, u.s.State)
	}
	if d := did(u.says("ACK", 5, "g")); d != "" {
		t.Error(d)
	}
	if d := did(u.says("BYE", 6, "g")); d != "200 to BYE, bye, ended" {
		t.Error(d)
	}
}

// What went out tells whose transaction it was, when it is a request of ours.
func TestRequestOf(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		raw            string
		method, branch string
		ok             bool
	}{
		"a request":     {"BYE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx;rport\r\n\r\n", "BYE", "z9hG4bKx", true},
		"last in line":  {"BYE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\n\r\n", "BYE", "z9hG4bKx", true},
		"a response":    {"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\n\r\n", "", "", false},
		"without a Via": {"BYE sip:x SIP/2.0\r\n\r\n", "", "", false},
		"cut short":     {"BYE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9", "", "", false},
		"nothing":       {"", "", "", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			method, branch, ok := requestOf([]byte(tt.raw))
			if method != tt.method || branch != tt.branch || ok != tt.ok {
				t.Errorf("%q %q %v", method, branch, ok)
			}
		})
	}
}

func TestInviteHeader(t *testing.T) {
	t.Parallel()
	inv := Invite{Headers: []sipmsg.Header{{Name: "Subject", Value: "a"}, {Name: "Subject", Value: "b"}}}
	if inv.Header("Subject") != "a" || inv.Header("Priority") != "" {
		t.Errorf("%q %q", inv.Header("Subject"), inv.Header("Priority"))
	}
}
