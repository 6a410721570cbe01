package legs

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"b2bua/legs/sipmsg"
)

// A caller is a model of the peer of an inbound leg: what it has said, what it
// has heard, and what must be true of that.
type caller struct {
	t    *rapid.T
	lab  *lab // the leg under test
	twin *lab // the same, written down and read back after every step

	cseq     uint32
	tags     []string          // To tags heard
	asked    map[string]string // branch of a request -> method
	answered map[string]int    // branch -> its final status
	final    string            // the final response to the INVITE, as it came
	status   int
	finalAt  time.Time // when that came first
	acked    bool
	byes     []*sipmsg.Message // heard, one per branch
	re       *reinvites        // that the caller has heard
	implied  bool              // a re-INVITE has said that the 2xx is there
	asking   *sipmsg.Message   // the caller's last re-INVITE
	saidBye  bool              // a BYE of ours got 200
}

// TestInboundModel throws everything at an inbound leg in any order: the
// caller's messages, the bridge's commands, and time.
func TestInboundModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := &caller{
			t: rt, lab: newLab(rt), twin: newLab(rt), cseq: 7,
			asked: map[string]string{"z9hG4bK1": "INVITE"}, answered: map[string]int{}, re: newReinvites(rt),
		}
		invite := func(l *lab) { l.hear(labPeer, []byte(crlf(callerInvite))) }
		c.do(invite)
		if len(c.lab.in) != 1 {
			rt.Fatalf("%d calls", len(c.lab.in))
		}
		flag := rapid.Bool()
		talks := rapid.IntRange(0, 2).Draw(rt, "answered at once") > 0
		// What happens after that should happen more often than its end.
		may := func(rt *rapid.T) bool { return !talks || rapid.IntRange(0, 7).Draw(rt, "end") == 0 }
		if talks {
			c.command(func(l *Inbound) { l.Answer(false, nil, Body{}) })
			c.ack(false)
		}
		rt.Repeat(map[string]func(*rapid.T){
			"INVITE again": func(*rapid.T) {
				if c.pending() { // else it would be a new call
					c.do(invite)
				}
			},
			"CANCEL": func(*rapid.T) {
				if c.pending() { // else a new one, of nothing
					c.say("CANCEL", "z9hG4bK1", 7, "")
				}
			},
			"ACK":         func(rt *rapid.T) { c.ack(flag.Draw(rt, "same branch")) },
			"ACK of what": func(*rapid.T) { c.say("ACK", "z9hG4bKwhat", 99, c.tag()) },
			"BYE": func(rt *rapid.T) {
				if may(rt) {
					c.say("BYE", "", c.next(), c.tag())
				}
			},
			"late BYE":  func(*rapid.T) { c.say("BYE", "", 3, c.tag()) },
			"OPTIONS":   func(*rapid.T) { c.say("OPTIONS", "", c.next(), c.tag()) },
			"re-INVITE": func(*rapid.T) { c.reinvite() },
			"ACK of re-INVITE": func(*rapid.T) {
				if m := c.asking; m != nil && c.answered[m.Vias[0].Branch()+"INVITE"] >= 200 {
					c.say("ACK", m.Vias[0].Branch(), m.CSeq, m.To.Tag())
				}
			},
			"CANCEL of re-INVITE": func(*rapid.T) {
				if m := c.asking; m != nil && c.answered[m.Vias[0].Branch()+"INVITE"] == 0 {
					c.say("CANCEL", m.Vias[0].Branch(), m.CSeq, m.To.Tag())
				}
			},
			"answer re-INVITE": func(rt *rapid.T) {
				if m, ok := c.re.answer(c.lab, c.lab.in[0].Seed.Shard, reStatuses.Draw(rt, "status")); ok {
					c.do(func(l *lab) { l.tell(m) })
				}
			},
			"of re-INVITEs": func(rt *rapid.T) {
				do := commands[rapid.SampledFrom(commandNames).Draw(rt, "command")]
				c.command(func(l *Inbound) { do(l) })
			},
			"answer BYE": func(rt *rapid.T) { c.answerBye(rapid.SampledFrom([]int{100, 200, 481}).Draw(rt, "status")) },
			"progress": func(rt *rapid.T) {
				fresh := flag.Draw(rt, "new tag")
				c.command(func(l *Inbound) { l.Progress(183, fresh, nil, Body{}) })
			},
			"answer": func(rt *rapid.T) {
				fresh := flag.Draw(rt, "new tag")
				c.command(func(l *Inbound) { l.Answer(fresh, nil, Body{Type: "application/sdp", Data: []byte("v=0")}) })
			},
			"refuse": func(*rapid.T) { c.command(func(l *Inbound) { l.Refuse(486, "", nil) }) },
			"hangup": func(rt *rapid.T) {
				if may(rt) {
					c.command(func(l *Inbound) { l.Hangup("Q.850;cause=16") })
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
			"": func(*rapid.T) {},
		})
		c.finish()
	})
}

