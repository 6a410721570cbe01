package test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"b2bua/legs/sipmsg"
)

// A wire is a UDP socket on which many calls go on at once: each message goes
// to the party whose Call-ID it carries.
type wire struct {
	t      testing.TB
	conn   *net.UDPConn
	to     netip.AddrPort                // the server
	answer func(*party, *sipmsg.Message) // takes the INVITE of a new call, in a goroutine of its own; nil: there are none
	over   chan struct{}                 // the test is over: everybody stops where he stands
	ids    atomic.Int64
	all    sync.WaitGroup

	mu      sync.Mutex
	parties map[string]*party
}

func newWire(t testing.TB, ip, server string, answer func(*party, *sipmsg.Message)) *wire {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip), Port: 5060})
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadBuffer(4 << 20) // as much as we get
	w := &wire{
		t: t, conn: conn, to: netip.MustParseAddrPort(server), answer: answer,
		over: make(chan struct{}), parties: make(map[string]*party),
	}
	w.all.Go(w.read)
	t.Cleanup(w.hangUp)
	return w
}

// hangUp ends everything on the wire and returns when it has ended.
func (w *wire) hangUp() {
	select {
	case <-w.over:
	default:
		close(w.over)
	}
	_ = w.conn.Close()
	w.all.Wait()
}

func (w *wire) read() {
	buf := make([]byte, 65536)
	for {
		n, _, err := w.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error of an earlier send: the server is down
		}
		m, err := sipmsg.Parse(buf[:n])
		if err != nil {
			w.t.Errorf("heard what does not parse: %v\n%s", err, buf[:n])
			continue
		}
		w.mu.Lock()
		p := w.parties[m.CallID]
		w.mu.Unlock()
		switch {
		case p != nil:
			select {
			case p.inbox <- m:
			case <-p.gone:
			}
		case m.IsRequest() && m.Method == "INVITE" && w.answer != nil:
			p := w.join(m.CallID)
			w.all.Go(func() { w.answer(p, m) })
		}
	}
}

// addr is where the wire listens.
func (w *wire) addr() string { return w.conn.LocalAddr().String() }

// A party is one side of one call. What it has to repeat it repeats while it
// waits (RFC 3261 §17).
type party struct {
	*wire
	callID  string
	inbox   chan *sipmsg.Message
	gone    chan struct{}
	pending []byte // repeated until quiet
	pace    time.Duration
	repeat  *time.Timer
	said    []byte // what answers a repetition of the other side
}

// join makes the party of a call.
func (w *wire) join(callID string) *party {
	p := &party{
		wire: w, callID: callID, inbox: make(chan *sipmsg.Message, 16), gone: make(chan struct{}),
		repeat: time.NewTimer(time.Hour),
	}
	w.mu.Lock()
	w.parties[callID] = p
	w.mu.Unlock()
	return p
}

// leave answers repetitions for a while longer, and forgets the call.
func (p *party) leave() {
	p.quiet()
	p.await(time.After(2*time.Second), func(*sipmsg.Message) bool { return false })
	close(p.gone)
	p.mu.Lock()
	delete(p.parties, p.callID)
	p.mu.Unlock()
}

func (p *party) bytes(m *sipmsg.Message) []byte {
	raw, err := m.Bytes()
	if err != nil {
		p.t.Errorf("%s: %v", m.Method, err)
	}
	return raw
}

func (p *party) send(raw []byte) {
	_, _ = p.conn.WriteToUDPAddrPort(raw, p.to) // a server that is down shows in what is not answered
}

// say sends a message once, and again for each repetition that it answers.
func (p *party) say(m *sipmsg.Message) {
	p.said = p.bytes(m)
	p.send(p.said)
}

// insist sends a message until quiet.
func (p *party) insist(m *sipmsg.Message) {
	p.pending, p.pace = p.bytes(m), 500*time.Millisecond
	p.send(p.pending)
	p.repeat.Reset(p.pace)
}

func (p *party) quiet() {
	p.pending = nil
	p.repeat.Reset(time.Hour)
}

// await returns the first message that is wanted; nil when time is up or the
// test is over. For all others, it says again what it has said last.
func (p *party) await(until <-chan time.Time, wanted func(*sipmsg.Message) bool) *sipmsg.Message {
	for {
		select {
		case m := <-p.inbox:
			if wanted(m) {
				return m
			}
			if p.said != nil && m.Method != "ACK" && (m.IsRequest() || m.Status >= 200) {
				p.send(p.said)
			}
		case <-p.repeat.C:
			if p.pending != nil {
				p.send(p.pending)
				p.pace = min(2*p.pace, 4*time.Second)
				p.repeat.Reset(p.pace)
			}
		case <-until:
			return nil
		case <-p.over:
			return nil
		}
	}
}

// final waits until a request of ours has its final response.
func (p *party) final(method string) *sipmsg.Message {
	m := p.await(time.After(40*time.Second), func(m *sipmsg.Message) bool {
		mine := m.Status > 0 && m.Method == method
		if mine {
			p.quiet()
		}
		return mine && m.Status >= 200
	})
	return m
}

// hears waits until the other side sends a request.
func (p *party) hears(method string) *sipmsg.Message {
	return p.await(time.After(40*time.Second), func(m *sipmsg.Message) bool { return m.IsRequest() && m.Method == method })
}

// idle lets time pass.
func (p *party) idle(d time.Duration) {
	p.await(time.After(d), func(*sipmsg.Message) bool { return false })
}

// via is the Via of a new request.
func (w *wire) via() []sipmsg.Via {
	return []sipmsg.Via{{Raw: fmt.Sprintf("SIP/2.0/UDP %s;branch=z9hG4bKledger%d;rport", w.addr(), w.ids.Add(1))}}
}

func (w *wire) address(s string) sipmsg.Address {
	a, err := sipmsg.ParseAddress(s)
	if err != nil {
		w.t.Errorf("%q: %v", s, err)
	}
	return a
}

// within builds a request inside the dialog of an INVITE that we sent and its
// response.
func (w *wire) within(method string, cseq uint32, invite, ok *sipmsg.Message) *sipmsg.Message {
	target := invite.RequestURI
	if len(ok.Contacts) > 0 {
		target = ok.Contacts[0].URI.String()
	}
	return &sipmsg.Message{
		Method: method, RequestURI: target, Vias: w.via(), From: invite.From, To: ok.To, CallID: invite.CallID, CSeq: cseq, MaxForwards: 70,
	}
}
