package calls

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// outgoing is a call as the caller sees it.
type outgoing struct {
	n       int
	began   time.Time // the INVITE was sent
	ringing bool      // its 180 has come
	up      bool
	ending  bool
	to      string   // with the callee's tag, when it is known
	target  string   // for requests in the dialog
	routes  []string // Route headers
	ack     []byte

	request []byte // that waits for an answer; nil: none
	sent    time.Time
	repeats int
}

// Call makes n calls at a rate a second, and returns when all of them are up,
// or over. The error is ctx's; calls that failed are in the figures.
func (g *Generator) Call(ctx context.Context, n, rate int) error {
	if err := pace(ctx, n, rate, g.invite); err != nil {
		return err
	}
	return g.wait(ctx, Figures.settled)
}

// HangUp ends the calls that are up, at a rate a second, and returns when all
// are over.
func (g *Generator) HangUp(ctx context.Context, rate int) error {
	g.mu.Lock()
	var up []string
	for id, c := range g.outgoing {
		if c.up && !c.ending {
			up = append(up, id)
		}
	}
	g.mu.Unlock()
	i := 0
	if err := pace(ctx, len(up), rate, func() { g.bye(up[i]); i++ }); err != nil {
		return err
	}
	return g.Over(ctx)
}

// Over returns when no call is left.
func (g *Generator) Over(ctx context.Context) error {
	return g.wait(ctx, func(f Figures) bool { return f.Started == f.Ended+f.Failed })
}

func (g *Generator) invite() {
	g.mu.Lock()
	g.figures.Started++
	n := g.figures.Started
	c := &outgoing{n: n, to: fmt.Sprintf("<sip:1%06d@%s>", n, g.cfg.Target), target: fmt.Sprintf("sip:1%06d@%s", n, g.cfg.Target)}
	id := g.callID(n)
	ip, _, _ := strings.Cut(g.cfg.Caller, ":")
	c.request = g.write(id, c, "INVITE", 1, describe(ip, 6000))
	g.outgoing[id] = c
	c.began = time.Now()
	c.sent = c.began
	send(g.caller, c.request, g.target)
	g.note()
	g.mu.Unlock()
}

// callID names the n-th call. A server remembers a transaction for 32 s and takes
// what comes under its name for a repetition, so no two generators use the same.
func (g *Generator) callID(n int) string { return fmt.Sprintf("%d-%s", n, g.run) }

// write makes a request of a call.
func (g *Generator) write(id string, c *outgoing, method string, cseq int, body string) []byte {
	headers := []string{
		fmt.Sprintf("Via: SIP/2.0/UDP %s;branch=z9hG4bK%s%d%s%d", g.cfg.Caller, g.run, c.n, method, cseq),
		"Max-Forwards: 70",
	}
	for _, r := range c.routes {
		headers = append(headers, "Route: "+r)
	}
	headers = append(
		headers,
		fmt.Sprintf("From: <sip:2000@%s>;tag=%s%d", g.cfg.Caller, g.run, c.n),
		"To: "+c.to,
		"Call-ID: "+id,
		fmt.Sprintf("CSeq: %d %s", cseq, method),
		fmt.Sprintf("Contact: <sip:2000@%s>", g.cfg.Caller),
		"Allow: INVITE, ACK, BYE, CANCEL, OPTIONS",
	)
	return write(method+" "+c.target+" SIP/2.0", headers, body)
}

// atCaller takes what comes to the caller's socket.
func (g *Generator) atCaller(m message, from netip.AddrPort, now time.Time) {
	if m.status() == 0 { // the server hangs up
		send(g.caller, respond(m, "200 OK", "", ""), from)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	id := m.first("Call-ID")
	c := g.outgoing[id]
	switch status := m.status(); {
	case c == nil:
	case m.method() == "BYE" && status >= 200 && c.ending:
		g.over(id, c, status < 300, m.start)
	case m.method() != "INVITE":
	case c.up && status < 300 && status >= 200: // a repeated 200
		send(g.caller, c.ack, g.target)
	case c.up:
	case status == 180 && !c.ringing:
		c.ringing, c.request = true, nil
		g.delays = append(g.delays, now.Sub(c.began))
	case status < 200:
		c.request = nil
	case status < 300:
		g.answered(id, c, m)
	default:
		g.over(id, c, false, m.start)
	}
}

// answered acknowledges the 200 (RFC 3261 §13.2.2.4). g.mu is held.
func (g *Generator) answered(id string, c *outgoing, m message) {
	c.up, c.request = true, nil
	c.to, c.target = m.first("To"), uri(m.first("Contact"))
	c.routes = m.all("Record-Route")
	slices.Reverse(c.routes)
	c.ack = g.write(id, c, "ACK", 1, "")
	send(g.caller, c.ack, g.target)
	g.figures.Up++
	g.note()
	if g.cfg.Hold > 0 {
		time.AfterFunc(g.cfg.Hold, func() { g.bye(id) })
	}
}

func (g *Generator) bye(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.outgoing[id]
	if c == nil || c.ending {
		return
	}
	c.ending = true
	c.request, c.sent, c.repeats = g.write(id, c, "BYE", 2, ""), time.Now(), 0
	send(g.caller, c.request, g.target)
}

// over counts a call that has ended well, or failed for a reason. g.mu is held.
func (g *Generator) over(id string, c *outgoing, well bool, reason string) {
	delete(g.outgoing, id)
	if c.up {
		g.figures.Up--
	}
	if well {
		g.figures.Ended++
	} else {
		g.figures.Failed++
		g.figures.Reason = reason
	}
	g.note()
}

// repeatRequest sends the request again that is due, and gives up a call that
// nobody answers. g.mu is held.
func (g *Generator) repeatRequest(id string, c *outgoing, now time.Time) {
	if c.request == nil || !due(c.sent, now, c.repeats) {
		return
	}
	if c.repeats++; c.repeats > repeatMost {
		method, _, _ := strings.Cut(string(c.request), " ")
		g.over(id, c, false, "no answer to "+method)
		return
	}
	c.sent = now
	g.figures.Retransmitted++
	send(g.caller, c.request, g.target)
}