// do does the same to both labs and looks at what comes of it.
func (c *caller) do(fn func(*lab)) {
	c.t.Helper()
	for _, l := range []*lab{c.lab, c.twin} {
		fn(l)
	}
	for _, in := range c.twin.in {
		reread(c.t, &in.InboundState)
	}
	said := c.lab.said()
	if a, b := text(said), text(c.twin.said()); a != b {
		c.t.Fatalf("written down and read back, it says something else:\n%s\n----\n%s", a, b)
	}
	for _, o := range said {
		c.look(o.Data)
	}
	c.events()
}

func (c *caller) command(fn func(*Inbound)) {
	c.do(func(l *lab) { l.on(l.in[0].Seed.Shard, func(*Core) { fn(l.in[0]) }) })
}

// pending reports whether the INVITE's transaction is certainly still there.
func (c *caller) pending() bool { return c.final == "" || c.lab.now.Sub(c.finalAt) < 5*time.Second }

func (c *caller) next() uint32 {
	c.cseq++
	return c.cseq
}

// tag is the newest tag heard; what names none is another kind of wrong.
func (c *caller) tag() string {
	if len(c.tags) == 0 {
		return "foreign"
	}
	return c.tags[len(c.tags)-1]
}

func (c *caller) say(method, branch string, cseq uint32, tag string) {
	if branch == "" {
		branch = fmt.Sprintf("z9hG4bK%s%d-%d", method, cseq, len(c.asked))
	}
	if tag != "" {
		tag = ";tag=" + tag
	}
	raw := crlf(fmt.Sprintf(`
%[1]s sip:33@192.0.2.1 SIP/2.0
Via: SIP/2.0/UDP 198.51.100.1;branch=%[2]s;rport
From: "A" <sip:a@example>;tag=ta
To: <sip:33@example>%[4]s
Call-ID: call-a
CSeq: %[3]d %[1]s
Contact: <sip:a@198.51.100.1>
Max-Forwards: 70
Content-Length: 0

`, method, branch, cseq, tag))
	if method != "ACK" {
		c.asked[branch+method] = method
	}
	c.do(func(l *lab) { l.hear(labPeer, []byte(raw)) })
}

func (c *caller) reinvite() {
	c.implied = c.implied || c.status >= 200 && c.status < 300
	cseq := c.next()
	branch := fmt.Sprintf("z9hG4bKre%d", cseq)
	c.asking = &sipmsg.Message{CSeq: cseq, Vias: []sipmsg.Via{{Raw: "SIP/2.0/UDP h;branch=" + branch}}, To: sipmsg.Address{Raw: "<sip:33@example>;tag=" + c.tag()}}
	c.say("INVITE", branch, cseq, c.tag())
}

// ack acknowledges the final response there was.
func (c *caller) ack(same bool) {
	switch {
	case c.status == 0:
	case c.status >= 300:
		c.say("ACK", "z9hG4bK1", 7, c.tag())
	default:
		branch := "z9hG4bKack"
		if same {
			branch = "z9hG4bK1"
		}
		c.acked = true
		c.say("ACK", branch, 7, c.tag())
	}
}

func (c *caller) answerBye(status int) {
	if len(c.byes) == 0 {
		return
	}
	c.do(func(l *lab) { l.tell(sipmsg.NewResponse(c.byes[0], status, "", "")) })
}

