package sdp

import (
	"net/netip"
	"os"
	"testing"
)

func benchBody(b testing.TB) []byte {
	body, err := os.ReadFile("testdata/baresip-offer.sdp")
	if err != nil {
		b.Fatal(err)
	}
	return body
}

// passAtOnce is pass by [Session.Relayed].
func passAtOnce(body []byte) (int, error) {
	s, err := Parse(body)
	if err != nil {
		return 0, err
	}
	at := [...]Local{{RTP: netip.AddrPortFrom(relay4, 20000), RTCP: netip.AddrPortFrom(relay4, 20001)}}
	_, out := s.Relayed(ours, relay4, at[:])
	return len(out), nil
}

// pass is all that one leg's offer costs on its way to the other leg.
func pass(body []byte) (int, error) {
	s, err := Parse(body)
	if err != nil {
		return 0, err
	}
	out := s.Clone()
	out.Anonymise(ours)
	out.Relay(relay4)
	m := out.Media()[0]
	m.SetAddress(netip.AddrPortFrom(relay4, 20000), netip.AddrPortFrom(relay4, 20001), false)
	return len(out.Bytes()), nil
}

func BenchmarkParse(b *testing.B) {
	body := benchBody(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseRewriteWrite(b *testing.B) {
	body := benchBody(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := pass(body); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseRelayed is the same at once.
func BenchmarkParseRelayed(b *testing.B) {
	body := benchBody(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := passAtOnce(body); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseAnonymous is the same with media bypass.
func BenchmarkParseAnonymous(b *testing.B) {
	body := benchBody(b)
	b.ReportAllocs()
	for b.Loop() {
		s, err := Parse(body)
		if err != nil {
			b.Fatal(err)
		}
		s.Anonymous(ours)
	}
}

// TestAllocations holds the cost of a call's SDP down.
func TestAllocations(t *testing.T) {
	body := benchBody(t)
	if n := testing.AllocsPerRun(100, func() { _, _ = Parse(body) }); n > 2 {
		t.Errorf("Parse allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = pass(body) }); n > 11 {
		t.Errorf("a pass allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = passAtOnce(body) }); n > 4 { // one is the list of its CNAMEs
		t.Errorf("a pass at once allocates %v times", n)
	}
	s, err := Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { _ = s.Anonymous(ours) }); n > 2 { // one is the list of its CNAMEs
		t.Errorf("writing for the other side allocates %v times", n)
	}
}
