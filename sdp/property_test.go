package sdp

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// secret is in every address and name that must not cross; nothing else in a
// drawn description contains it.
const secret = "10.66.6."

func drawAddress(t *rapid.T) string {
	host := fmt.Sprintf("%s%d", secret, rapid.IntRange(1, 3).Draw(t, "host"))
	return rapid.SampledFrom([]string{"c=IN IP4 " + host, "c=IN IP4 " + host + "/127", "c=IN IP4 0.0.0.0", "c=IN IP4 x." + secret + "example.com"}).Draw(t, "c=")
}

// drawKept draws a line that must leave as it came.
func drawKept(t *rapid.T) string {
	return rapid.SampledFrom([]string{
		"a=rtpmap:0 PCMU/8000", "a=rtpmap:96 opus/48000/2", "a=fmtp:96 useinbandfec=1", "a=ptime:20", "a=maxptime:150",
		"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz", "a=label:7", "a=mid:0", "a=X-vendor:  kept ", "a=rtcp-fb:* nack",
		"a=rtcp-rsize", "a=group:LS 0 1", "b=AS:64", "k=prompt", "y=odd", "a=\xff\xfe", "a=T38FaxVersion:0", "a=setup:actpass", "a=ice", "a=candidates:1",
	}).Draw(t, "kept")
}

// drawGone draws a line that must not leave.
func drawGone(t *rapid.T) string {
	return rapid.SampledFrom([]string{
		"a=candidate:1 1 UDP 1 " + secret + "1 9 typ host", "a=remote-candidates:1 " + secret + "1 9", "a=end-of-candidates", "a=ice-lite", "a=ice-options:trickle",
		"a=source-filter: incl IN IP4 * " + secret + "1", "a=altc:1 IP4 " + secret + "1 9", "a=ccap:1 IN IP4 " + secret + "1", "a=alt:1 1 : A B " + secret + "1 9",
		"a=group:BUNDLE 0 1", "a=tool:phone " + secret, "a=oldmediaip:" + secret + "1", "i=room " + secret, "a=ice-pacing:50", "a=ice-mismatch",
	}).Draw(t, "gone")
}

func drawLines(t *rapid.T, kept *[]string) []string {
	var lines []string
	for range rapid.IntRange(0, 6).Draw(t, "lines") {
		if rapid.Bool().Draw(t, "keep") {
			line := drawKept(t)
			lines, *kept = append(lines, line), append(*kept, line)
		} else {
			lines = append(lines, drawGone(t))
		}
	}
	return lines
}

// drawSession draws the lines of a description and those that must survive, in
// order, with "m" for each m-line.
func drawSession(t *rapid.T) (lines, kept []string) {
	lines = []string{"v=0", "o=bob " + "1 2 IN IP4 " + secret + "9", "s=call of " + secret}
	if rapid.Bool().Draw(t, "more") {
		lines = append(lines, "u=http://"+secret+"1/", "e=bob@"+secret+"1", "p=+1 "+secret)
	}
	sessionLevel := rapid.Bool().Draw(t, "session c=")
	if sessionLevel {
		lines = append(lines, drawAddress(t))
	}
	lines = append(lines, "t=0 0")
	lines = append(lines, drawLines(t, &kept)...)
	for range rapid.IntRange(0, 4).Draw(t, "m-lines") {
		port := rapid.SampledFrom([]string{"0", "4000", "4000/2", "9"}).Draw(t, "port")
		form := rapid.SampledFrom([]string{"audio %s RTP/AVP 0 96", "video %s RTP/SAVPF 96", "image %s udptl t38", "audio %s UDP/TLS/RTP/SAVPF 0"}).Draw(t, "form")
		lines, kept = append(lines, "m="+fmt.Sprintf(form, port)), append(kept, "m")
		if !sessionLevel || rapid.Bool().Draw(t, "own c=") {
			lines = append(lines, drawAddress(t))
		}
		lines = append(lines, drawLines(t, &kept)...)
		lines = append(lines, rapid.SampledFrom([][]string{
			nil, {"a=rtcp:4001"}, {"a=rtcp:4001 IN IP4 " + secret + "2", "a=rtcp-mux"}, {"a=rtcp-mux"}, {"a=rtcp-mux-only"}, {"a=ssrc:1 cname:bob@" + secret + "1"},
		}).Draw(t, "rtcp")...)
		if rapid.Bool().Draw(t, "direction") {
			lines = append(lines, "a="+Direction(rapid.IntRange(0, 3).Draw(t, "which")).String())
		}
	}
	return lines, kept
}