// look judges one message of the leg.
func (c *caller) look(raw []byte) {
	c.t.Helper()
	m, err := sipmsg.Parse(raw)
	if err != nil {
		c.t.Fatalf("said what does not parse: %v\n%s", err, raw)
	}
	if m.IsRequest() {
		c.lookRequest(m)
		return
	}
	branch := m.Vias[0].Branch()
	if branch == "z9hG4bK1" && m.Method == "INVITE" {
		c.lookFinal(m, string(raw))
		return
	}
	method, ok := c.asked[branch+m.Method]
	if !ok || method != m.Method {
		c.t.Fatalf("a response to nothing: %s", raw)
	}
	if was := c.answered[branch+m.Method]; m.Status >= 200 && was != 0 && was != m.Status {
		c.t.Fatalf("%s was answered %d, now %d", method, was, m.Status)
	}
	if m.Status < 200 {
		return
	}
	c.answered[branch+m.Method] = m.Status
	if m.Method == "CANCEL" && m.Status == 200 && len(c.tags) > 0 && !slices.Contains(c.tags, m.To.Tag()) {
		c.t.Fatalf("CANCEL was answered with tag %q, the INVITE with %q", m.To.Tag(), c.tags)
	}
	if m.Method == "BYE" && m.Status == 200 {
		c.saidBye = true
	}
}

func (c *caller) lookFinal(m *sipmsg.Message, raw string) {
	c.t.Helper()
	if m.Status > 100 && !slices.Contains(c.tags, m.To.Tag()) {
		c.tags = append(c.tags, m.To.Tag())
	}
	if m.Status < 200 {
		if c.final != "" {
			c.t.Fatalf("%d after the final response", m.Status)
		}
		return
	}
	if c.final != "" && c.final != raw {
		c.t.Fatalf("two final responses:\n%s\n%s", c.final, raw)
	}
	if c.acked && m.Status < 300 {
		c.t.Fatalf("the 2xx again after its ACK")
	}
	if c.final == "" {
		c.finalAt = c.lab.now
	}
	c.final, c.status = raw, m.Status
	c.answered["z9hG4bK1INVITE"] = m.Status
}

// lookRequest: the leg sends one BYE and nothing else, and not before the ACK
// unless that never came.
func (c *caller) lookRequest(m *sipmsg.Message) {
	c.t.Helper()
	if m.From.Tag() != c.tag() || m.To.Tag() != "ta" {
		c.t.Fatalf("%s, CSeq %d, tags %q %q", m.Method, m.CSeq, m.From.Tag(), m.To.Tag())
	}
	if c.re.look(m) {
		if !c.acked && !c.implied {
			c.t.Fatalf("%s of a re-INVITE before the ACK", m.Method)
		}
		return
	}
	if m.Method != "BYE" || m.CSeq != c.re.last+1 {
		c.t.Fatalf("%s, CSeq %d, after %d", m.Method, m.CSeq, c.re.last)
	}
	if c.status < 200 || c.status > 299 || (!c.acked && !c.implied && c.lab.now.Sub(c.finalAt) < 64*labT1) {
		c.t.Fatalf("BYE though the call is at %d, acknowledged %v, after %v", c.status, c.acked, c.lab.now.Sub(c.finalAt))
	}
	if len(c.byes) > 0 && c.byes[0].Vias[0].Raw != m.Vias[0].Raw && !c.re.late[c.re.last] { // a 2xx after all is ended again
		c.t.Fatalf("two BYEs")
	}
	c.byes = append(c.byes, m)
}

// events: Ended comes once, and nothing after it.
func (c *caller) events() {
	c.t.Helper()
	for i, ev := range c.lab.events {
		if ev.Kind == Ended && i != len(c.lab.events)-1 {
			c.t.Fatalf("%v after ended", c.lab.events[i+1].Kind)
		}
	}
	if c.lab.crashes > 0 {
		c.t.Fatalf("crashed")
	}
}

// finish hangs up and lets all timers run out. Then nothing is left, everything
// has been answered, and an answered call has been ended by one side.
func (c *caller) finish() {
	c.t.Helper()
	c.command(func(l *Inbound) { l.Hangup("") })
	c.ack(false)
	c.do(func(l *lab) { l.pass(10 * time.Minute) })
	if n := len(c.lab.events); n == 0 || c.lab.events[n-1].Kind != Ended {
		c.t.Fatalf("it has not ended: %v", c.lab.in[0].State())
	}
	for key, method := range c.asked {
		if c.answered[key] == 0 && key != "z9hG4bK1" {
			c.t.Errorf("%s was never answered", method)
		}
	}
	if c.status < 300 && len(c.byes) == 0 && !c.saidBye {
		c.t.Errorf("answered, and nobody has ended it")
	}
	c.re.finish()
	c.lab.empty()
	c.twin.empty()
}
