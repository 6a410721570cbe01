package legs_test

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"b2bua/internal/siptest"
	"b2bua/legs"
	"b2bua/legs/sipmsg"
	"b2bua/legs/transport"
)

// A cord is one end of a TCP connection, with the messages on it.
type cord struct {
	t      *testing.T
	c      *net.TCPConn
	framer sipmsg.Framer
	buf    []byte
}

func lineOf(t *testing.T, c net.Conn, err error) *cord {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &cord{t: t, c: c.(*net.TCPConn)}
}

// say sends a message; its topmost Via, written for UDP, names TCP.
func (l *cord) say(m *sipmsg.Message) {
	l.t.Helper()
	raw, err := m.Bytes()
	if err == nil {
		_, err = l.c.Write([]byte(strings.Replace(string(raw), "Via: SIP/2.0/UDP", "Via: SIP/2.0/TCP", 1)))
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// expect reads the next message, which must be a "200 INVITE" or a "BYE".
func (l *cord) expect(want string) *sipmsg.Message {
	l.t.Helper()
	_ = l.c.SetReadDeadline(time.Now().Add(siptest.Patience))
	for {
		piece, n, err := l.framer.Next(l.buf)
		if err != nil {
			l.t.Fatal(err)
		}
		if piece == sipmsg.PieceMessage {
			m, err := sipmsg.Parse(l.buf[:n])
			if err != nil {
				l.t.Fatalf("%v\n%s", err, l.buf[:n])
			}
			l.buf = l.buf[n:]
			got := m.Method
			if m.Status > 0 {
				got = strings.TrimSpace(string([]byte{byte('0' + m.Status/100), byte('0' + m.Status/10%10), byte('0' + m.Status%10), ' '})) + " " + m.Method
			}
			if got != want {
				l.t.Fatalf("heard %s, wanted %s", got, want)
			}
			return m
		}
		more := make([]byte, 4096)
		k, err := l.c.Read(more)
		if err != nil {
			l.t.Fatalf("waiting for %s: %v", want, err)
		}
		l.buf = append(l.buf, more[:k]...)
	}
}

// cut ends the connection with a reset.
func (l *cord) cut() {
	_ = l.c.SetLinger(0)
	_ = l.c.Close()
}

// A tcpRig is a rig with a TCP listener, and one at each peer, on the port that
// the peer has over UDP.
type tcpRig struct {
	*rig
	listener int
	tcp      netip.AddrPort
}

func newTCPRig(t *testing.T, options ...func(*rig, *legs.Config)) *tcpRig {
	t.Helper()
	r := newRig(t, append(options, func(_ *rig, c *legs.Config) {
		c.Listeners = append(c.Listeners, transport.ListenerConfig{URL: "tcp://127.0.0.1:0", Network: "default"})
	})...)
	all := r.stack.Listeners()
	return &tcpRig{rig: r, listener: len(all) - 1, tcp: all[len(all)-1].Addr}
}

// connect opens a connection from the caller's address.
func (r *tcpRig) connect() *cord {
	r.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: r.caller.Addr().Addr().AsSlice()}}
	c, err := d.Dial("tcp", r.tcp.String())
	return lineOf(r.t, c, err)
}

// at listens where a peer is reached over UDP.
func (r *tcpRig) at(p *siptest.Peer) func() *cord {
	r.t.Helper()
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(p.Addr()))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = l.Close() })
	return func() *cord {
		r.t.Helper()
		_ = l.SetDeadline(time.Now().Add(siptest.Patience))
		c, err := l.Accept()
		return lineOf(r.t, c, err)
	}
}

// A caller that loses its connection is answered over a new one to its sent-by
// (RFC 3261 §18.2.2); the dialog lives on and is ended over yet another.
func TestConnectionOfACallerIsLost(t *testing.T) {
	t.Parallel()
	r := newTCPRig(t)
	accept := r.at(r.caller)
	first := r.connect()
	invite := r.caller.Invite("sip:33@"+r.tcp.String()+";transport=tcp", "1000", "lost-1", siptest.SDP(r.caller.Addr()))
	first.say(invite)
	first.expect("100 INVITE")
	in := r.host.invite()
	if in.inv.Listener.Transport != "tcp" {
		t.Errorf("came over %s", in.inv.Listener.Transport)
	}
	first.cut()
	r.eventually("the connection to be gone", func() bool { return r.count("b2bua_transport_closed_connections_total") > 0 })
	r.on(in.shard, func(*legs.Core) { in.leg.Answer(false, nil, legs.Body{}) })
	second := accept()
	ok := second.expect("200 INVITE")
	if c := ok.Contacts[0].URI.String(); !strings.HasSuffix(c, ";transport=tcp") {
		t.Errorf("Contact %s", c)
	}
	second.say(r.caller.Request("ACK", 1, invite, ok))
	r.host.expect(legs.Acked)
	second.cut()
	r.eventually("the connection to be gone", func() bool { return r.count("b2bua_transport_closed_connections_total") > 1 })
	r.hangup(in.shard, in.leg)
	third := accept()
	bye := third.expect("BYE")
	if via := bye.Vias[0]; via.Transport != "TCP" || via.SentBy() != r.tcp.String() {
		t.Errorf("Via %s", via)
	}
	third.say(sipmsg.NewResponse(bye, 200, "", ""))
	r.host.expect(legs.Ended)
	r.idle()
}

