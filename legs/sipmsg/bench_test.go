package sipmsg_test

import (
	"testing"

	"b2bua/legs/sipmsg"
)

// carrierINVITE has 17 header lines and SDP, as a carrier sends it.
var carrierINVITE = crlf(`
INVITE sip:+33123456789@198.51.100.7:5060;user=phone SIP/2.0
Via: SIP/2.0/UDP 203.0.113.10:5060;branch=z9hG4bK0g4d2q30a8hg7kc5i2b0.1;rport
Via: SIP/2.0/UDP 203.0.113.44:5060;branch=z9hG4bK-524287-1---9f2d3c7a8b1e4d60
Record-Route: <sip:203.0.113.10;lr;ftag=as5c2e3b7d>
Max-Forwards: 68
From: "+15551230001" <sip:+15551230001@carrier.example.net;user=phone>;tag=as5c2e3b7d
To: <sip:+33123456789@sbc.example.com;user=phone>
Call-ID: 7d1f0c5e6a7b4c2d9e8f-1a2b3c4d@203.0.113.44
CSeq: 102 INVITE
Contact: <sip:+15551230001@203.0.113.44:5060;transport=udp>
User-Agent: Carrier-SBC/9.1.4
Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO, PUBLISH, UPDATE
Supported: replaces, timer, 100rel
Session-Expires: 1800;refresher=uac
P-Asserted-Identity: "Alice" <sip:+15551230001@carrier.example.net>
Privacy: none
Content-Type: application/sdp
Content-Length: 318

v=0
o=- 1719412345 1719412345 IN IP4 203.0.113.60
s=call
c=IN IP4 203.0.113.60
t=0 0
m=audio 17042 RTP/AVP 8 0 18 101
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:18 G729/8000
a=fmtp:18 annexb=no
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=maxptime:150
a=sendrecv
a=rtcp:17043
`)

func BenchmarkParseINVITE(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(carrierINVITE)))
	for b.Loop() {
		if _, err := sipmsg.Parse(carrierINVITE); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRoomINVITE is what a reader does, which has rooms.
func BenchmarkRoomINVITE(b *testing.B) { benchmarkRoom(b, carrierINVITE) }
func BenchmarkRoomOK(b *testing.B)     { benchmarkRoom(b, carrierOK) }

func benchmarkRoom(b *testing.B, datagram []byte) {
	var room sipmsg.Room
	b.ReportAllocs()
	b.SetBytes(int64(len(datagram)))
	for b.Loop() {
		if _, err := room.Parse(datagram); err != nil {
			b.Fatal(err)
		}
		room.Clear()
	}
}

// carrierOK is the answer of the far end to an INVITE of ours.
var carrierOK = crlf(`
SIP/2.0 200 OK
Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK1000a7c2e9f0b4d8a6c3e1f5;rport=5060;received=198.51.100.7
From: <sip:+15551230001@198.51.100.7>;tag=1000a7d4e9f0b4d8a6c3e1f5
To: <sip:+33123456789@203.0.113.80>;tag=gK0a8f3c21
Call-ID: 1000a7e6e9f0b4d8a6c3e1f5
CSeq: 1 INVITE
Contact: <sip:+33123456789@203.0.113.80:5060>
Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, PRACK
Supported: timer
Session-Expires: 1800;refresher=uas
Content-Type: application/sdp
Content-Length: 157

v=0
o=- 1 1 IN IP4 203.0.113.81
s=-
c=IN IP4 203.0.113.81
t=0 0
m=audio 24000 RTP/AVP 8 101
a=rtpmap:101 telephone-event/8000
a=ptime:20
a=sendrecv
`)

func BenchmarkParseOK(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(carrierOK)))
	for b.Loop() {
		if _, err := sipmsg.Parse(carrierOK); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendINVITE(b *testing.B) {
	m := mustParse(b, carrierINVITE)
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Append(buf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkResponse(b *testing.B) {
	m := mustParse(b, carrierINVITE)
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sipmsg.NewResponse(m, 180, "", "1000a7d4e9f0b4d8a6c3e1f5").Append(buf); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAnswer is what a shard does for each response: build it, and have bytes
// to send and to keep.
func BenchmarkAnswer(b *testing.B) {
	m := mustParse(b, carrierINVITE)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sipmsg.NewResponse(m, 180, "", "1000a7d4e9f0b4d8a6c3e1f5").Bytes(); err != nil {
			b.Fatal(err)
		}
	}
}
