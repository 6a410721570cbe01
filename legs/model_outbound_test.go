package legs

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"b2bua/legs/sipmsg"
	"b2bua/legs/txn"
)

// A callee is a model of the peer of an outbound leg, forks and all.
type callee struct {
	t    *rapid.T
	lab  *lab // the leg under test
	twin *lab // the same, written down and read back after every step
	leg  *Outbound
	copy *Outbound

	invite  *sipmsg.Message
	rang    bool      // a 1xx has been sent
	refused bool      // a 300-699 has been sent
	firstOK time.Time // when the first 2xx was sent
	winner  string    // its tag
	cancels int
	acks    map[string]int  // by tag
	byes    map[string]bool // tags of dialogs that a BYE has ended, theirs or ours
	open    []*sipmsg.Message
	cseq    uint32
	hungUp  bool
	sent    map[string]bool // tags that a 2xx was sent with
	ackedNo int             // ACKs of refusals
	re      *reinvites      // that the callee has heard
	asking  string          // CSeq of the callee's last re-INVITE, by branch
	askNo   uint32
	tagged  string
	answers map[string]int // final responses to it, by branch
}

// TestOutboundModel throws everything at an outbound leg in any order: the
// callee's responses and requests, those of other forks, the bridge's commands,
// and time.
func TestOutboundModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := &callee{
			t: rt, lab: newLab(rt), twin: newLab(rt),
			acks: map[string]int{}, byes: map[string]bool{}, sent: map[string]bool{},
			re: newReinvites(rt), answers: map[string]int{},
		}
		c.begin()
		tag := rapid.SampledFrom([]string{"ga", "gb", "gc"})
		talks := rapid.IntRange(0, 2).Draw(rt, "answered at once") > 0
		// What happens after that should happen more often than its end.
		may := func(rt *rapid.T) bool { return !talks || rapid.IntRange(0, 7).Draw(rt, "end") == 0 }
		if talks {
			tag = rapid.SampledFrom([]string{"ga", "ga", "ga", "gb"})
			c.accept("ga")
			c.command(func(l *Outbound) { l.Ack(Body{}) })
		}
		rt.Repeat(map[string]func(*rapid.T){
			"100": func(*rapid.T) { c.answer(100, "") },
			"18x": func(rt *rapid.T) { c.answer(183, tag.Draw(rt, "tag")) },
			"200": func(rt *rapid.T) { c.accept(tag.Draw(rt, "tag")) },
			"486": func(rt *rapid.T) { c.answer(486, tag.Draw(rt, "tag")) },
			"BYE": func(rt *rapid.T) {
				if may(rt) {
					c.bye(tag.Draw(rt, "tag"))
				}
			},
			"INFO": func(rt *rapid.T) { c.say("INFO", tag.Draw(rt, "tag"), c.next()) },
			"re-INVITE": func(rt *rapid.T) {
				c.tagged, c.askNo = tag.Draw(rt, "tag"), c.next()
				c.asking = fmt.Sprintf("z9hG4bKINVITE%d", c.askNo)
				c.say("INVITE", c.tagged, c.askNo)
			},
			"ACK of re-INVITE": func(*rapid.T) {
				if c.answers[c.asking] >= 200 {
					c.sayWith("ACK", c.tagged, c.askNo, c.asking)
				}
			},
			"CANCEL of re-INVITE": func(*rapid.T) {
				if c.asking != "" && c.answers[c.asking] == 0 {
					c.sayWith("CANCEL", c.tagged, c.askNo, c.asking)
				}
			},
			"answer re-INVITE": func(rt *rapid.T) {
				if m, ok := c.re.answer(c.lab, 7, reStatuses.Draw(rt, "status")); ok {
					c.do(func(l *lab) { l.tell(m) })
				}
			},
			"of re-INVITEs": func(rt *rapid.T) {
				do := commands[rapid.SampledFrom(commandNames).Draw(rt, "command")]
				c.command(func(l *Outbound) { do(l) })
			},
			"respond": func(rt *rapid.T) {
				if len(c.open) > 0 {
					i := rapid.IntRange(0, len(c.open)-1).Draw(rt, "which")
					c.respond(c.open[i], rapid.SampledFrom([]int{100, 200, 481}).Draw(rt, "status"))
				}
			},
			"ack": func(*rapid.T) { c.command(func(l *Outbound) { l.Ack(Body{}) }) },
			"hangup": func(rt *rapid.T) {
				if may(rt) {
					c.hangup()
				}
			},
			"time": func(rt *rapid.T) {
				longest := time.Second
				if may(rt) {
					longest = 40 * time.Second
				}
				d := time.Duration(rapid.Int64Range(1, int64(longest)).Draw(rt, "for"))
				c.do(func(l *lab) { l.pass(d) })
			},
			"long time": func(rt *rapid.T) {
				if may(rt) {
					c.do(func(l *lab) { l.pass(200 * time.Second) })
				}
			},
			"": func(*rapid.T) {},
		})
		c.finish()
	})
}