func isChanged(line string) bool {
	name, _, ok := attributeOf(line)
	_, direction := parseDirection(name)
	return strings.IndexByte("vosct", line[0]) >= 0 || ok && (direction || name == "rtcp" || strings.HasPrefix(name, "rtcp-mux") || name == "ssrc")
}

func TestRelayKeepsAndHides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines, kept := drawSession(t)
		body := strings.Join(lines, "\r\n") + "\r\n"
		s, err := Parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		addr := rapid.SampledFrom([]netip.Addr{relay4, relay6}).Draw(t, "relay")
		mux := rapid.Bool().Draw(t, "mux")
		out := relayed(s, addr, mux)
		if s.String() != body {
			t.Fatalf("changing the clone changed the original:\n%s", s)
		}
		if strings.Contains(out.String(), secret) {
			t.Fatalf("the peer's address crossed:\n%s", out)
		}
		var left []string
		for line := range strings.SplitSeq(strings.TrimSuffix(out.String(), "\r\n"), "\r\n") {
			switch {
			case line[0] == 'm':
				left = append(left, "m")
			case !isChanged(line):
				left = append(left, line)
			}
		}
		if !slices.Equal(left, kept) {
			t.Fatalf("what must stay:\n%q\nwhat stayed:\n%q", kept, left)
		}
		checkRelayed(t, s, out, addr, mux)
		checkAtOnce(t, s, addr, mux)
		if again := relayed(out, addr, mux); again.String() != out.String() {
			t.Fatalf("doing it twice is not the same:\n%s\n%s", out, again)
		}
	})
}

// checkAtOnce compares both ways to relay, with RTCP wherever it may be.
func checkAtOnce(t *rapid.T, s *Session, addr netip.Addr, mux bool) {
	before := s.String()
	at, c := make([]Local, len(s.Media())), s.Clone()
	c.Anonymise(ours)
	c.Relay(addr)
	for i, m := range c.Media() {
		if rapid.IntRange(0, 9).Draw(t, "none") == 0 {
			m.Disable()
			continue
		}
		rtp := netip.AddrPortFrom(rapid.SampledFrom([]netip.Addr{addr, relay4}).Draw(t, "rtp"), rapid.SampledFrom([]uint16{4000, 20000}).Draw(t, "port"))
		rtcp := rapid.SampledFrom([]netip.AddrPort{
			netip.AddrPortFrom(rtp.Addr(), rtp.Port()+1), netip.AddrPortFrom(rtp.Addr(), 7), netip.AddrPortFrom(relay6, 9), {},
		}).Draw(t, "rtcp")
		at[i] = Local{RTP: rtp, RTCP: rtcp, Mux: mux}
		m.SetAddress(rtp, rtcp, mux)
	}
	told, body := s.Relayed(ours, addr, at)
	if string(body) != c.String() {
		t.Fatalf("at once:\n%s\nelse:\n%s", body, c)
	}
	if s.String() != before {
		t.Fatalf("the original changed:\n%s", s)
	}
	for i, m := range c.Media() {
		is := told.Media()[i]
		if m.Disabled() != is.Disabled() || m.Direction() != is.Direction() || m.Proto() != is.Proto() || !slices.Equal(m.Codecs(), is.Codecs()) {
			t.Fatalf("m-line %d is not what was told:\n%s\nbut:\n%s", i, c, told)
		}
	}
}

