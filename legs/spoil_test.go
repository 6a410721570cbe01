package legs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"b2bua/legs/sipmsg"
)

// What a handler may keep of an event or an INVITE stays what it was when its
// packet is used for other messages, spoiled or not; and the whole INVITE does
// until its final response.
func TestWhatIsKeptStays(t *testing.T) {
	for _, spoil := range []func(*sipmsg.Message){nil, spoiled} {
		r := newRelay(t)
		r.lab.stack.memory.spoil = spoil
		var kept []any
		var then []string
		keep := func(v any) {
			kept, then = append(kept, v), append(then, asJSON(t, v))
		}
		keepInvite := func(inv *Invite) {
			own := *inv
			own.From, own.To, own.URI.Params = nil, nil, nil
			keep(own)
		}
		var asked *Invite
		var first string
		r.lab.onInvite = func(c *Core, in *Inbound, inv *Invite) {
			keepInvite(inv)
			asked, first = inv, asJSON(t, inv)
			r.invite(c, in, inv)
		}
		r.lab.onEvent = func(c *Core, ev Event) {
			if now := asJSON(t, asked); ev.Kind <= Accepted && now != first {
				t.Errorf("at %v the INVITE was\n%s\nis\n%s", ev.Kind, first, now)
			}
			leg := ev.Leg
			ev.Leg = nil
			keep(ev)
			ev.Leg = leg
			r.event(c, ev)
		}
		for i := range 3 {
			d := r.establish(fmt.Sprintf("kept-%d", i))
			r.lab.hear(labPeer, d.bye)
		}
		r.lab.onInvite = func(_ *Core, in *Inbound, inv *Invite) {
			keepInvite(inv)
			in.Refuse(486, "", nil) // over before its packet is
		}
		r.lab.onEvent = nil
		for i := range 3 {
			r.lab.hear(labPeer, []byte(carrierInvite(fmt.Sprintf("refused-%d", i))))
		}
		if len(kept) < 18 {
			t.Fatalf("%d things kept", len(kept))
		}
		if r.lab.crashes != 0 {
			t.Errorf("%d crashes", r.lab.crashes)
		}
		for i, v := range kept {
			if now := asJSON(t, v); now != then[i] {
				t.Errorf("was\n%s\nis\n%s", then[i], now)
			}
		}
	}
}

// A packet whose step is over is spoiled in tests, and used again otherwise; one
// with an INVITE that is served is neither.
func TestPacketsAreGivenBack(t *testing.T) {
	l := newLab(t)
	var given []string
	l.stack.memory.spoil = func(m *sipmsg.Message) {
		given = append(given, m.Method)
		vias, from := m.Vias, m.From
		if spoiled(m); vias[0].Raw != "SPOILED" || from.Params[0].Value != "SPOILED" {
			t.Errorf("not spoiled: %+v, %+v", vias, from)
		}
	}
	l.hear(labPeer, []byte(crlf(callerInvite)))
	if len(given) != 0 {
		t.Errorf("given back while it is served: %q", given)
	}
	l.hear(labPeer, []byte(crlf(callerInvite))) // again
	l.hear(labNobody, []byte("OPTIONS sip:a SIP/2.0\r\nFrom: <sip:b>;tag=c\r\nVia: SIP/2.0/UDP d;branch=z9hG4bKd\r\nCSeq: 1 OPTIONS\r\n\r\n"))
	if fmt.Sprint(given) != "[INVITE OPTIONS]" {
		t.Errorf("given back: %q", given)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A transaction that is over is spoiled in tests, and so is what it lets go of, but
// not before it has been written: the wire never hears of it.
func TestTransactionsAreGivenBack(t *testing.T) {
	r := newRelay(t)
	var tx *serverTx
	r.lab.onEvent = func(c *Core, ev Event) {
		if tx = r.pair.in.tx; tx == nil || tx.State == nowhere {
			t.Errorf("a transaction is given back before its time: %+v", tx)
		}
		r.event(c, ev)
		if ev.Kind == Accepted {
			r.lab.onEvent = r.event
		}
	}
	d := r.establish("images")
	if tx.State != nowhere || r.pair.in.tx != nil { // it is a remnant now
		t.Errorf("a transaction is not given back: %+v", tx)
	}
	r.lab.hear(labPeer, d.bye)
	r.lab.hear(labPeer, d.bye)
	r.lab.pass(40 * time.Second)
	for _, o := range r.lab.said() {
		if bytes.Contains(o.Data, []byte("??")) {
			t.Errorf("said %q", o.Data)
		}
	}
	var g images
	raw := g.keep([]byte("ACK sip:a SIP/2.0"))
	if g.free(raw); cap(raw) != imageStep {
		t.Errorf("room for %d bytes", cap(raw))
	}
	g.spoil = true
	other := g.keep(raw)
	if g.free(other); string(other) != strings.Repeat("?", len(raw)) {
		t.Errorf("not spoiled: %q", other)
	}
	for _, n := range []int{0, 1, imageStep, imageStep + 1, imageStep * imageSizes, imageStep*imageSizes + 1} {
		b := make([]byte, n)
		if kept := g.keep(b); len(kept) != n || cap(kept) >= n+imageStep {
			t.Errorf("%d bytes: room for %d", n, cap(kept))
		}
	}
}