func (c *callee) begin() {
	dial := func(l *lab) (leg *Outbound) {
		l.on(7, func(core *Core) {
			leg = core.Dial(l, Peer{Trunk: "pbx", InDialogSource: "trunk", Address: labPeer}, &Call{
				RequestURI: "sip:33@198.51.100.1", From: "<sip:a@192.0.2.1>", To: "<sip:33@198.51.100.1>", MaxForwards: 69,
			})
		})
		return leg
	}
	c.leg, c.copy = dial(c.lab), dial(c.twin)
	c.do(func(*lab) {})
	if c.invite == nil {
		c.t.Fatalf("no INVITE")
	}
}

// do does the same to both labs and looks at what comes of it.
func (c *callee) do(fn func(*lab)) {
	c.t.Helper()
	for _, l := range []*lab{c.lab, c.twin} {
		fn(l)
	}
	reread(c.t, &c.copy.OutboundState)
	said := c.lab.said()
	if a, b := text(said), text(c.twin.said()); a != b {
		c.t.Fatalf("written down and read back, it says something else:\n%s\n----\n%s", a, b)
	}
	for _, o := range said {
		c.look(o.Data)
	}
	c.events()
}

func (c *callee) command(fn func(*Outbound)) {
	c.do(func(l *lab) {
		l.on(7, func(*Core) {
			if l == c.lab {
				fn(c.leg)
			} else {
				fn(c.copy)
			}
		})
	})
}

func (c *callee) hangup() {
	c.hungUp = true
	c.command(func(l *Outbound) { l.Hangup("Q.850;cause=16") })
}

func (c *callee) next() uint32 {
	c.cseq++
	return c.cseq
}

func (c *callee) answer(status int, tag string) {
	c.rang = c.rang || status < 200
	before := c.ackedNo
	live := c.lab.stack.cores[7].clients.find(txn.ClientKey{Branch: c.invite.Vias[0].Branch(), Method: "INVITE"}) != nil
	live = live && len(c.sent) == 0
	m := sipmsg.NewResponse(c.invite, status, "", tag)
	m.Contacts = []sipmsg.Address{{Raw: "<sip:" + tag + "@198.51.100.1>"}}
	c.do(func(l *lab) { l.tell(m) })
	if status >= 300 {
		c.refused = true
		if live && c.ackedNo != before+1 {
			c.t.Fatalf("%d was not acknowledged", status)
		}
	}
}

// accept sends a 2xx: for the first tag until its time is up, for others ever.
func (c *callee) accept(tag string) {
	if tag == c.winner && c.lab.now.Sub(c.firstOK) >= 64*labT1 {
		return
	}
	if c.re.last != 0 && c.leg.State() == Terminated {
		return // another dialog may be remembered under our tag: that of a late 2xx to a re-INVITE
	}
	if c.winner == "" {
		c.winner, c.firstOK = tag, c.lab.now
	}
	c.sent[tag] = true
	before := c.acks[tag]
	c.answer(200, tag)
	owed := c.leg.State() == Answered && tag == c.leg.Dialog.RemoteTag // the bridge has yet to say so
	if !owed && c.acks[tag] == before {
		c.t.Fatalf("200 with tag %s was not acknowledged in %v", tag, c.leg.State())
	}
}

func (c *callee) bye(tag string) { c.say("BYE", tag, c.next()) }

func (c *callee) say(method, tag string, cseq uint32) {
	c.sayWith(method, tag, cseq, fmt.Sprintf("z9hG4bK%s%d", method, cseq))
}

