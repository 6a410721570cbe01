package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"b2bua/legs/sipmsg"
)

// A phone is a SIP telephone with one line. It answers every call, after
// ringing for a moment.
type phone struct {
	name  string
	conn  *net.UDPConn
	print func(m *sipmsg.Message, from string, sent bool)
	tone  float64 // what it says
	ring  time.Duration
	in    chan *sipmsg.Message
	wg    sync.WaitGroup

	mu    sync.Mutex
	calls map[string]*audio // by Call-ID
	last  *audio
}

func newPhone(name string, hz float64, print func(*sipmsg.Message, string, bool)) (*phone, error) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	p := &phone{
		name: name, conn: conn, print: print, tone: hz, ring: 300 * time.Millisecond,
		in: make(chan *sipmsg.Message, 64), calls: make(map[string]*audio),
	}
	p.wg.Add(1)
	go p.listen()
	return p, nil
}

func (p *phone) addr() netip.AddrPort { return p.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

func (p *phone) listen() {
	defer p.wg.Done()
	defer close(p.in)
	buf := make([]byte, 65536)
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		m, perr := sipmsg.Parse(buf[:n])
		if err != nil || perr != nil {
			continue
		}
		p.print(m, p.name, false)
		switch {
		case m.IsRequest():
			p.serve(m, from)
		default:
			p.in <- m
		}
	}
}

func (p *phone) send(to netip.AddrPort, m *sipmsg.Message) {
	raw, err := m.Bytes()
	if err != nil {
		return
	}
	p.print(m, p.name, true)
	_, _ = p.conn.WriteToUDPAddrPort(raw, to) // UDP: what is lost is sent again
}

// serve answers a request as a telephone does.
func (p *phone) serve(m *sipmsg.Message, from netip.AddrPort) {
	switch m.Method {
	case "INVITE":
		p.mu.Lock()
		_, known := p.calls[m.CallID]
		p.mu.Unlock()
		if !known {
			p.wg.Add(1)
			go p.answer(m, from)
		}
	case "BYE":
		p.hangUp(m.CallID)
		p.send(from, sipmsg.NewResponse(m, 200, "", ""))
	case "ACK":
	default:
		p.send(from, sipmsg.NewResponse(m, 200, "", ""))
	}
}

func (p *phone) answer(m *sipmsg.Message, from netip.AddrPort) {
	defer p.wg.Done()
	a, to, err := p.open(m.Body)
	if err != nil {
		p.send(from, sipmsg.NewResponse(m, 488, "", "demo"))
		return
	}
	p.mu.Lock()
	p.calls[m.CallID], p.last = a, a
	p.mu.Unlock()
	tag := token()
	p.send(from, p.response(m, 180, tag, nil))
	time.Sleep(p.ring) // a telephone rings
	a.start(to)
	p.send(from, p.response(m, 200, tag, describe(a.addr())))
}

func (p *phone) response(m *sipmsg.Message, status int, tag string, body []byte) *sipmsg.Message {
	r := sipmsg.NewResponse(m, status, "", tag)
	r.Contacts = []sipmsg.Address{p.contact()}
	if body != nil {
		r.ContentType, r.Body = "application/sdp", body
	}
	return r
}

func (p *phone) contact() sipmsg.Address {
	return sipmsg.Address{Raw: "<sip:" + p.name + "@" + p.addr().String() + ">"}
}

// open opens a telephone's audio towards what a description names.
func (p *phone) open(body []byte) (*audio, netip.AddrPort, error) {
	to, err := audioOf(body)
	if err != nil {
		return nil, to, err
	}
	a, err := newAudio(p.addr().Addr(), p.tone)
	return a, to, err
}

func (p *phone) hangUp(callID string) {
	p.mu.Lock()
	a := p.calls[callID]
	delete(p.calls, callID)
	p.mu.Unlock()
	if a != nil {
		a.close()
	}
}

// A dialled is a call that the phone made.
type dialled struct {
	phone  *phone
	server netip.AddrPort
	invite *sipmsg.Message
	ok     *sipmsg.Message
	audio  *audio
}

