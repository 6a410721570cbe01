// Package siptest is a scripted SIP peer for tests: it says exactly what a test
// tells it to, and hands over what it hears, in order. It shares nothing with
// the server but the parser.
//
//	peer.go      the socket, and what was heard on it
//	expect.go    what a test wants to hear, or not to hear
//	dialog.go    messages to say
package siptest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"b2bua/legs/sipmsg"
)

// Patience is how long Expect waits before the test fails. It is a bound for
// broken code, not a pace: nothing waits this long when all is well.
const Patience = 5 * time.Second

// A Peer is one UDP socket on loopback. What it hears is kept, whether anybody
// asks for it or not.
type Peer struct {
	t      testing.TB
	conn   *net.UDPConn
	wg     sync.WaitGroup
	branch atomic.Int64

	more chan struct{} // there is something in heard

	mu    sync.Mutex
	heard []Heard
	known map[string]bool // every datagram so far, to tell a repetition
}

// Heard is a message as it came.
type Heard struct {
	Message *sipmsg.Message // nil for what Silent says to itself
	From    netip.AddrPort
	Raw     string
	Again   bool // the same bytes have been heard before
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
	p := &Peer{t: t, conn: conn, more: make(chan struct{}, 1), known: make(map[string]bool)}
	p.wg.Go(p.read)
	t.Cleanup(func() {
		_ = conn.Close()
		p.wg.Wait()
	})
	return p
}

func (p *Peer) read() {
	buf := make([]byte, 65536)
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error of an earlier send
		}
		h := Heard{From: netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), Raw: string(buf[:n])}
		if !strings.HasPrefix(h.Raw, marker) {
			if h.Message, err = sipmsg.Parse(buf[:n]); err != nil {
				p.t.Errorf("siptest: %s heard what does not parse: %v\n%s", p.Addr(), err, h.Raw)
				continue
			}
		}
		p.keep(h)
	}
}

func (p *Peer) keep(h Heard) {
	p.mu.Lock()
	h.Again = p.known[h.Raw]
	p.known[h.Raw] = true
	p.heard = append(p.heard, h)
	p.mu.Unlock()
	select {
	case p.more <- struct{}{}:
	default: // already said
	}
}

// Addr is the peer's address.
func (p *Peer) Addr() netip.AddrPort { return p.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// Write sends text to an address as it is, with line ends made CRLF.
func (p *Peer) Write(to netip.AddrPort, text string) {
	p.t.Helper()
	raw := strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	p.write(to, []byte(raw))
}

// Send sends a message.
func (p *Peer) Send(to netip.AddrPort, m *sipmsg.Message) {
	p.t.Helper()
	raw, err := m.Bytes()
	if err != nil {
		p.t.Fatalf("siptest: %v", err)
	}
	p.write(to, raw)
}

func (p *Peer) write(to netip.AddrPort, raw []byte) {
	p.t.Helper()
	if _, err := p.conn.WriteToUDPAddrPort(raw, to); err != nil {
		p.t.Fatalf("siptest: %v", err)
	}
}

// Branch makes a new branch.
func (p *Peer) Branch() string {
	return fmt.Sprintf("z9hG4bKtest%d-%d", p.Addr().Port(), p.branch.Add(1))
}
