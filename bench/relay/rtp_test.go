package main

import (
	"testing"

	"github.com/pion/rtp"
)

// A stranger reads our packets as RTP.
func TestPacketIsRTP(t *testing.T) {
	t.Parallel()
	packet := make([]byte, packetSize)
	fill(packet, 7)
	mark(packet, 70000, 1234567890123)
	var p rtp.Packet
	if err := p.Unmarshal(packet); err != nil {
		t.Fatal(err)
	}
	if p.Version != 2 || p.PayloadType != 0 || p.SSRC != ssrcBase+7 || p.SequenceNumber != 70000&0xffff || p.Timestamp != 70000*160 || len(p.Payload) != 160 {
		t.Errorf("the packet reads as %v", p.Header)
	}
	stream, number, stamp, ok := read(packet)
	if stream != 7 || number != 70000 || stamp != 1234567890123 || !ok {
		t.Errorf("read: stream %d, number %d, stamp %d, %v", stream, number, stamp, ok)
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func([]byte) []byte{
		"short":        func(p []byte) []byte { return p[:171] },
		"version":      func(p []byte) []byte { p[0] = 0; return p },
		"payload type": func(p []byte) []byte { p[1] = 8; return p },
		"sequence":     func(p []byte) []byte { p[3]++; return p },
		"timestamp":    func(p []byte) []byte { p[7]++; return p },
	} {
		packet := make([]byte, packetSize)
		fill(packet, 1)
		mark(packet, 5, 6)
		if _, _, _, ok := read(change(packet)); ok {
			t.Errorf("%s: the packet passes", what)
		}
	}
}

func TestAccount(t *testing.T) {
	t.Parallel()
	a := newAccount(3, 10, 50)
	for stream := range 3 {
		for n := range uint32(80) { // before, in and after the window
			if stream == 1 && n == 20 {
				continue // lost
			}
			if got, want := a.add(stream, n), n >= 10 && n < 60; got != want {
				t.Fatalf("stream %d, packet %d counts: %v, want %v", stream, n, got, want)
			}
		}
	}
	if a.add(2, 59) {
		t.Error("a duplicate counts")
	}
	if a.add(3, 20) || a.add(-1, 20) {
		t.Error("a stream that does not exist counts")
	}
	if a.sent() != 150 || a.received != 149 || a.lost() != 1 || a.duplicates != 1 || a.strays != 2 {
		t.Errorf("sent %d, received %d, lost %d, duplicates %d, strays %d", a.sent(), a.received, a.lost(), a.duplicates, a.strays)
	}
	if !a.add(1, 20) || a.lost() != 0 {
		t.Error("a late packet does not count")
	}
}
