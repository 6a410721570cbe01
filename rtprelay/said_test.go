package rtprelay

import (
	"net/netip"
	"reflect"
	"testing"
)

// What a stream was told can be read back, and told again without a change.
func TestRemoteIsReadBack(t *testing.T) {
	t.Parallel()
	g := newRig(t, newPoller)
	s, a, b := g.session(SessionConfig{})
	c, err := s.Open("default", false)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Remote(); ok || c.Joined() != nil {
		t.Error("a fresh stream has a remote")
	}
	r := Remote{
		RTP: netip.MustParseAddrPort("192.0.2.1:4000"), RTCP: netip.MustParseAddrPort("192.0.2.1:4001"),
		Send: true, Learn: true, Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		PayloadTypes: [2]uint64{1, 2}, ClockRates: map[uint8]uint32{0: 8000, 101: 0},
	}
	a.SetRemote(r)
	got, ok := a.Remote()
	if !ok || !reflect.DeepEqual(got, r) {
		t.Errorf("read back %+v\nset       %+v", got, r)
	}
	was := a.control.Load().generation
	a.SetRemote(got)
	if now := a.control.Load().generation; now != was {
		t.Errorf("generation %d after the same again, was %d", now, was)
	}
	if a.Joined() != b || b.Joined() != a {
		t.Error("the join cannot be read back")
	}
	loop := Remote{RTP: a.LocalRTP()} // where media would come round is left out, and still what was said
	b.SetRemote(loop)
	if got, _ := b.Remote(); got.RTP != loop.RTP {
		t.Errorf("read back %v, want %v", got.RTP, loop.RTP)
	}
}
