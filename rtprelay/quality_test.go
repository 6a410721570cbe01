package rtprelay

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// feed gives q packets with these sequence numbers, 20 ms and 160 samples each.
func feed(q *quality, ssrc uint32, sequence ...uint16) {
	for i, s := range sequence {
		q.update(rtpHeader{ssrc: ssrc, sequence: s, timestamp: uint32(i) * 160}, 8000, time.Duration(i)*20*time.Millisecond)
	}
}

func TestQualityLost(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		sequence []uint16
		want     int64
	}{
		"none":                 {nil, 0},
		"one":                  {[]uint16{5}, 0},
		"in order":             {[]uint16{5, 6, 7}, 0},
		"gap":                  {[]uint16{5, 8, 9}, 2},
		"reordered":            {[]uint16{5, 7, 6, 8}, 0},
		"duplicate":            {[]uint16{5, 5, 6}, -1},
		"wrap":                 {[]uint16{65534, 65535, 0, 1}, 0},
		"gap over the wrap":    {[]uint16{65534, 1}, 2},
		"late before the base": {[]uint16{5, 4, 6}, -1}, // RFC 3550 A.1 counts it
		"one wild packet":      {[]uint16{5, 6, 30000, 7, 8}, 0},
		"sender restarts":      {[]uint16{5, 6, 9, 30000, 30001, 30003}, 2 + 1}, // 7, 8 and 30002
	} {
		var q quality
		feed(&q, 1, tt.sequence...)
		if got := q.lost(); got != tt.want {
			t.Errorf("%s: lost %d, want %d", name, got, tt.want)
		}
	}
}

func TestQualityAddsUpOverSSRCs(t *testing.T) {
	t.Parallel()
	var q quality
	feed(&q, 1, 10, 12) // one lost
	feed(&q, 2, 500, 501, 504)
	if got := q.lost(); got != 3 {
		t.Errorf("lost %d, want 3", got)
	}
}

// Against a model that simply remembers all sequence numbers.
func TestQualityLostModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var q quality
		next := uint64(rapid.IntRange(0, seqMod-1).Draw(t, "base"))
		first, last, received := next, next, int64(0)
		for range rapid.IntRange(1, 300).Draw(t, "packets") {
			switch sent := rapid.IntRange(0, 9).Draw(t, "fate"); {
			case sent == 0 && received > 0:
				next += uint64(rapid.IntRange(1, maxDropout-1).Draw(t, "gap")) - 1
			case sent == 1 && received > 0 && next-first > 60: // a late one
				feed(&q, 1, uint16(next-uint64(rapid.IntRange(1, 50).Draw(t, "late"))))
				received++
				continue
			}
			feed(&q, 1, uint16(next))
			last = next
			received++
			next++
		}
		if want := int64(last-first) + 1 - received; q.lost() != want {
			t.Fatalf("lost %d, want %d", q.lost(), want)
		}
	})
}

func TestQualityJitter(t *testing.T) {
	t.Parallel()
	const rate = 8000
	play := func(delays ...time.Duration) time.Duration {
		var q quality
		for i, d := range delays {
			q.update(rtpHeader{ssrc: 1, sequence: uint16(i), timestamp: uint32(i * 160)}, rate, time.Duration(i)*20*time.Millisecond+d)
		}
		return q.jitterTime()
	}
	steady := make([]time.Duration, 100)
	if got := play(steady...); got != 0 {
		t.Errorf("steady stream: jitter %v, want 0", got)
	}
	for i := range steady {
		steady[i] = time.Duration(i%2) * 4 * time.Millisecond // every step is 4 ms
	}
	if got := play(steady...); got < 3800*time.Microsecond || got > 4*time.Millisecond {
		t.Errorf("4 ms back and forth: jitter %v, want about 4ms", got)
	}
}

// Against RFC 3550 §6.4.1 in floating point.
func TestQualityJitterModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom([]uint32{8000, 16000, 44100, 48000, 90000}).Draw(t, "rate")
		start := time.Duration(rapid.Int64Range(0, int64(40*24*time.Hour)).Draw(t, "start"))
		timestamp := rapid.Uint32().Draw(t, "timestamp")
		var q quality
		model, before := 0.0, 0.0
		for i := range rapid.IntRange(2, 200).Draw(t, "packets") {
			delay := time.Duration(rapid.IntRange(0, 60_000).Draw(t, "delay")) * time.Microsecond
			at := start + time.Duration(i)*20*time.Millisecond + delay
			q.update(rtpHeader{ssrc: 1, sequence: uint16(i), timestamp: timestamp + uint32(i)*rate/50}, rate, at)
			if i > 0 {
				model += (math.Abs(delay.Seconds()-before) - model) / 16
			}
			before = delay.Seconds()
		}
		tick := 1 / float64(rate)
		if got := q.jitterTime().Seconds(); math.Abs(got-model) > 3*tick {
			t.Fatalf("jitter %v s, model %v s", got, model)
		}
	})
}

func TestQualityJitterIgnoresWhatIsNoDelay(t *testing.T) {
	t.Parallel()
	var q quality
	at := time.Duration(0)
	send := func(seq uint16, ts, rate uint32) {
		q.update(rtpHeader{ssrc: 1, sequence: seq, timestamp: ts}, rate, at)
		at += 20 * time.Millisecond
	}
	send(0, 0, 8000)
	send(1, 160, 8000)
	send(2, 160, 0) // telephone-event: many packets of one timestamp
	send(3, 160, 0)
	send(4, 640, 8000)
	send(5, 4_000_000_000, 8000) // the sender set its clock
	send(6, 4_000_000_160, 8000)
	if got := q.jitterTime(); got != 0 {
		t.Errorf("jitter %v, want 0", got)
	}
	send(7, 7, 48000) // another codec: measured anew, not compared
	send(8, 7+960, 48000)
	if got := q.jitterTime(); got != 0 {
		t.Errorf("after a change of clock rate: jitter %v, want 0", got)
	}
}
