package sdp

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestSetDirection(t *testing.T) {
	const m = "m=audio 4000 RTP/AVP 0\n"
	for _, test := range []struct {
		name, session, media string
		to                   Direction
		want                 string
	}{
		{"default kept", "", "a=x\n", SendRecv, "a=x"},
		{"default changed", "", "a=x\n", SendOnly, "a=x|a=sendonly"},
		{"session's kept", "a=inactive\n", "", Inactive, ""},
		{"session's overridden", "a=inactive\n", "a=x\n", SendRecv, "a=x|a=sendrecv"},
		{"in place", "", "a=sendonly\na=x\n", Inactive, "a=inactive|a=x"},
		{"twice", "", "a=sendonly\na=x\na=recvonly \n", Inactive, "a=inactive|a=x"},
		{"kept with blank", "", "a=sendonly \na=x\n", SendOnly, "a=sendonly |a=x"},
	} {
		s := mustParse(t, head+test.session+m+test.media)
		media := s.Media()[0]
		media.SetDirection(test.to)
		if got := strings.Join(media.lines[1:], "|"); got != test.want || media.Direction() != test.to {
			t.Errorf("%s: %q and %s, want %q and %s", test.name, got, media.Direction(), test.want, test.to)
		}
	}
}

func TestSetAddress(t *testing.T) {
	rtp := netip.MustParseAddrPort("192.0.2.1:20000")
	next := netip.MustParseAddrPort("192.0.2.1:20001")
	for _, test := range []struct {
		name, session, media string
		rtcp                 netip.AddrPort
		mux                  bool
		want                 string
	}{
		{"own c= added", "", "m=audio 1 RTP/AVP 0\ni=x\na=y\n", next, false, "m=audio 20000 RTP/AVP 0|i=x|c=IN IP4 192.0.2.1|a=y"},
		{"session's c= fits", "c=IN IP4 192.0.2.1\n", "m=audio 1 RTP/AVP 0\na=y\n", next, false, "m=audio 20000 RTP/AVP 0|a=y"},
		{"own c= in place", "c=IN IP4 192.0.2.1\n", "m=audio 1 RTP/AVP 0\nb=AS:1\nc=IN IP4 9.9.9.9/127\nc=IN IP4 9.9.9.8\na=y\n", next, false, "m=audio 20000 RTP/AVP 0|b=AS:1|c=IN IP4 192.0.2.1|a=y"},
		{"several ports", "c=IN IP4 192.0.2.1\n", "m=audio 2/2 RTP/AVP 0\n", next, false, "m=audio 20000 RTP/AVP 0"},
		{"same port, several ports", "c=IN IP4 192.0.2.1\n", "m=audio 20000/2 RTP/AVP 0\n", next, false, "m=audio 20000 RTP/AVP 0"},
		{"rtcp elsewhere", "c=IN IP4 192.0.2.1\n", "m=audio 1 RTP/AVP 0\n", netip.MustParseAddrPort("[2001:db8::1]:7"), false, "m=audio 20000 RTP/AVP 0|a=rtcp:7 IN IP6 2001:db8::1"},
		{"rtcp in place", "c=IN IP4 192.0.2.1\n", "m=audio 1 RTP/AVP 0\na=rtcp:5 IN IP4 9.9.9.9\na=y\na=rtcp:6\n", next, false, "m=audio 20000 RTP/AVP 0|a=rtcp:20001|a=y"},
		{"rtcp removed", "c=IN IP4 192.0.2.1\n", "m=audio 1 RTP/AVP 0\na=rtcp:5\n", netip.AddrPort{}, true, "m=audio 20000 RTP/AVP 0|a=rtcp-mux"},
		{"rtcp on the RTP port", "c=IN IP4 192.0.2.1\n", "m=audio 1 RTP/AVP 0\n", rtp, true, "m=audio 20000 RTP/AVP 0|a=rtcp:20000|a=rtcp-mux"},
		{"mux kept", "c=IN IP4 192.0.2.1\n", "m=audio 1 RTP/AVP 0\na=rtcp-mux\na=y\n", next, true, "m=audio 20000 RTP/AVP 0|a=rtcp-mux|a=y"},
		{"mux removed", "c=IN IP4 192.0.2.1\n", "m=audio 1 RTP/AVP 0\na=rtcp-mux\na=rtcp-mux-only\na=y\n", next, false, "m=audio 20000 RTP/AVP 0|a=y"},
		{"fax has no RTCP", "c=IN IP4 192.0.2.1\n", "m=image 1 udptl t38\n", next, true, "m=image 20000 udptl t38"},
		{"disabled", "c=IN IP4 9.9.9.9\n", "m=audio 0 RTP/AVP 0\nc=IN IP4 9.9.9.9\n", next, true, "m=audio 0 RTP/AVP 0"},
		{"bundle-only", "c=IN IP4 192.0.2.1\n", "m=audio 0 RTP/AVP 0\na=bundle-only\n", next, false, "m=audio 20000 RTP/AVP 0"},
	} {
		body := "v=0\no=- 1 1 IN IP4 1.1.1.1\n" + test.session + test.media
		if test.session == "" {
			body = strings.Replace(body, "a=y", "c=IN IP4 9.9.9.9\na=y", 1) // Parse wants an address
		}
		s := mustParse(t, body)
		m := s.Media()[0]
		if test.session == "" {
			m.lines = removeTypes(m.lines, "c")
		}
		m.SetAddress(rtp, test.rtcp, test.mux)
		if got := strings.Join(m.lines, "|"); got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.name, got, test.want)
		}
	}
}

