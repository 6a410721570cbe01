package sdp

import (
	"bytes"
	"os"
	"testing"
)

// Descriptions that differ in their o= line only share a digest, and no others
// do.
func TestDigest(t *testing.T) {
	body, err := os.ReadFile("testdata/linphone-audio-video.sdp")
	if err != nil {
		t.Fatal(err)
	}
	a := mustParse(t, string(body))
	same := func(b *Session) bool { return Digest(a.Bytes()) == Digest(b.Bytes()) }
	for _, o := range []Origin{ours, {}, {Username: "bob", ID: 1 << 63, Version: 1 << 63, Address: relay6}} {
		b := a.Clone()
		b.SetOrigin(o)
		if !same(b) {
			t.Errorf("o= line %+v makes a difference", o)
		}
	}
	for name, change := range map[string]func(*Session){
		"name":      func(s *Session) { s.SetSessionName("other") },
		"port":      func(s *Session) { s.Media()[0].setPort(1) },
		"direction": func(s *Session) { s.Media()[1].SetDirection(Inactive) },
		"formats":   func(s *Session) { s.Media()[1].SetFormats([]string{"97"}) },
		"fewer":     func(s *Session) { s.media = s.media[:1] },
		"none":      func(s *Session) { s.media = nil },
		"attribute": func(s *Session) { s.Media()[0].RemoveAttribute("fmtp") },
		"place": func(s *Session) {
			m := s.Media()[0]
			m.lines[1], m.lines[2] = m.lines[2], m.lines[1]
		},
	} {
		c := a.Clone()
		change(c)
		if same(c) {
			t.Errorf("%s: no difference seen", name)
		}
	}
}

// Whatever octet changes, and wherever the description ends, the digest changes;
// it is never 0.
func TestDigestSeesEveryOctet(t *testing.T) {
	t.Parallel()
	body := mustParse(t, "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 0 RTP/AVP 0 8 101\r\na=ptime:20\r\n").Bytes()
	origin := bytes.Index(body, []byte("o=")) + 2
	end := origin + bytes.IndexByte(body[origin:], '\r')
	seen := map[uint64]int{0: -1}
	for i := range body {
		other := bytes.Clone(body)
		if other[i] ^= 1; i < origin-4 || i > end {
			if was, ok := seen[Digest(other)]; ok || Digest(other) == Digest(body) {
				t.Errorf("octet %d: as %d, or as it was", i, was)
			}
			seen[Digest(other)] = i
		}
		if i > end {
			if was, ok := seen[Digest(body[:i])]; ok {
				t.Errorf("the first %d octets: as %d", i, was)
			}
			seen[Digest(body[:i])] = i
		}
	}
	if Digest(nil) == 0 {
		t.Error("nothing has none")
	}
}
