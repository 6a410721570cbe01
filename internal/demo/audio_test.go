package demo

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// The values at the ends of each segment, from ITU-T G.711 table 2a (positive
// half; ours are 16 bit, the table's 14 bit, so four times as much).
func TestMuLawValues(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		code  byte
		value int16 // y_n of the table, times 4
	}{
		{0xff, 0},
		{0xfe, 2 * 4},
		{0xf0, 30 * 4},
		{0xef, 33 * 4},
		{0xe0, 93 * 4},
		{0xdf, 99 * 4},
		{0xd0, 219 * 4},
		{0xcf, 231 * 4},
		{0xc0, 471 * 4},
		{0xbf, 495 * 4},
		{0xb0, 975 * 4},
		{0xaf, 1023 * 4},
		{0xa0, 1983 * 4},
		{0x9f, 2079 * 4},
		{0x90, 3999 * 4},
		{0x8f, 4191 * 4},
		{0x80, 8031 * 4},
	} {
		if got := decodeMuLaw(tt.code); got != tt.value {
			t.Errorf("decode %#02x = %d, want %d", tt.code, got, tt.value)
		}
		if got := decodeMuLaw(tt.code & 0x7f); got != -tt.value {
			t.Errorf("decode %#02x = %d, want %d", tt.code&0x7f, got, -tt.value)
		}
		if got := encodeMuLaw(tt.value); got != tt.code {
			t.Errorf("encode %d = %#02x, want %#02x", tt.value, got, tt.code)
		}
	}
}

func TestMuLawRoundTrip(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		code := byte(c)
		if code == 0x7f {
			continue // minus zero, which is said as zero
		}
		if got := encodeMuLaw(decodeMuLaw(code)); got != code {
			t.Errorf("code %#02x became %#02x", code, got)
		}
	}
}

// What is decoded is no further from what was said than half a step of its
// segment, and louder never becomes softer.
func TestMuLawError(t *testing.T) {
	t.Parallel()
	last := math.MinInt
	for v := math.MinInt16; v <= math.MaxInt16; v++ {
		got := int(decodeMuLaw(encodeMuLaw(int16(v))))
		size := v
		if size < 0 {
			size = -size
		}
		if size <= 32635 && 32*abs(got-v) > size+132 {
			t.Fatalf("%d became %d", v, got)
		}
		if got < last {
			t.Fatalf("%d became %d, and %d %d", v-1, last, v, got)
		}
		last = got
	}
}

func abs(n int) int { return max(n, -n) }

func TestPower(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		hz := float64(rapid.IntRange(4, 76).Draw(t, "hz")) * 50 // a whole number of periods in a second
		other := float64(rapid.IntRange(4, 76).Draw(t, "other")) * 50
		said := tone{hz: hz}
		var heard []int16
		for range 50 { // a second, frame by frame
			for _, b := range said.frame() {
				heard = append(heard, decodeMuLaw(b))
			}
		}
		if got := power(heard, hz); got < 3850 || got > 4150 {
			t.Errorf("%.0f Hz measured as %.0f, want about 4000", hz, got)
		}
		if got := power(heard, other); other != hz && got > 80 {
			t.Errorf("%.0f Hz measured as %.0f in a tone of %.0f Hz", other, got, hz)
		}
	})
	if got := power(nil, 440); got != 0 {
		t.Errorf("nothing measured as %f", got)
	}
	silent := tone{}
	for _, b := range silent.frame() {
		if b != 0xff {
			t.Fatalf("silence is %#02x", b)
		}
	}
}