func TestDisableHidesAddresses(t *testing.T) {
	const lines = "c=IN IP4 9.9.9.9\na=rtcp:5 IN IP4 9.9.9.8\na=path:msrp://9.9.9.7\na=candidate:1 1 UDP 1 9.9.9.6 1 typ host\na=mid:1\n"
	with := mustParse(t, head+"m=audio 7 RTP/AVP 0\n"+lines).Media()[0]
	with.Disable()
	if got := strings.Join(with.lines, "|"); got != "m=audio 0 RTP/AVP 0|a=mid:1" || !with.Disabled() {
		t.Errorf("below a session's c=: %s", got)
	}
	without := mustParse(t, "v=0\no=- 1 1 IN IP4 1.1.1.1\nm=audio 7 RTP/AVP 0\n"+lines).Media()[0]
	without.Disable()
	if got := strings.Join(without.lines, "|"); got != "m=audio 0 RTP/AVP 0|c=IN IP4 0.0.0.0|a=mid:1" || without.Held() {
		t.Errorf("without: %s", got)
	}
}

func TestNoPlaceToSendTo(t *testing.T) {
	for _, host := range []string{"0.0.0.0", "::", "::ffff:0.0.0.0", "255.255.255.255", "224.0.0.1/127", "ff02::1", "phone.example.com", "fe80::1%eth0", "010.0.0.1", "1.2.3", ""} {
		s := mustParse(t, "v=0\no=- 1 1 IN IP4 1.1.1.1\nc=IN IP4 "+host+"\nm=audio 4000 RTP/AVP 0\na=rtcp:5000\n")
		if m := s.Media()[0]; m.RTPAddress().IsValid() || m.RTCP().IsValid() {
			t.Errorf("c= %q: RTP to %s, RTCP to %s", host, m.RTPAddress(), m.RTCP())
		}
	}
	for value, want := range map[string]string{
		"5000": "10.0.0.1:5000", "5000 IN IP4 10.0.0.2": "10.0.0.2:5000", "5000 IN IP6 ::1": "[::1]:5000",
		"0": "10.0.0.1:4001", "x": "10.0.0.1:4001", "65536": "10.0.0.1:4001", "5000 IN IP4 0.0.0.0": "10.0.0.1:4001", "5000 IN IP4 name": "10.0.0.1:4001",
	} {
		m := mustParse(t, head+"m=audio 4000 RTP/AVP 0\na=rtcp:"+value+"\n").Media()[0]
		if got := m.RTCP().String(); got != want {
			t.Errorf("a=rtcp:%s is %s, want %s", value, got, want)
		}
	}
	if got := mustParse(t, head+"m=audio 65535 RTP/AVP 0\n").Media()[0].RTCP(); got.IsValid() {
		t.Errorf("RTCP after port 65535 is %s", got)
	}
}

func TestTransports(t *testing.T) {
	for proto, want := range map[string][2]bool{ // RTP, UDP
		"RTP/AVP": {true, true}, "rtp/savpf": {true, true}, "UDP/TLS/RTP/SAVPF": {true, true}, "TCP/RTP/AVP": {true, false},
		"udptl": {false, true}, "UDPTL": {false, true}, "udp": {false, true}, "UDP/DTLS/SCTP": {false, true}, "DTLS/SCTP": {false, true},
		"UDP/BFCP": {false, true}, "TCP/BFCP": {false, false}, "TCP/MSRP": {false, false}, "TCP/DTLS/SCTP": {false, false}, "SRTP/X": {false, false},
	} {
		m := mustParse(t, head+"m=audio 4000 "+proto+" 0\n").Media()[0]
		if m.RTP() != want[0] || m.UDP() != want[1] {
			t.Errorf("%s: RTP %t, UDP %t", proto, m.RTP(), m.UDP())
		}
	}
}

