package sdp

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write golden files")

// Where the relay of these tests lives.
var (
	relay4 = netip.MustParseAddr("192.0.2.1")
	relay6 = netip.MustParseAddr("2001:db8:ffff::1")
	ours   = Origin{ID: 1001, Version: 7, Address: relay4}
)

// relayed does to s what the package comment says, each live m-line with the
// next four ports from 20000 up.
func relayed(s *Session, addr netip.Addr, mux bool) *Session {
	out := s.Clone()
	out.Anonymise(ours)
	out.Relay(addr)
	for i, m := range out.Media() {
		switch port := uint16(20000 + 4*i); {
		case m.Disabled():
		case !m.UDP():
			m.Disable()
		default:
			m.SetAddress(netip.AddrPortFrom(addr, port), netip.AddrPortFrom(addr, port+1), mux)
		}
	}
	return out
}

// atOnce is the same by [Session.Relayed].
func atOnce(s *Session, addr netip.Addr, mux bool) (told *Session, body []byte) {
	at := make([]Local, len(s.Media()))
	for i, m := range s.Media() {
		if port := uint16(20000 + 4*i); m.UDP() && !m.Disabled() {
			at[i] = Local{RTP: netip.AddrPortFrom(addr, port), RTCP: netip.AddrPortFrom(addr, port+1), Mux: mux}
		}
	}
	return s.Relayed(ours, addr, at)
}

// TestGolden compares, for each testdata/*.sdp, what is read from it and what
// becomes of it with media bypassed and relayed.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.sdp")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Parse(body)
			if err != nil {
				t.Fatal(err)
			}
			bypassed := s.Clone()
			if bypassed.Anonymise(ours); string(s.Anonymous(ours)) != bypassed.String() {
				t.Errorf("written at once:\n%s\nelse:\n%s", s.Anonymous(ours), bypassed)
			}
			if _, body := atOnce(s, relay4, false); string(body) != relayed(s, relay4, false).String() {
				t.Errorf("relayed at once:\n%s\nelse:\n%s", body, relayed(s, relay4, false))
			}
			got := "# read\n" + dump(s) +
				"\n# bypassed\n" + text(t, bypassed) +
				"\n# relayed\n" + text(t, relayed(s, relay4, false)) +
				"\n# relayed over IPv6 with mux\n" + text(t, relayed(s, relay6, true))
			compareGolden(t, strings.TrimSuffix(file, ".sdp")+".golden", got)
		})
	}
}

func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (rewrite it with -update):\ngot:\n%s\nwant:\n%s", file, got, want)
	}
}

// text returns the description with LF, after making sure that it has CRLF.
func text(t *testing.T, s *Session) string {
	t.Helper()
	b := s.String()
	if n := strings.Count(b, "\r\n"); n != strings.Count(b, "\n") || n != strings.Count(b, "\r") || !strings.HasSuffix(b, "\r\n") {
		t.Errorf("line ends are not all CRLF: %q", b)
	}
	return strings.ReplaceAll(b, "\r\n", "\n")
}

func dump(s *Session) string {
	var b strings.Builder
	fmt.Fprintf(&b, "origin %+v name %q\n", s.Origin(), s.SessionName())
	for i, m := range s.Media() {
		fmt.Fprintf(&b, "%d %s %d %s %v disabled=%t rtp=%t udp=%t held=%t\n",
			i, m.Kind(), m.Port(), m.Proto(), m.Formats(), m.Disabled(), m.RTP(), m.UDP(), m.Held())
		fmt.Fprintf(&b, "  address %v rtp %v rtcp %v mux=%t direction %v flow %v\n",
			m.Address(), m.RTPAddress(), m.RTCP(), m.Mux(), m.Direction(), m.Flow())
		for _, c := range m.Codecs() {
			fmt.Fprintf(&b, "  codec %d %q %d/%d\n", c.PayloadType, c.Name, c.ClockRate, c.Channels)
		}
	}
	return b.String()
}

func TestParseKeepsEveryLine(t *testing.T) {
	body, err := os.ReadFile("testdata/linphone-audio-video.sdp")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(string(body), "\n", "\r\n")
	for name, in := range map[string]string{"LF": string(body), "CRLF": want, "no last end": strings.TrimSuffix(want, "\r\n"), "blank lines": "\n" + want + "\r\n\n"} {
		s, err := Parse([]byte(in))
		if err != nil {
			t.Fatal(name, err)
		}
		if got := s.String(); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