// call dials a number and returns when it is answered.
func (p *phone) call(ctx context.Context, server netip.AddrPort, number string) (*dialled, error) {
	a, err := newAudio(p.addr().Addr(), p.tone)
	if err != nil {
		return nil, err
	}
	uri := "sip:" + number + "@" + server.String()
	d := &dialled{phone: p, server: server, audio: a}
	d.invite = &sipmsg.Message{
		Method: "INVITE", RequestURI: uri, Vias: []sipmsg.Via{p.via()},
		From: sipmsg.Address{Raw: `"Alice" <sip:1000@` + p.addr().String() + ">;tag=" + token()},
		To:   sipmsg.Address{Raw: "<" + uri + ">"}, CallID: token(), CSeq: 1, MaxForwards: 70,
		Contacts: []sipmsg.Address{p.contact()}, ContentType: "application/sdp", Body: describe(a.addr()),
	}
	p.send(server, d.invite)
	again := time.NewTicker(500 * time.Millisecond)
	defer again.Stop()
	heard := false
	for {
		select {
		case m, ok := <-p.in:
			if !ok {
				return d, errors.New("the telephone was switched off")
			}
			heard = true
			if done, err := d.take(m); done {
				return d, err
			}
		case <-again.C:
			if !heard {
				p.send(server, d.invite)
			}
		case <-ctx.Done():
			return d, fmt.Errorf("no answer: %w", context.Cause(ctx))
		}
	}
}

// take handles a response to the INVITE.
func (d *dialled) take(m *sipmsg.Message) (done bool, err error) {
	switch {
	case m.Method != "INVITE" || m.Status < 200:
		return false, nil
	case m.Status >= 300:
		ack := d.request("ACK", 1)
		ack.RequestURI, ack.Vias, ack.To = d.invite.RequestURI, d.invite.Vias, m.To
		d.phone.send(d.server, ack)
		return true, fmt.Errorf("the call was refused: %d %s", m.Status, m.Reason)
	}
	d.ok = m
	d.phone.send(d.server, d.request("ACK", 1))
	to, err := audioOf(m.Body)
	if err != nil {
		return true, err
	}
	d.audio.start(to)
	return true, nil
}

func (d *dialled) request(method string, cseq uint32) *sipmsg.Message {
	m := &sipmsg.Message{
		Method: method, RequestURI: d.invite.RequestURI, Vias: []sipmsg.Via{d.phone.via()},
		From: d.invite.From, To: d.invite.To, CallID: d.invite.CallID, CSeq: cseq, MaxForwards: 70,
	}
	if d.ok != nil {
		m.To = d.ok.To
		if len(d.ok.Contacts) > 0 {
			m.RequestURI = d.ok.Contacts[0].URI.String()
		}
	}
	return m
}

// bye hangs up and waits for the answer.
func (d *dialled) bye(ctx context.Context) error {
	d.audio.close()
	if d.ok == nil {
		return nil
	}
	d.phone.send(d.server, d.request("BYE", 2))
	for {
		select {
		case m, ok := <-d.phone.in:
			if !ok || m.Method == "BYE" {
				return nil
			}
		case <-ctx.Done():
			return fmt.Errorf("BYE was not answered: %w", context.Cause(ctx))
		}
	}
}

func (p *phone) via() sipmsg.Via {
	return sipmsg.Via{Raw: "SIP/2.0/UDP " + p.addr().String() + ";branch=z9hG4bK" + token() + ";rport"}
}

// close switches the telephone off.
func (p *phone) close() {
	p.mu.Lock()
	for id, a := range p.calls {
		delete(p.calls, id)
		defer a.close()
	}
	p.mu.Unlock()
	_ = p.conn.Close()
	for range p.in { // let the listener go
	}
	p.wg.Wait()
}

func token() string { return strings.ToLower(rand.Text()) }

// describe is a telephone's offer or answer: G.711 at addr.
func describe(addr netip.AddrPort) []byte {
	return fmt.Appendf(nil, "v=0\r\no=phone 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=audio %[2]d RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\n",
		addr.Addr(), addr.Port())
}

// audioOf reads where the first m-line of a description wants its audio.
func audioOf(body []byte) (netip.AddrPort, error) {
	var ip netip.Addr
	port := 0
	for line := range strings.Lines(string(body)) {
		line = strings.TrimRight(line, "\r\n")
		if v, ok := strings.CutPrefix(line, "c=IN IP4 "); ok {
			ip, _ = netip.ParseAddr(v)
		}
		if v, ok := strings.CutPrefix(line, "m=audio "); ok && port == 0 {
			_, _ = fmt.Sscanf(v, "%d", &port)
		}
	}
	if !ip.IsValid() || port == 0 {
		return netip.AddrPort{}, fmt.Errorf("a description without audio: %q", body)
	}
	return netip.AddrPortFrom(ip, uint16(port)), nil
}
