package demo

import (
	"crypto/rand"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"b2bua/legs/sipmsg"
)

// A manner is how a telephone takes a call.
type manner int

const (
	answers manner = iota
	refuses        // 486 Busy Here
	ignores        // rings for ever
)

// A phone is a SIP telephone. Each of its calls is one goroutine, which alone
// reads the call's inbox and touches its state; the listener only sorts what
// comes by Call-ID.
type phone struct {
	name   string
	conn   *net.UDPConn
	show   func(m *sipmsg.Message, phone string, sent bool)
	hz     float64       // what it says
	ring   time.Duration // how long it rings before it answers
	t1     time.Duration // RFC 3261 §17.1.1.1
	manner manner
	off    chan struct{} // closed when it is switched off
	once   sync.Once
	wg     sync.WaitGroup

	mu    sync.Mutex
	calls map[string]chan *sipmsg.Message // inboxes by Call-ID; nil when off
	last  *received                       // the newest incoming call
}

const inboxSize = 64

// newPhone makes a telephone that is off. hz is what it says; 0 is silence, below
// 0 it sends nothing at all.
func newPhone(name string, hz float64, show func(*sipmsg.Message, string, bool)) *phone {
	return &phone{
		name: name, show: show, hz: hz, ring: 300 * time.Millisecond, t1: 500 * time.Millisecond,
		off: make(chan struct{}), calls: make(map[string]chan *sipmsg.Message),
	}
}

// switchOn opens a free port of loopback and listens there.
func (p *phone) switchOn() (err error) {
	if p.conn, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		return err
	}
	p.wg.Add(1)
	go p.listen()
	return nil
}

// close switches the telephone off: its calls end without a word. It returns
// when its last goroutine is gone.
func (p *phone) close() {
	p.once.Do(func() {
		p.mu.Lock()
		p.calls = nil
		p.mu.Unlock()
		close(p.off)
		if p.conn != nil {
			_ = p.conn.Close()
		}
	})
	p.wg.Wait()
}

func (p *phone) addr() netip.AddrPort { return p.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

func (p *phone) listen() {
	defer p.wg.Done()
	buf := make([]byte, 65536)
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error of an earlier send
		}
		if m, err := sipmsg.Parse(buf[:n]); err == nil {
			p.show(m, p.name, false)
			p.sort(m, from)
		}
	}
}

// sort puts a message into its call's inbox. A full one loses it: UDP.
func (p *phone) sort(m *sipmsg.Message, from netip.AddrPort) {
	p.mu.Lock()
	inbox, known := p.calls[m.CallID]
	p.mu.Unlock()
	switch {
	case known:
		select {
		case inbox <- m:
		default:
		}
	case !m.IsRequest() || m.Method == "ACK":
	case m.Method == "INVITE" && m.To.Tag() == "":
		p.receive(m, from)
	case m.Method == "OPTIONS":
		p.send(from, sipmsg.NewResponse(m, 200, "", token()))
	default:
		p.send(from, sipmsg.NewResponse(m, 481, "", token()))
	}
}

// begin runs a call in a goroutine of its own. It is false when the telephone
// is off.
func (p *phone) begin(callID string, inbox chan *sipmsg.Message, run func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls == nil {
		return false
	}
	p.calls[callID] = inbox
	p.wg.Go(func() {
		run()
		p.mu.Lock()
		delete(p.calls, callID)
		p.mu.Unlock()
	})
	return true
}

func (p *phone) send(to netip.AddrPort, m *sipmsg.Message) {
	raw, err := m.Bytes()
	if err != nil {
		return
	}
	p.show(m, p.name, true)
	_, _ = p.conn.WriteToUDPAddrPort(raw, to) // UDP: what is lost is sent again
}

func (p *phone) contact() sipmsg.Address {
	return sipmsg.Address{Raw: "<sip:" + p.name + "@" + p.addr().String() + ">"}
}

func (p *phone) via() sipmsg.Via {
	return sipmsg.Via{Raw: "SIP/2.0/UDP " + p.addr().String() + ";branch=z9hG4bK" + token() + ";rport"}
}

func token() string { return strings.ToLower(rand.Text()) }

// A patience is when to say again what UDP may have lost: after T1, then each
// time twice as long, and no more after 64 T1 (RFC 3261 §17.1.1.2, §13.3.1.4).
type patience struct {
	timer *time.Timer
	t1    time.Duration
	wait  time.Duration
	spent time.Duration
}

func newPatience(t1 time.Duration) *patience {
	w := &patience{timer: time.NewTimer(time.Hour), t1: t1}
	w.timer.Stop()
	return w
}

// begin starts anew.
func (w *patience) begin() {
	w.wait, w.spent = w.t1, 0
	w.timer.Reset(w.wait)
}

func (w *patience) end() { w.timer.Stop() }

// again is called when the timer fires, and is false when it is enough.
func (w *patience) again() bool {
	w.spent += w.wait
	w.wait = min(2*w.wait, 8*w.t1)
	w.timer.Reset(w.wait)
	return w.spent < 64*w.t1
}