// What is in a dialog goes by the connection that the peer used last.
func TestConnectionIsUsed(t *testing.T) {
	t.Parallel()
	r := newTCPRig(t)
	c := r.connect()
	invite := r.caller.Invite("sip:33@"+r.tcp.String(), "1000", "used-1", nil)
	c.say(invite)
	c.expect("100 INVITE")
	in := r.host.invite()
	r.on(in.shard, func(*legs.Core) { in.leg.Answer(false, nil, legs.Body{}) })
	ok := c.expect("200 INVITE")
	other := r.connect()
	other.say(r.caller.Request("ACK", 1, invite, ok))
	r.host.expect(legs.Acked)
	r.hangup(in.shard, in.leg)
	other.say(sipmsg.NewResponse(other.expect("BYE"), 200, "", ""))
	r.host.expect(legs.Ended)
}

// overTCP makes dial go to the gate over TCP, however small the INVITE.
func (r *tcpRig) overTCP(p *legs.Peer, _ *legs.Call) { p.Listener = r.listener }

// A gateway over TCP: one connection for all, and a call that fails when it dies
// before it has said anything.
func TestGatewayOverTCP(t *testing.T) {
	t.Parallel()
	r := newTCPRig(t)
	accept := r.at(r.gate)
	leg := r.dial(r.overTCP)
	gate := accept()
	invite := gate.expect("INVITE")
	if via := invite.Vias[0]; via.Transport != "TCP" {
		t.Errorf("Via %s", via)
	}
	gate.say(r.gate.Respond(invite, 200, "t", nil))
	r.host.expect(legs.Accepted)
	r.on(out, func(*legs.Core) { leg.Ack(legs.Body{}) })
	gate.expect("ACK")
	r.dial(r.overTCP)
	gate.expect("INVITE")
	gate.cut()
	if ev := r.host.expect(legs.Refused); ev.Cause != legs.ByTransport || ev.Status != 503 {
		t.Errorf("%+v", ev.Event)
	}
	r.host.expect(legs.Ended)
	r.hangup(out, leg) // the other call is still up
	next := accept()
	next.say(sipmsg.NewResponse(next.expect("BYE"), 200, "", ""))
	r.host.expect(legs.Ended)
}

// A gateway that has said something may say the rest over a connection of its own
// (RFC 3261 §18.2.2), and hears the CANCEL over a new one.
func TestGatewayComesBack(t *testing.T) {
	t.Parallel()
	r := newTCPRig(t)
	accept := r.at(r.gate)
	leg := r.dial(r.overTCP)
	gate := accept()
	invite := gate.expect("INVITE")
	gate.say(r.gate.Respond(invite, 180, "t", nil))
	r.host.expect(legs.Progress)
	gate.cut()
	r.eventually("the connection to be gone", func() bool { return r.count("b2bua_transport_closed_connections_total") > 0 })
	r.hangup(out, leg)
	gate = accept()
	cancel := gate.expect("CANCEL")
	if cancel.Vias[0].String() != invite.Vias[0].String() {
		t.Errorf("Via %s, the INVITE's is %s", cancel.Vias[0], invite.Vias[0])
	}
	gate.say(sipmsg.NewResponse(cancel, 200, "", "t"))
	gate.say(r.gate.Respond(invite, 487, "t", nil))
	ack := gate.expect("ACK")
	if ack.Vias[0].String() != invite.Vias[0].String() {
		t.Errorf("Via %s, the INVITE's is %s", ack.Vias[0], invite.Vias[0])
	}
	r.host.expect(legs.Ended)
}

// A request that is too long for UDP goes by TCP (RFC 3261 §18.1.1), and what
// follows is short enough.
func TestBigRequest(t *testing.T) {
	t.Parallel()
	r := newTCPRig(t)
	accept := r.at(r.gate)
	leg := r.dial(tooLong)
	gate := accept()
	invite := gate.expect("INVITE")
	if via := invite.Vias[0]; via.Transport != "TCP" || via.SentBy() != r.tcp.String() {
		t.Errorf("Via %s", via)
	}
	if c := invite.Contacts[0].URI; c.Params.Has("transport") {
		t.Errorf("Contact %s: the dialog is one of UDP", c.String())
	}
	gate.say(r.gate.Respond(invite, 200, "t", nil))
	r.host.expect(legs.Accepted)
	r.on(out, func(*legs.Core) { leg.Ack(legs.Body{}) })
	if via := r.gate.Expect("ACK").Vias[0]; via.Transport != "UDP" || via.SentBy() != r.server.String() {
		t.Errorf("Via %s", via)
	}
	r.hangup(out, leg)
	r.gate.Send(r.server, sipmsg.NewResponse(r.gate.Expect("BYE"), 200, "", ""))
	r.host.expect(legs.Ended)
	if n := r.count("b2bua_sip_big_requests_total", "tcp"); n != 1 {
		t.Errorf("counted %d", n)
	}
}

