package bridge_test

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"b2bua/cdr"
	"b2bua/internal/siptest"
	"b2bua/legs/sipmsg"
	"b2bua/policy"
	"b2bua/rtprelay"
)

// A wire is a telephone line that says the least and remembers nothing, so that
// what is measured is the bridge.
type wire struct {
	tb   testing.TB
	conn *net.UDPConn
	to   netip.AddrPort
	n    int
	buf  []byte
}

func newWire(tb testing.TB, ip string, to netip.AddrPort) *wire {
	tb.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(ip), 0)))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return &wire{tb: tb, conn: conn, to: to, buf: make([]byte, 65536)}
}

func (w *wire) addr() netip.AddrPort { return w.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

func (w *wire) send(text string) {
	if _, err := w.conn.WriteToUDPAddrPort([]byte(text), w.to); err != nil {
		w.tb.Error(err)
	}
}

// until reads up to the 200 of a call to that request, past what is repeated on a
// busy machine, and returns its To and Contact.
func (w *wire) until(call int, cseq string) (to, contact string) {
	callID := fmt.Sprintf("bench-%d-", call)
	_ = w.conn.SetReadDeadline(time.Now().Add(siptest.Patience))
	for {
		n, err := w.conn.Read(w.buf)
		if err != nil {
			w.tb.Fatal(err)
		}
		text := string(w.buf[:n])
		if strings.HasPrefix(text, "SIP/2.0 200") && strings.HasPrefix(field(text, "Call-ID: "), callID) && field(text, "CSeq: ") == cseq {
			return field(text, "To: "), field(text, "Contact: ")
		}
	}
}

func field(text, name string) string {
	_, rest, _ := strings.Cut(text, "\r\n"+name)
	value, _, _ := strings.Cut(rest, "\r\n")
	return strings.Clone(value)
}

// An up is what the caller of a call that is up must remember.
type up struct {
	n           int
	to, contact string
}

// setup makes one call, as a PBX does it: an INVITE of the usual size.
func (w *wire) setup(server netip.AddrPort) up {
	w.n++
	host := w.addr()
	w.send(fmt.Sprintf("INVITE sip:33123456789@%[1]s SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s;branch=z9hG4bKi%[3]d;rport\r\nMax-Forwards: 70\r\n"+
		"From: \"Caller\" <sip:1000@pbx.example>;tag=bench-from-%[3]d\r\nTo: <sip:33123456789@%[1]s>\r\nCall-ID: bench-%[3]d-0123456789abcdef@%[2]s\r\nCSeq: 1 INVITE\r\n"+
		"Contact: <sip:1000@%[2]s>\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, REFER, NOTIFY\r\nSupported: replaces, timer\r\n"+
		"User-Agent: Bench PBX 1.0\r\nP-Asserted-Identity: <sip:1000@pbx.example>\r\nContent-Type: application/sdp\r\nContent-Length: %[4]d\r\n\r\n%[5]s",
		server, host, w.n, len(benchSDP(host)), benchSDP(host)))
	to, contact := w.until(w.n, "1 INVITE")
	c := up{w.n, to, contact}
	w.say(c, "ACK", 1)
	return c
}

func (w *wire) say(c up, method string, cseq int) {
	host := w.addr()
	w.send(fmt.Sprintf("%[1]s %[2]s SIP/2.0\r\nVia: SIP/2.0/UDP %[3]s;branch=z9hG4bK%[1]s%[4]d;rport\r\nMax-Forwards: 70\r\n"+
		"From: \"Caller\" <sip:1000@pbx.example>;tag=bench-from-%[4]d\r\nTo: %[5]s\r\nCall-ID: bench-%[4]d-0123456789abcdef@%[3]s\r\nCSeq: %[6]d %[1]s\r\nContent-Length: 0\r\n\r\n",
		method, strings.Trim(c.contact, "<>"), host, c.n, c.to, cseq))
}

func (w *wire) hangup(c up) {
	w.say(c, "BYE", 2)
	w.until(c.n, "2 BYE")
}

func benchSDP(host netip.AddrPort) string {
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0 101\r\n"+
		"a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n", host.Addr())
}

