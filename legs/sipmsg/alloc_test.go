//go:build !race

package sipmsg_test

import (
	"net/netip"
	"testing"

	"b2bua/legs/sipmsg"
)

// TestAllocations bounds what one message costs the garbage collector: a call is
// six parses. (Under the race detector sync.Pool forgets at random.)
func TestAllocations(t *testing.T) {
	req := mustParse(t, carrierINVITE)
	buf := make([]byte, 0, 4096)
	var room sipmsg.Room
	src := netip.MustParseAddrPort("203.0.113.10:5060")
	for _, c := range []struct {
		name string
		max  float64
		f    func()
	}{
		// The room, its header's text, its body, other headers.
		{"INVITE, 17 headers and SDP", 4, func() { mustParse(t, carrierINVITE) }},
		{"200 OK", 4, func() { mustParse(t, carrierOK) }},
		{"INVITE in a room", 3, func() {
			if _, err := room.Parse(carrierINVITE); err != nil {
				t.Fatal(err)
			}
			room.StampReceived(src)
			room.Clear()
		}},
		{"response", 3, func() { sipmsg.NewResponse(req, 200, "", "tag") }},
		{"append", 0, func() {
			if _, err := req.Append(buf); err != nil {
				t.Fatal(err)
			}
		}},
		{"bytes", 1, func() { mustAllocate(t, req) }},
	} {
		if got := testing.AllocsPerRun(200, c.f); got > c.max {
			t.Errorf("%s: %v allocations, bound %v", c.name, got, c.max)
		}
	}
}

// mustAllocate fails when the bytes of m have room behind them: they are kept for
// as long as they may have to be sent again.
func mustAllocate(t *testing.T, m *sipmsg.Message) {
	t.Helper()
	b, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if room := cap(b) - len(b); room > 128 {
		t.Fatalf("%d bytes and room for %d more", len(b), room)
	}
}