func tooLong(p *legs.Peer, call *legs.Call) {
	p.MTU = 1300
	call.Headers = append(call.Headers, sipmsg.Header{Name: "Subject", Value: strings.Repeat("long ", 300)})
}

// A gateway that refuses TCP, or does not answer, gets the same request over UDP,
// and the next ones at once.
func TestBigRequestFallsBack(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		prepare func(*tcpRig)
		outcome string
	}{
		"refused": {func(*tcpRig) {}, "refused"},
		"silent":  {func(r *tcpRig) { silence(r.t, r.gate.Addr()) }, "silent"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newTCPRig(t, func(_ *rig, c *legs.Config) { c.SizeWait = 100 * time.Millisecond })
			tt.prepare(r)
			for range 2 {
				leg := r.dial(tooLong)
				invite := r.gate.Fresh("INVITE")
				if via := invite.Vias[0]; via.Transport != "UDP" || via.SentBy() != r.server.String() {
					t.Errorf("Via %s", via)
				}
				busy := r.gate.Respond(invite, 486, "t", nil)
				r.gate.Send(r.server, busy)
				if via := r.gate.Await("ACK").Vias[0].String(); via != invite.Vias[0].String() {
					t.Errorf("Via %s, the INVITE's is %s", via, invite.Vias[0])
				}
				r.host.expect(legs.Refused)
				r.host.expect(legs.Ended)
				_ = leg
			}
			if n, all := r.count("b2bua_sip_big_requests_total", tt.outcome), r.count("b2bua_sip_big_requests_total"); n != 1 || all != 1 {
				t.Errorf("%d of %d attempts %s", n, all, tt.outcome)
			}
		})
	}
}

// A gateway that takes the connection and drops it gets the request again, with
// the branch by which it knows it.
func TestBigRequestIsDropped(t *testing.T) {
	t.Parallel()
	r := newTCPRig(t)
	accept := r.at(r.gate)
	r.dial(tooLong)
	gate := accept()
	first := gate.expect("INVITE")
	gate.cut()
	second := r.gate.Fresh("INVITE")
	if second.Vias[0].Transport != "UDP" || first.Vias[0].Branch() != second.Vias[0].Branch() || string(first.Body) != string(second.Body) {
		t.Errorf("%s became %s", first.Vias[0], second.Vias[0])
	}
	r.gate.Send(r.server, r.gate.Respond(second, 486, "t", nil))
	r.host.expect(legs.Refused)
}

// What has no end in its stream is refused, and the connection closed.
func TestUnframedIsRefused(t *testing.T) {
	t.Parallel()
	r := newTCPRig(t)
	c := r.connect()
	raw, err := r.caller.Invite(r.uri(), "1", "unframed", nil).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.c.Write([]byte(strings.Replace(string(raw), "Content-Length: 0\r\n", "", 1))); err != nil {
		t.Fatal(err)
	}
	if m := c.expect("400 INVITE"); m.Reason != "No Content-Length" {
		t.Errorf("%d %s", m.Status, m.Reason)
	}
	r.eventually("the end", func() bool { _, err := c.c.Read(make([]byte, 1)); return err != nil })
}

// in_dialog_source flow: over TCP the host counts, for it comes back from another
// port.
func TestFlowOverTCP(t *testing.T) {
	t.Parallel()
	r := newTCPRig(t, func(r *rig, _ *legs.Config) { r.source = "flow" })
	c := r.connect()
	invite := r.caller.Invite("sip:33@"+r.tcp.String(), "1000", "flow-1", nil)
	c.say(invite)
	c.expect("100 INVITE")
	in := r.host.invite()
	r.on(in.shard, func(*legs.Core) { in.leg.Answer(false, nil, legs.Body{}) })
	ok := c.expect("200 INVITE")
	c.say(r.caller.Request("ACK", 1, invite, ok))
	r.host.expect(legs.Acked)
	c.cut()
	stranger := r.caller.Request("BYE", 2, invite, ok)
	r.gate.Send(r.server, stranger) // another host: nothing happens
	again := r.connect()
	again.say(r.caller.Request("BYE", 3, invite, ok))
	again.expect("200 BYE")
	r.host.expect(legs.Bye)
}

func TestManyCallsOverTCPLeaveNothing(t *testing.T) {
	t.Parallel()
	r := newTCPRig(t, func(_ *rig, c *legs.Config) { c.Timers = brief })
	r.host.does(hooks{invite: func(_ *legs.Core, leg *legs.Inbound, _ *legs.Invite) { leg.Refuse(404, "", nil) }})
	c := r.connect()
	var ids []string
	for i := range 100 {
		id := "many-tcp-" + strings.Repeat("x", i)
		invite := r.caller.Invite(r.uri(), "1000", id, nil)
		c.say(invite)
		c.expect("100 INVITE")
		c.say(r.caller.Ack(invite, c.expect("404 INVITE")))
		ids = append(ids, id)
	}
	if len(slices.Compact(ids)) != 100 {
		t.Error("not 100 calls")
	}
	r.idle()
}
