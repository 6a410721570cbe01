// Package siptest is a scripted SIP peer for tests: it says exactly what a test
// tells it to, and hands over what it hears, in order. It shares nothing with
// the server but the parser.
package siptest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"b2bua/legs/sipmsg"
)

// Patience is how long Expect waits before the test fails. It is a bound for
// broken code, not a pace: nothing waits this long when all is well.
const Patience = 5 * time.Second

// A Peer is one UDP socket on loopback.
type Peer struct {
	t    testing.TB
	conn *net.UDPConn
	in   chan *sipmsg.Message
	wg   sync.WaitGroup

	mu     sync.Mutex
	branch int
}

// New opens a peer on ip:port; port 0 takes a free one. It is closed when the
// test ends.
func New(t testing.TB, addr string) *Peer {
	t.Helper()
	ap := netip.MustParseAddrPort(addr)
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(ap))
	if err != nil {
		t.Fatalf("siptest: %v", err)
	}
	p := &Peer{t: t, conn: conn, in: make(chan *sipmsg.Message, 256)}
	p.wg.Add(1)
	go p.read()
	t.Cleanup(func() {
		_ = conn.Close()
		p.wg.Wait()
	})
	return p
}

func (p *Peer) read() {
	defer p.wg.Done()
	buf := make([]byte, 65536)
	for {
		n, _, err := p.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error of an earlier send
		}
		m, err := sipmsg.Parse(buf[:n])
		if err != nil {
			p.t.Errorf("siptest: %s heard what does not parse: %v\n%s", p.Addr(), err, buf[:n])
			continue
		}
		p.in <- m
	}
}

// Addr is the peer's address.
func (p *Peer) Addr() netip.AddrPort { return p.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// Write sends text to an address as it is, with line ends made CRLF.
func (p *Peer) Write(to netip.AddrPort, text string) {
	p.t.Helper()
	raw := strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	if _, err := p.conn.WriteToUDPAddrPort([]byte(raw), to); err != nil {
		p.t.Fatalf("siptest: %v", err)
	}
}

// Send sends a message.
func (p *Peer) Send(to netip.AddrPort, m *sipmsg.Message) {
	p.t.Helper()
	raw, err := m.Bytes()
	if err != nil {
		p.t.Fatalf("siptest: %v", err)
	}
	if _, err := p.conn.WriteToUDPAddrPort(raw, to); err != nil {
		p.t.Fatalf("siptest: %v", err)
	}
}

// Branch makes a new branch.
func (p *Peer) Branch() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.branch++
	return fmt.Sprintf("z9hG4bKtest%d-%d", p.Addr().Port(), p.branch)
}

// Next returns the next message that was heard. It fails the test when none
// comes.
func (p *Peer) Next() *sipmsg.Message {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	select {
	case m := <-p.in:
		return m
	case <-ctx.Done():
		p.t.Fatalf("siptest: %s heard nothing", p.Addr())
		return nil
	}
}

// Expect returns the next message, which must be this request ("BYE") or this
// response ("180", or "200 INVITE"); 100 and repetitions are passed over when
// they are not what is wanted.
func (p *Peer) Expect(what string) *sipmsg.Message {
	p.t.Helper()
	for {
		m := p.Next()
		if Is(m, what) {
			return m
		}
		if m.Status == 100 {
			continue
		}
		p.t.Fatalf("siptest: %s heard %s, wanted %s", p.Addr(), Describe(m), what)
	}
}

// Await is Expect that passes over everything else.
func (p *Peer) Await(what string) *sipmsg.Message {
	p.t.Helper()
	for {
		if m := p.Next(); Is(m, what) {
			return m
		}
	}
}

// Silent fails the test when something was heard that nobody asked for. It
// does not wait: call it after an exchange that would have followed.
func (p *Peer) Silent() {
	p.t.Helper()
	select {
	case m := <-p.in:
		p.t.Errorf("siptest: %s heard %s, wanted nothing", p.Addr(), Describe(m))
	default:
	}
}

// Is reports whether m is what Expect calls what.
func Is(m *sipmsg.Message, what string) bool {
	status, method, _ := strings.Cut(what, " ")
	if m.IsRequest() {
		return m.Method == what
	}
	return fmt.Sprint(m.Status) == status && (method == "" || m.Method == method)
}

// Describe is a message in a few words.
func Describe(m *sipmsg.Message) string {
	if m.IsRequest() {
		return m.Method + " " + m.RequestURI
	}
	return fmt.Sprintf("%d %s (%s)", m.Status, m.Reason, m.Method)
}
