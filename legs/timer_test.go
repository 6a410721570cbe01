package legs

import (
	"testing"
	"time"

	"b2bua/legs/sipmsg"
)

// RFC 3261 §13.3.1.1: a call that rings for long is heard of every minute, as it
// was said last, and no more once it is over.
func TestRingingIsRepeatedEveryMinute(t *testing.T) {
	t.Parallel()
	ends := map[string]struct {
		end   func(*Inbound)
		final int
	}{
		"answered": {func(l *Inbound) { l.Answer(false, nil, Body{}) }, 200},
		"refused":  {func(l *Inbound) { l.Refuse(486, "", nil) }, 486},
	}
	for name, tt := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.hear(labPeer, []byte(crlf(callerInvite)))
			in := l.in[0]
			do := func(fn func(*Inbound)) { l.on(in.Seed.Shard, func(*Core) { fn(in) }) }
			l.pass(59 * time.Second) // 100 needs no reminder
			do(func(in *Inbound) { in.Progress(180, false, nil, Body{}) })
			l.pass(30 * time.Second)
			do(func(in *Inbound) { in.Progress(183, false, nil, Body{Type: "application/sdp", Data: []byte("v=0")}) })
			l.said()
			l.pass(59 * time.Second)
			if said := l.said(); len(said) != 0 {
				t.Errorf("said too early:\n%s", text(said))
			}
			l.pass(2*time.Minute + time.Second)
			said := l.said()
			if len(said) != 3 {
				t.Fatalf("said %d times", len(said))
			}
			for _, o := range said {
				if m := parseRaw(t, o.Data); m.Status != 183 || string(m.Body) != "v=0" || o.Flow.Peer != labPeer {
					t.Errorf("said %s", o.Data)
				}
			}
			do(tt.end)
			l.pass(3 * time.Minute)
			for _, o := range l.said() {
				if m := parseRaw(t, o.Data); m.Status != tt.final && m.Method != "BYE" {
					t.Errorf("said afterwards: %s", o.Data)
				}
			}
			l.pass(3 * time.Minute)
			l.empty()
		})
	}
}

// A hop that could not be looked up is looked up again for the next request.
func TestLostHopIsTriedAgain(t *testing.T) {
	t.Parallel()
	r := newRelay(t)
	r.establish("hop")
	out := r.pair.out
	r.lab.on(out.Seed.Shard, func(c *Core) {
		var went []string
		send := func(hop string) {
			c.toward(out, sending{kind: actSend, hop: hop})
			went = append(went, c.out[len(c.out)-1].Flow.Peer.String())
		}
		send("sip:nowhere.example") // there is no resolver
		if out.hopURI != "" {
			t.Errorf("remembered %s for %s", out.hopAddr, out.hopURI)
		}
		send("sip:203.0.113.7:5070")
		send("sip:203.0.113.7:5070")
		send("sip:[2001:db8::1]") // not to be reached from here
		send("not a URI")
		want := []string{labPeer.String(), "203.0.113.7:5070", "203.0.113.7:5070", labPeer.String(), labPeer.String()}
		for i := range want {
			if i >= len(went) || went[i] != want[i] {
				t.Errorf("went to %v, want %v", went, want)
				break
			}
		}
	})
}

// The bridge may hang up from inside an event, over and over.
func TestHangupInsideEvents(t *testing.T) {
	t.Parallel()
	r := newRelay(t)
	relayed := r.lab.onEvent
	r.lab.onEvent = func(c *Core, ev Event) {
		kind := ev.Kind
		relayed(c, ev)
		r.pair.in.Hangup("")
		r.pair.out.Hangup("")
		r.pair.in.Hangup("")
		if kind == Accepted {
			r.pair.out.Ack(Body{})
		}
	}
	r.lab.hear(labPeer, []byte(carrierInvite("inside")))
	ours := r.find("INVITE", 0)
	r.lab.hear(labPeer, bytesOf(t, sipmsg.NewResponse(ours, 200, "", "g")))
	r.lab.pass(10 * time.Minute)
	r.lab.empty()
	if r.lab.crashes > 0 {
		t.Error("crashed")
	}
}