// checkRelayed reads out as its receiver would, and compares with s.
func checkRelayed(t *rapid.T, s, out *Session, addr netip.Addr, mux bool) {
	read, err := Parse(out.Bytes())
	if err != nil || !slices.Equal(out.Bytes(), read.Bytes()) || read.Origin() != (Origin{"-", ours.ID, ours.Version, ours.Address}) || read.SessionName() != "-" {
		t.Fatalf("read again: %v\n%s", err, out)
	}
	for i, m := range read.Media() {
		was := s.Media()[i]
		if m.Kind() != was.Kind() || m.Proto() != was.Proto() || !slices.Equal(m.Formats(), was.Formats()) || m.Disabled() != was.Disabled() {
			t.Fatalf("m-line %d was %q and is %q", i, was.lines[0], m.lines[0])
		}
		if m.Disabled() {
			continue
		}
		rtp := netip.AddrPortFrom(addr, uint16(20000+4*i))
		if m.RTPAddress() != rtp || m.fields().count != 0 || m.Direction() != was.Flow() {
			t.Fatalf("m-line %d goes to %s %s, was %s", i, m.RTPAddress(), m.Direction(), was.Flow())
		}
		if m.RTP() && (m.RTCP() != netip.AddrPortFrom(addr, rtp.Port()+1) || m.Mux() != mux) {
			t.Fatalf("m-line %d has RTCP at %s, mux %t", i, m.RTCP(), m.Mux())
		}
	}
}

// TestOwnAnswerFits answers a drawn offer with some of its formats and a legal
// direction: CheckAnswer must agree, and disagree once an m-line is dropped.
func TestOwnAnswerFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines, _ := drawSession(t)
		offer, err := Parse([]byte(strings.Join(lines, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		answer := offer.Clone()
		for i, m := range answer.Media() {
			formats := m.Formats()
			m.SetFormats(formats[:rapid.IntRange(1, len(formats)).Draw(t, "formats")])
			d := Direction(rapid.IntRange(0, 3).Draw(t, "direction"))
			m.SetDirection(d.Answer(offer.Media()[i].Direction()))
			if rapid.Bool().Draw(t, "reject") {
				m.Disable()
			}
		}
		if err := CheckAnswer(offer, answer); err != nil {
			t.Fatalf("%v:\n%s\n%s", err, offer, answer)
		}
		if n := len(answer.media); n > 0 {
			answer.media = answer.media[:n-1]
			if CheckAnswer(offer, answer) == nil {
				t.Fatal("an m-line is missing and nobody noticed")
			}
		}
	})
}

func addCorpus(f *testing.F) {
	files, err := filepath.Glob("testdata/*.sdp")
	if err != nil || len(files) == 0 {
		f.Fatal(err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
}

// FuzzParse: what parses is written and read again without a change, and every
// method answers. (The oracle is asked about descriptions that people write, in
// oracle_test.go: it wraps numbers that are too large, among other things.)
func FuzzParse(f *testing.F) {
	addCorpus(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := Parse(body)
		if err != nil {
			return
		}
		written := s.Bytes()
		again, err := Limits{Bytes: 2 * DefaultMaxBytes}.Parse(written)
		if err != nil || !slices.Equal(again.Bytes(), written) || !slices.Equal(s.Clone().Bytes(), written) {
			t.Fatalf("not stable: %v\n%q\n%q", err, body, written)
		}
		dump(s)
		_ = CheckAnswer(s, again)
	})
}

// FuzzRelay: what is made of anything that parses parses, and points at us; written
// at once it is the same.
func FuzzRelay(f *testing.F) {
	addCorpus(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := Parse(body)
		if err != nil {
			return
		}
		before := s.String()
		bypassed := s.Clone()
		if bypassed.Anonymise(ours); string(s.Anonymous(ours)) != bypassed.String() {
			t.Fatalf("written at once:\n%q\nelse:\n%q", s.Anonymous(ours), bypassed)
		}
		if _, once := atOnce(s, relay4, true); string(once) != relayed(s, relay4, true).String() {
			t.Fatalf("relayed at once:\n%q\nelse:\n%q", once, relayed(s, relay4, true))
		}
		out, err := Limits{Bytes: 4 * DefaultMaxBytes, Lines: 2 * DefaultMaxLines}.Parse(relayed(s, relay4, true).Bytes())
		if err != nil || len(out.Media()) != len(s.Media()) {
			t.Fatalf("%v: %q", err, body)
		}
		if s.String() != before {
			t.Fatalf("the original changed: %q", body)
		}
		for i, m := range out.Media() {
			if m.Disabled() != (s.Media()[i].Disabled() || !s.Media()[i].UDP()) {
				t.Fatalf("m-line %d disabled: %t in %q", i, m.Disabled(), body)
			}
			if !m.Disabled() && m.RTPAddress() != netip.AddrPortFrom(relay4, uint16(20000+4*i)) {
				t.Fatalf("m-line %d goes to %s in %q", i, m.RTPAddress(), body)
			}
		}
	})
}
