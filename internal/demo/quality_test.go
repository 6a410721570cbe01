package demo

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
)

func TestFault(t *testing.T) {
	t.Parallel()
	good := Quality{Talked: 3 * time.Second, Packets: 150, Wanted: 3990, Other: 3}
	for name, tt := range map[string]struct {
		change func(*Quality)
		want   string // "" is good
	}{
		"good":       {func(*Quality) {}, ""},
		"a few lost": {func(q *Quality) { q.Packets, q.Lost = 146, 4 }, ""},
		"mute":       {func(q *Quality) { q.Wanted = 0 }, "silence"},
		"too soft":   {func(q *Quality) { q.Wanted = 900 }, "silence"},
		"one-way":    {func(q *Quality) { *q = Quality{Talked: q.Talked} }, "nothing"},
		"swapped":    {func(q *Quality) { q.Wanted, q.Other = q.Other, q.Wanted }, "itself"},
		"both":       {func(q *Quality) { q.Other = 3900 }, "itself too"},
		"echo":       {func(q *Quality) { q.Other = 100 }, "itself too"},
		"loss":       {func(q *Quality) { q.Packets, q.Lost = 135, 15 }, "lost 15 of 150"},
		"cut off":    {func(q *Quality) { q.Packets = 60 }, "60 of 150"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := good
			tt.change(&q)
			if got := q.Fault(); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("%+v: %q, want %q", q, got, tt.want)
			}
		})
	}
}

// What is measured of packets that get lost, come late and come twice.
func TestMeasure(t *testing.T) {
	t.Parallel()
	a, err := newAudio(netip.MustParseAddr("127.0.0.1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	if q := a.quality(aliceTone, bobTone); q != (Quality{}) {
		t.Errorf("before anything was heard: %+v", q)
	}
	said := tone{hz: aliceTone}
	now := time.Unix(1000, 0)
	order := []uint16{65533, 65534, 65535, 0, 2, 1, 3, 6, 7} // 4 and 5 are lost
	for _, seq := range order {
		step := int16(seq - order[0])
		pkt := rtp.Packet{Header: rtp.Header{SequenceNumber: seq, Timestamp: uint32(step) * uint32(samples)}, Payload: said.frame()}
		a.hear(&pkt, now.Add(time.Duration(step)*ptime))
	}
	q := a.quality(aliceTone, bobTone)
	if q.Packets != len(order) || q.Lost != 2 || q.Jitter > time.Millisecond {
		t.Errorf("%+v, want %d packets, 2 lost, no jitter", q, len(order))
	}
	for i := range 4000 { // more than a minute
		a.hear(&rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(8 + i)}, Payload: said.frame()}, now)
	}
	if len(a.heard) != recorded {
		t.Errorf("%d samples are kept, want %d", len(a.heard), recorded)
	}
}
