package bridge_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"b2bua/internal/siptest"
)

// A sound is one end of an audio stream: a socket that sends and hears RTP.
type sound struct {
	t    testing.TB
	conn *net.UDPConn
	seq  uint16
	ssrc uint32
}

func newSound(t testing.TB, ip string) *sound {
	t.Helper()
	return soundAt(t, netip.AddrPortFrom(netip.MustParseAddr(ip), 0))
}

func soundAt(t testing.TB, at netip.AddrPort) *sound {
	t.Helper()
	s, err := listen(t, at)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func listen(t testing.TB, at netip.AddrPort) (*sound, error) {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &sound{t: t, conn: conn, ssrc: uint32(conn.LocalAddr().(*net.UDPAddr).Port)}, nil
}

// newPair is two ends on ports side by side: the second is for RTCP.
func newPair(t testing.TB, ip string) (rtp, rtcp *sound) {
	t.Helper()
	for range 20 {
		rtp = newSound(t, ip)
		if beside, err := listen(t, netip.AddrPortFrom(rtp.addr().Addr(), rtp.addr().Port()+1)); err == nil {
			return rtp, beside
		}
	}
	t.Fatalf("no two ports side by side on %s", ip)
	return nil, nil
}

// reports has s send RTCP to our port until the other end has one.
func (s *sound) reports(port netip.AddrPort, other *sound) {
	s.t.Helper()
	report := make([]byte, 28)
	report[0], report[1], report[3] = 0x80, 200, 6 // a sender report without blocks (RFC 3550 §6.4.1)
	binary.BigEndian.PutUint32(report[4:], s.ssrc)
	for give := time.Now().Add(siptest.Patience); time.Now().Before(give); {
		if _, err := s.conn.WriteToUDPAddrPort(report, port); err != nil {
			s.t.Fatal(err)
		}
		if other.hear(20*time.Millisecond) == string(report[12:]) {
			return
		}
	}
	s.t.Fatalf("%s never had a report, sent to %s", other.addr(), port)
}

// rtcpPort is where a description wants the reports.
func rtcpPort(t testing.TB, body []byte) netip.AddrPort {
	t.Helper()
	return parse(t, body).Media()[0].RTCP()
}

func (s *sound) addr() netip.AddrPort { return s.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// SDP is a plain audio description of it.
func (s *sound) SDP(lines ...string) []byte {
	return describe(s.addr(), append([]string{"m=audio PORT RTP/AVP 0 8"}, lines...)...)
}

// say sends one packet.
func (s *sound) say(to netip.AddrPort, payload string) {
	s.t.Helper()
	s.seq++
	p := append(make([]byte, 12), payload...)
	p[0], p[1] = 0x80, 0
	binary.BigEndian.PutUint16(p[2:], s.seq)
	binary.BigEndian.PutUint32(p[4:], uint32(s.seq)*160)
	binary.BigEndian.PutUint32(p[8:], s.ssrc)
	if _, err := s.conn.WriteToUDPAddrPort(p, to); err != nil {
		s.t.Fatal(err)
	}
}

// hear waits a moment for a packet and returns its payload; "" when none comes.
func (s *sound) hear(wait time.Duration) string {
	s.t.Helper()
	if err := s.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		s.t.Fatal(err)
	}
	buf := make([]byte, 1500)
	n, err := s.conn.Read(buf)
	if err != nil || n < 12 {
		return ""
	}
	return string(buf[12:n])
}

// reaches has s speak to our port until the other end hears it. What is changed
// by signalling reaches the relay's worker a moment later, so the first packets
// may be lost.
func (s *sound) reaches(port netip.AddrPort, other *sound, payload string) {
	s.t.Helper()
	for give := time.Now().Add(siptest.Patience); time.Now().Before(give); {
		s.say(port, payload)
		for heard := other.hear(20 * time.Millisecond); heard != ""; heard = other.hear(time.Millisecond) {
			if heard == payload {
				return
			}
		}
	}
	s.t.Fatalf("%s never heard %q, sent to %s", other.addr(), payload, port)
}

// port is where a description wants the audio.
func port(t testing.TB, body []byte) netip.AddrPort {
	t.Helper()
	return parse(t, body).Media()[0].RTPAddress()
}