func (c *callee) sayWith(method, tag string, cseq uint32, branch string) {
	raw := crlf(fmt.Sprintf(`
%[1]s sip:x@192.0.2.1 SIP/2.0
Via: SIP/2.0/UDP 198.51.100.1;branch=%[6]s
From: <sip:33@198.51.100.1>;tag=%[5]s
To: %[3]s
Call-ID: %[4]s
CSeq: %[2]d %[1]s
Contact: <sip:a@198.51.100.1>
Content-Length: 0

`, method, cseq, c.invite.From.Raw, c.invite.CallID, tag, branch))
	c.do(func(l *lab) { l.hear(labPeer, []byte(raw)) })
}

func (c *callee) respond(req *sipmsg.Message, status int) {
	c.do(func(l *lab) { l.tell(sipmsg.NewResponse(req, status, "", "")) })
}

// look judges one message of the leg.
func (c *callee) look(raw []byte) {
	c.t.Helper()
	m, err := sipmsg.Parse(raw)
	if err != nil {
		c.t.Fatalf("said what does not parse: %v\n%s", err, raw)
	}
	tag := m.To.Tag()
	switch {
	case !m.IsRequest():
		if m.Method == "BYE" && m.Status == 200 {
			c.byes[m.From.Tag()] = true
		}
		if m.Method == "INVITE" && m.Status >= 200 {
			branch := m.Vias[0].Branch()
			if was := c.answers[branch]; was != 0 && was != m.Status {
				c.t.Fatalf("a re-INVITE was answered %d, now %d", was, m.Status)
			}
			c.answers[branch] = m.Status
		}
	case m.Method == "INVITE" && c.invite == nil:
		c.invite = m
	case m.CSeq > 1 && c.re.look(m):
	case m.Method == "INVITE":
		if c.rang || c.refused || c.winner != "" {
			c.t.Fatalf("INVITE again after a response")
		}
	case m.Method == "CANCEL":
		c.cancels++
		if !c.rang || m.CSeq != 1 || m.Vias[0].Raw != c.invite.Vias[0].Raw {
			c.t.Fatalf("CANCEL before any response, or of something else: %s", raw)
		}
		c.open = append(c.open, m)
	case m.Method == "ACK" && m.Vias[0].Raw == c.invite.Vias[0].Raw:
		c.ackedNo++
		if !c.refused && tag == "" {
			c.t.Fatalf("ACK of nothing")
		}
	case m.Method == "ACK":
		if c.acks[tag]++; !c.sent[tag] || m.CSeq != 1 {
			c.t.Fatalf("ACK of nothing: %s", raw)
		}
	case m.Method == "BYE":
		if c.byes[tag] = true; c.acks[tag] == 0 || m.CSeq <= c.re.last && tag == c.winner {
			c.t.Fatalf("BYE of what is not acknowledged: %s", raw)
		}
		c.open = append(c.open, m)
	default:
		c.t.Fatalf("unexpected: %s", raw)
	}
}

// events: at most one outcome, Ended once, and nothing after it.
func (c *callee) events() {
	c.t.Helper()
	outcomes := 0
	for i, ev := range c.lab.events {
		if ev.Kind == Accepted || ev.Kind == Refused {
			outcomes++
		}
		if ev.Kind == Ended && i != len(c.lab.events)-1 {
			c.t.Fatalf("%v after ended", c.lab.events[i+1].Kind)
		}
	}
	if outcomes > 1 || c.lab.crashes > 0 {
		c.t.Fatalf("%d outcomes, %d crashes", outcomes, c.lab.crashes)
	}
}

// finish hangs up and lets all timers run out. Then nothing is left, and every
// dialog that a 2xx has made is acknowledged and over.
func (c *callee) finish() {
	c.t.Helper()
	c.hangup()
	c.do(func(l *lab) { l.pass(15 * time.Minute) })
	if n := len(c.lab.events); n == 0 || c.lab.events[n-1].Kind != Ended {
		c.t.Fatalf("it has not ended: %v", c.leg.State())
	}
	for tag := range c.sent {
		if c.acks[tag] == 0 || !c.byes[tag] {
			c.t.Errorf("2xx with tag %s: %d ACKs, ended %v", tag, c.acks[tag], c.byes[tag])
		}
	}
	c.re.finish()
	c.lab.empty()
	c.twin.empty()
}
