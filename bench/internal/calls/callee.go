package calls

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// incoming is a call as the callee sees it, until it is acknowledged.
type incoming struct {
	from    netip.AddrPort
	ringing []byte
	answer  []byte // nil while it rings
	sent    time.Time
	repeats int
}

// atCallee takes what comes to the callee's socket.
func (g *Generator) atCallee(m message, from netip.AddrPort, _ time.Time) {
	id := m.first("Call-ID")
	if m.status() != 0 {
		return
	}
	switch m.method() {
	case "INVITE":
		g.ring(id, m, from)
	case "ACK":
		g.mu.Lock()
		delete(g.incoming, id)
		g.mu.Unlock()
	default:
		send(g.callee, respond(m, "200 OK", "", ""), from)
	}
}

func (g *Generator) ring(id string, m message, from netip.AddrPort) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c := g.incoming[id]; c != nil { // a repeated INVITE
		if c.answer == nil {
			send(g.callee, c.ringing, from)
		}
		return
	}
	ip, _, _ := strings.Cut(g.cfg.Callee, ":")
	contact := fmt.Sprintf("<sip:1000@%s>", g.cfg.Callee)
	c := &incoming{from: from, ringing: respond(m, "180 Ringing", contact, "")}
	answer := respond(m, "200 OK", contact, describe(ip, 7000))
	g.incoming[id] = c
	send(g.callee, c.ringing, from)
	if g.cfg.Ring == 0 {
		g.answer(c, answer)
		return
	}
	time.AfterFunc(g.cfg.Ring, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.answer(c, answer)
	})
}

// answer sends the 200. g.mu is held.
func (g *Generator) answer(c *incoming, answer []byte) {
	c.answer, c.sent = answer, time.Now()
	send(g.callee, answer, c.from)
}

// repeatAnswer sends a 200 again until it is acknowledged (RFC 3261
// §13.3.1.4). g.mu is held.
func (g *Generator) repeatAnswer(id string, c *incoming, now time.Time) {
	if c.answer == nil || !due(c.sent, now, c.repeats) {
		return
	}
	if c.repeats++; c.repeats > repeatMost {
		delete(g.incoming, id)
		return
	}
	c.sent = now
	g.figures.Retransmitted++
	send(g.callee, c.answer, c.from)
}

// respond makes the response to a request (RFC 3261 §8.2.6).
func respond(m message, status, contact, body string) []byte {
	var headers []string
	for _, name := range []string{"Via", "Record-Route", "From", "To", "Call-ID", "CSeq"} {
		for _, value := range m.all(name) {
			if name == "To" && !strings.Contains(value, ";tag=") {
				value += ";tag=s" + tagOf(m)
			}
			headers = append(headers, name+": "+value)
		}
	}
	if contact != "" {
		headers = append(headers, "Contact: "+contact, "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS")
	}
	return write("SIP/2.0 "+status, headers, body)
}

// tagOf is the other side's tag, which is as good as any for ours.
func tagOf(m message) string {
	_, tag, _ := strings.Cut(m.first("From"), ";tag=")
	tag, _, _ = strings.Cut(tag, ";")
	return tag
}
