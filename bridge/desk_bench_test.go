package bridge_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"b2bua/bridge"
	"b2bua/legs"
	"b2bua/legs/transport"
	"b2bua/policy"
	"b2bua/rtprelay"
)

// A desk is a stack and a bridge between two lines that are a few bytes pasted
// together: no socket but the relay's, no other goroutine, no chance.
type desk struct {
	sim       *legs.Sim
	bridge    *bridge.Bridge
	from, to  netip.AddrPort
	n         int
	heard     [2][]byte // what the caller and the gateway heard last
	buf, body []byte
}

func newDesk(tb testing.TB, relay *rtprelay.Relay, media string) *desk {
	tb.Helper()
	d := &desk{from: worldCaller, to: worldGates[0]}
	pbx, carrier := policy.NewTrunk("pbx"), policy.NewTrunk("carrier")
	pbx.Sources = []string{d.from.Addr().String() + "/32"}
	pbx.Media, carrier.Media = media, media
	carrier.Gateways = []policy.Gateway{policy.NewGateway("sip:" + d.to.String())}
	route := policy.NewRoute("everything")
	route.Targets = []policy.RouteTarget{policy.NewRouteTarget("carrier")}
	snap, faults := policy.Compile(policy.Set{Revision: 7, Trunks: []policy.Trunk{pbx, carrier}, Routes: []policy.Route{route}})
	if len(faults) > 0 {
		tb.Fatal(faults)
	}
	engine := policy.NewEngine(snap)
	var err error
	if d.bridge, err = bridge.New(bridge.Config{NodeID: "1", Journal: takes{}, Engine: engine, Relay: relay}); err != nil {
		tb.Fatal(err)
	}
	d.sim, err = legs.Simulate(legs.Config{
		Node: 1, Product: "b2bua", Now: func() time.Time { return worldDawn }, Handler: d.bridge,
		Listeners: []transport.ListenerConfig{{URL: "udp://" + worldServer.String(), Network: "default"}},
		Identify:  func(src policy.Source) (*policy.Trunk, bool) { return engine.Load().Identify(src) },
		Allowed:   func(trunk string, from netip.Addr) bool { return engine.Load().Allowed(trunk, from) },
	}, func(o transport.Outgoing) {
		who := 0
		if o.Flow.Peer == d.to {
			who = 1
		}
		d.heard[who] = append(d.heard[who][:0], o.Data...)
	})
	if err != nil {
		tb.Fatal(err)
	}
	d.bridge.Bind(d.sim.Stack)
	d.body = []byte(benchSDP(d.from))
	return d
}

func (d *desk) hear(from netip.AddrPort, raw []byte) {
	d.sim.Hear(transport.Flow{Peer: from}, raw)
}

// value is a header line of a message, with its end.
func value(raw []byte, name string) []byte {
	_, rest, _ := bytes.Cut(raw, []byte("\r\n"+name))
	line, _, _ := bytes.Cut(rest, []byte("\r\n"))
	return line
}

// respond has the gateway say something to what it heard last.
func (d *desk) respond(status, tag string, body []byte) {
	req := d.heard[1]
	b := append(append(d.buf[:0], "SIP/2.0 "...), status...)
	for _, name := range []string{"Via: ", "From: ", "To: ", "Call-ID: ", "CSeq: "} {
		b = append(append(append(b, "\r\n"...), name...), value(req, name)...)
		if name == "To: " {
			b = append(b, tag...)
		}
	}
	b = append(b, "\r\nContact: <sip:gw@203.0.113.1:5060>\r\n"...)
	if body != nil {
		b = append(b, "Content-Type: application/sdp\r\n"...)
	}
	b = append(fmt.Appendf(b, "Content-Length: %d\r\n\r\n", len(body)), body...)
	d.buf = b
	d.hear(d.to, b)
}

// say has the caller send a request in its dialog.
func (d *desk) say(c up, method string, cseq int) {
	d.buf = fmt.Appendf(d.buf[:0], "%[1]s %[2]s SIP/2.0\r\nVia: SIP/2.0/UDP %[3]s;branch=z9hG4bK%[1]s%[4]d;rport\r\nMax-Forwards: 70\r\n"+
		"From: \"Caller\" <sip:1000@pbx.example>;tag=bench-from-%[4]d\r\nTo: %[5]s\r\nCall-ID: bench-%[4]d-0123456789abcdef@%[3]s\r\nCSeq: %[6]d %[1]s\r\nContent-Length: 0\r\n\r\n",
		method, strings.Trim(c.contact, "<>"), d.from, c.n, c.to, cseq)
	d.hear(d.from, d.buf)
}

// answered makes a call and has it answered.
func (d *desk) answered(tb testing.TB) up {
	tb.Helper()
	d.n++
	d.buf = fmt.Appendf(d.buf[:0], "INVITE sip:33123456789@%[1]s SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s;branch=z9hG4bKi%[3]d;rport\r\nMax-Forwards: 70\r\n"+
		"From: \"Caller\" <sip:1000@pbx.example>;tag=bench-from-%[3]d\r\nTo: <sip:33123456789@%[1]s>\r\nCall-ID: bench-%[3]d-0123456789abcdef@%[2]s\r\nCSeq: 1 INVITE\r\n"+
		"Contact: <sip:1000@%[2]s>\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, REFER, NOTIFY\r\nSupported: replaces, timer\r\n"+
		"User-Agent: Bench PBX 1.0\r\nP-Asserted-Identity: <sip:1000@pbx.example>\r\nContent-Type: application/sdp\r\nContent-Length: %[4]d\r\n\r\n%[5]s",
		worldServer, d.from, d.n, len(d.body), d.body)
	d.hear(d.from, d.buf)
	invite := append([]byte(nil), d.heard[1]...)
	d.respond("180 Ringing", ";tag=gw", nil)
	d.heard[1] = append(d.heard[1][:0], invite...)
	d.respond("200 OK", ";tag=gw", d.body)
	if !bytes.HasPrefix(d.heard[0], []byte("SIP/2.0 200")) || !bytes.HasPrefix(d.heard[1], []byte("ACK ")) {
		tb.Fatalf("%s\n%s", d.heard[0], d.heard[1])
	}
	c := up{d.n, string(value(d.heard[0], "To: ")), string(value(d.heard[0], "Contact: "))}
	d.say(c, "ACK", 1)
	return c
}

// hangup has the caller of an answered call hang up, and all that remains of it
// be forgotten.
func (d *desk) hangup(tb testing.TB, c up) {
	tb.Helper()
	d.say(c, "BYE", 2)
	if !bytes.HasPrefix(d.heard[1], []byte("BYE ")) {
		tb.Fatalf("%s", d.heard[1])
	}
	d.respond("200 OK", "", nil)
	d.sim.Advance(d.sim.Now().Add(33 * time.Second))
}

// BenchmarkDesk is BenchmarkCall without the network: what the parts of a call
// cost is steady enough here to compare, once profiled.
func BenchmarkDesk(b *testing.B) {
	relay := newRelay(b)
	for _, media := range []string{policy.MediaRelay, policy.MediaBypass} {
		b.Run(media, func(b *testing.B) {
			d := newDesk(b, relay, media)
			b.ReportAllocs()
			for b.Loop() {
				d.hangup(b, d.answered(b))
			}
			if err := d.sim.Left(); err != nil {
				b.Error(err)
			}
		})
	}
}
