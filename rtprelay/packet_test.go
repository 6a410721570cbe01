package rtprelay

import (
	"encoding/binary"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// rtpPacket builds an RTP packet with pion, the oracle.
func rtpPacket(tb testing.TB, h rtp.Header, payload int) []byte {
	tb.Helper()
	h.Version = 2
	b, err := (&rtp.Packet{Header: h, Payload: make([]byte, payload)}).Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// senderReport builds a compound of SR and SDES with pion.
func senderReport(tb testing.TB, ssrc uint32) []byte {
	tb.Helper()
	b, err := rtcp.Marshal([]rtcp.Packet{
		&rtcp.SenderReport{SSRC: ssrc, PacketCount: 1},
		rtcp.NewCNAMESourceDescription(ssrc, "phone"),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestParseRTPAgreesWithPion(t *testing.T) {
	t.Parallel()
	withExtension := rtp.Header{PayloadType: 96, SequenceNumber: 65535, Timestamp: 1 << 31, SSRC: 0xdeadbeef, Marker: true, CSRC: []uint32{1, 2, 3}}
	if err := withExtension.SetExtension(1, []byte{1, 2, 3, 4, 5}); err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]rtp.Header{
		"plain":     {PayloadType: 8, SequenceNumber: 7, Timestamp: 160, SSRC: 1},
		"marker":    {PayloadType: 0, Marker: true, SequenceNumber: 1, SSRC: 2},
		"extension": withExtension,
	} {
		got, ok := parseRTP(rtpPacket(t, h, 160))
		want := rtpHeader{h.PayloadType, h.SequenceNumber, h.Timestamp, h.SSRC}
		if !ok || got != want {
			t.Errorf("%s: got %+v %v, want %+v", name, got, ok, want)
		}
	}
}

func TestParseRTPRefuses(t *testing.T) {
	t.Parallel()
	good := rtpPacket(t, rtp.Header{PayloadType: 8}, 0)
	change := func(at int, v byte) []byte {
		b := append([]byte(nil), good...)
		b[at] = v
		return b
	}
	for name, b := range map[string][]byte{
		"empty":                   nil,
		"one octet":               {0x80},
		"11 octets":               good[:11],
		"version 1":               change(0, 0x40),
		"version 3":               change(0, 0xc0),
		"STUN binding":            append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, make([]byte, 12)...),
		"DTLS hello":              append([]byte{22, 254, 255}, make([]byte, 20)...),
		"CSRC list cut":           change(0, 0x81),
		"extension header absent": change(0, 0x90),
		"extension cut":           append(change(0, 0x90), 0xbe, 0xde, 0, 2, 1, 2, 3, 4),
	} {
		if h, ok := parseRTP(b); ok {
			t.Errorf("%s: accepted as %+v", name, h)
		}
	}
}

func TestParseRTCP(t *testing.T) {
	t.Parallel()
	receiver, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 9, Reports: []rtcp.ReceptionReport{{SSRC: 1}}}})
	if err != nil {
		t.Fatal(err)
	}
	pli, err := rtcp.Marshal([]rtcp.Packet{&rtcp.PictureLossIndication{SenderSSRC: 9, MediaSSRC: 1}}) // RFC 5506 reduced size
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"SR and SDES": senderReport(t, 9), "RR": receiver, "feedback alone": pli,
		"SRTCP trailer": append(receiver, make([]byte, 14)...),
	} {
		if ssrc, ok := parseRTCP(b); !ok || ssrc != 9 {
			t.Errorf("%s: got %d %v, want 9", name, ssrc, ok)
		}
		if !muxedRTCP(b) {
			t.Errorf("%s: not told from RTP", name)
		}
	}
	short := append([]byte(nil), receiver[:8]...)
	binary.BigEndian.PutUint16(short[2:], 1)
	if _, ok := parseRTCP(short); !ok {
		t.Error("an empty RR was refused")
	}
	for name, b := range map[string][]byte{
		"empty": nil, "4 octets": {0x80, 203, 0, 0}, "says 4 octets": {0x80, 203, 0, 0, 0, 0, 0, 1},
		"longer than it is": {0x80, 201, 0, 9, 0, 0, 0, 1}, "version 0": {0, 201, 0, 1, 0, 0, 0, 1},
		"type 191": {0x80, 191, 0, 1, 0, 0, 0, 1}, "type 224": {0x80, 224, 0, 1, 0, 0, 0, 1},
	} {
		if _, ok := parseRTCP(b); ok {
			t.Errorf("%s: accepted", name)
		}
	}
	if muxedRTCP(rtpPacket(t, rtp.Header{PayloadType: 63}, 0)) || muxedRTCP(rtpPacket(t, rtp.Header{PayloadType: 96}, 0)) {
		t.Error("RTP taken for RTCP")
	}
}

// FuzzParse: what we accept pion accepts too, and reads the same.
func FuzzParse(f *testing.F) {
	f.Add(rtpPacket(f, rtp.Header{PayloadType: 8, CSRC: []uint32{1}}, 20))
	f.Add(senderReport(f, 1))
	f.Add([]byte{0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff})
	f.Add([]byte{0x80, 203, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, ok := parseRTP(b); ok {
			// pion also reads what is in a header extension, which we carry unread
			plain := append([]byte(nil), b...)
			plain[0] &^= 0x10
			var want rtp.Header
			if _, err := want.Unmarshal(plain); err != nil {
				t.Fatalf("we accept %x, pion says %v", b, err)
			}
			if got := (rtpHeader{want.PayloadType, want.SequenceNumber, want.Timestamp, want.SSRC}); got != h {
				t.Fatalf("%x: we read %+v, pion %+v", b, h, got)
			}
		}
		if ssrc, ok := parseRTCP(b); ok {
			var h rtcp.Header
			if err := h.Unmarshal(b); err != nil {
				t.Fatalf("we accept %x, pion says %v", b, err)
			}
			if (int(h.Length)+1)*4 > len(b) || ssrc != binary.BigEndian.Uint32(b[4:]) {
				t.Fatalf("%x: length %d, ssrc %d", b, h.Length, ssrc)
			}
		}
	})
}