func TestCodecs(t *testing.T) {
	m := mustParse(t, head+"m=audio 4000 RTP/AVP 0 9 10 96 97 98 99 101 127 128 x 96\n"+
		"a=rtpmap:96 opus/48000/2\na=rtpmap:97 L16\na=rtpmap:98 /8000\na=rtpmap:99 EVS/x\na=rtpmap:101 telephone-event/8000/0\na=rtpmap:0 PCMA/16000\n").Media()[0]
	if got := m.PayloadTypes(); !slices.Equal(got, []uint8{0, 9, 10, 96, 97, 98, 99, 101, 127, 96}) {
		t.Errorf("payload types %v", got)
	}
	if got, want := m.PayloadSet(), [2]uint64{1<<0 | 1<<9 | 1<<10, 1<<32 | 1<<33 | 1<<34 | 1<<35 | 1<<37 | 1<<63}; got != want {
		t.Errorf("set %x, want %x", got, want)
	}
	want := []Codec{
		{0, "PCMA", 16000, 1},
		{9, "G722", 8000, 1},
		{10, "L16", 44100, 2},
		{96, "opus", 48000, 2},
		{97, "", 0, 0},
		{98, "", 0, 0},
		{99, "", 0, 0},
		{101, "telephone-event", 8000, 1},
		{127, "", 0, 0},
		{96, "opus", 48000, 2},
	}
	if got := m.Codecs(); !slices.Equal(got, want) {
		t.Errorf("codecs\n%v, want\n%v", got, want)
	}
	if m.ClockRate(96) != 48000 || m.ClockRate(127) != 0 {
		t.Error("clock rates")
	}
	fax := mustParse(t, head+"m=image 4000 udptl t38 0\n").Media()[0]
	if fax.PayloadTypes() != nil || fax.PayloadSet() != [2]uint64{} {
		t.Error("fax has payload types")
	}
}

// TestStaticPayloadTypes compares the table with RFC 3551 §6, tables 4 and 5.
func TestStaticPayloadTypes(t *testing.T) {
	const table = "0 PCMU 8000 1;3 GSM 8000 1;4 G723 8000 1;5 DVI4 8000 1;6 DVI4 16000 1;7 LPC 8000 1;8 PCMA 8000 1;9 G722 8000 1;" +
		"10 L16 44100 2;11 L16 44100 1;12 QCELP 8000 1;13 CN 8000 1;14 MPA 90000 1;15 G728 8000 1;16 DVI4 11025 1;17 DVI4 22050 1;18 G729 8000 1;" +
		"25 CelB 90000 1;26 JPEG 90000 1;28 nv 90000 1;31 H261 90000 1;32 MPV 90000 1;33 MP2T 90000 1;34 H263 90000 1"
	var rows []string
	for pt := range uint8(128) {
		if c := staticCodec(pt); c.Name != "" {
			rows = append(rows, strings.Join([]string{strconv.Itoa(int(pt)), c.Name, strconv.Itoa(c.ClockRate), strconv.Itoa(c.Channels)}, " "))
		}
	}
	if got := strings.Join(rows, ";"); got != table {
		t.Errorf("got  %s\nwant %s", got, table)
	}
}

func TestSetFormats(t *testing.T) {
	m := mustParse(t, head+"m=audio 4000/2 RTP/AVP 0  8\n").Media()[0]
	for _, bad := range [][]string{nil, {""}, {"0", "a b"}, {"0\r\na=x"}} {
		m.SetFormats(bad)
	}
	if m.lines[0] != "m=audio 4000/2 RTP/AVP 0  8" {
		t.Errorf("bad formats changed the line to %q", m.lines[0])
	}
	m.SetFormats([]string{"8", "101"})
	if m.lines[0] != "m=audio 4000/2 RTP/AVP 8 101" {
		t.Errorf("got %q", m.lines[0])
	}
}

func TestAnonymiseMasksCNAMEs(t *testing.T) {
	s := mustParse(t, head+"m=audio 4000 RTP/AVP 0\na=ssrc:1 cname:bob@10.0.0.1\na=ssrc:2 cname:x y\na=ssrc:2 label:z\n"+
		"m=video 4002 RTP/AVP 31\na=ssrc:3  cname:bob@10.0.0.1\n")
	s.Anonymise(ours)
	if got := s.Media()[0].Attributes("ssrc"); !slices.Equal(got, []string{"1 cname:3e9-1", "2 cname:3e9-2", "2 label:z"}) {
		t.Errorf("audio: %q", got)
	}
	if got := s.Media()[1].Attributes("ssrc"); !slices.Equal(got, []string{"3 cname:3e9-1"}) {
		t.Errorf("video: %q", got)
	}
}