// serve is a gateway that rings, answers and takes every BYE, until its line is
// closed.
func (w *wire) serve() {
	for {
		n, from, err := w.conn.ReadFromUDPAddrPort(w.buf)
		if err != nil {
			return
		}
		w.to = from
		m, err := sipmsg.Parse(w.buf[:n])
		if err != nil || !m.IsRequest() || m.Method == "ACK" {
			continue
		}
		if m.Method == "INVITE" {
			w.respond(m, 180, "")
			w.respond(m, 200, benchSDP(w.addr()))
		} else {
			w.respond(m, 200, "")
		}
	}
}

func (w *wire) respond(req *sipmsg.Message, status int, body string) {
	m := sipmsg.NewResponse(req, status, "", "bench-to")
	m.Contacts = []sipmsg.Address{{Raw: "<sip:gw@" + w.addr().String() + ">"}}
	if body != "" {
		m.ContentType, m.Body = "application/sdp", []byte(body)
	}
	raw, err := m.Bytes()
	if err != nil {
		w.tb.Error(err)
		return
	}
	w.send(string(raw))
}

// bench is a rig with lines instead of peers, whose trunks ask for such media.
func bench(tb testing.TB, media string) (*rig, *wire) {
	tb.Helper()
	r := newRig(tb, 0, func(c *config) {
		gate := newWire(tb, "127.0.0.1", netip.AddrPort{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			gate.serve()
		}()
		tb.Cleanup(func() { // after the rig has stopped: its last BYE is answered too
			_ = gate.conn.Close()
			<-done
		})
		c.pbx().Media, c.carrier().Media = media, media
		c.carrier().Gateways = []policy.Gateway{policy.NewGateway("sip:" + gate.addr().String())}
		c.bridge.Logger, c.legs.Logger, c.relay.Logger = nil, nil, nil
		c.relay.Networks["default"] = rtprelay.Network{Addresses: c.relay.Networks["default"].Addresses, PortMin: 20000, PortMax: 29999}
		c.bridge.Journal = takes{}
	})
	return r, newWire(tb, r.ip(callerIP), r.server)
}

// takes is a journal that has written everything at once.
type takes struct{}

func (takes) Queue(_ cdr.Mark, _ *cdr.Record, done func(error)) bool {
	if done != nil {
		done(nil)
	}
	return true
}

// BenchmarkCall is a whole call: INVITE, 180, 200, ACK, BYE, with its ports, its
// records and both ends, which are a good part of it.
func BenchmarkCall(b *testing.B) {
	for _, media := range []string{policy.MediaRelay, policy.MediaBypass} {
		b.Run(media, func(b *testing.B) {
			r, w := bench(b, media)
			b.ReportAllocs()
			for b.Loop() {
				w.hangup(w.setup(r.server))
			}
		})
	}
}

// BenchmarkEstablished says what a call that is up costs in memory, once its
// transactions are over.
func BenchmarkEstablished(b *testing.B) {
	for _, media := range []string{policy.MediaRelay, policy.MediaBypass} {
		b.Run(media, func(b *testing.B) {
			for b.Loop() {
				established(b, media)
			}
		})
	}
}

func established(b *testing.B, media string) {
	const calls = 1000
	r, w := bench(b, media)
	w.hangup(w.setup(r.server))
	before := heap()
	list := make([]up, calls)
	for i := range list {
		list[i] = w.setup(r.server)
	}
	w.say(list[calls-1], "OPTIONS", 2) // its answer follows the last ACK
	w.until(calls+1, "2 OPTIONS")
	r.advance(time.Minute)
	r.until("the transactions are over", func() bool {
		f, err := r.stack.Figures(b.Context())
		return err == nil && f.ClientTransactions+f.ServerTransactions == 0
	})
	after := heap()
	own := 0
	for _, c := range list {
		own += 80 + len(c.to) + len(c.contact)
	}
	b.ReportMetric(float64(int(after)-int(before)-own)/calls, "B/call")
	for _, c := range list {
		w.hangup(c)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
