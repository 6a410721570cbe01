package demo

import "math"

// sampleRate is that of G.711, in Hz.
const sampleRate = 8000

// A tone is a sine wave; its phase goes on from frame to frame.
type tone struct {
	hz    float64 // 0 is silence
	phase float64
}

// frame returns the samples of the next ptime as G.711 µ-law.
func (t *tone) frame() []byte {
	out := make([]byte, samples)
	for i := range out {
		v := 0.0
		if t.hz > 0 {
			v = 8000 * math.Sin(t.phase)
			t.phase = math.Mod(t.phase+2*math.Pi*t.hz/sampleRate, 2*math.Pi)
		}
		out[i] = encodeMuLaw(int16(v))
	}
	return out
}

// power is the amplitude of one frequency in a recording (Goertzel), about half
// of the sine's own amplitude.
func power(samples []int16, hz float64) float64 {
	if len(samples) == 0 {
		return 0
	}
	c := 2 * math.Cos(2*math.Pi*hz/sampleRate)
	var s0, s1, s2 float64
	for _, x := range samples {
		s0 = float64(x) + c*s1 - s2
		s2, s1 = s1, s0
	}
	return math.Sqrt(max(0, s1*s1+s2*s2-c*s1*s2)) / float64(len(samples))
}

// encodeMuLaw is ITU-T G.711 §3.2.
func encodeMuLaw(v int16) byte {
	const bias, clip = 0x84, 32635
	x, sign := int(v), byte(0)
	if x < 0 {
		x, sign = -x, 0x80
	}
	x = min(x, clip) + bias
	exp := byte(7)
	for mask := 0x4000; x&mask == 0 && exp > 0; mask >>= 1 {
		exp--
	}
	return ^(sign | exp<<4 | byte(x>>(exp+3))&0x0f)
}

func decodeMuLaw(b byte) int16 {
	b = ^b
	x := ((int(b&0x0f) << 3) + 0x84) << (b >> 4 & 7)
	x -= 0x84
	if b&0x80 != 0 {
		x = -x
	}
	return int16(x)
}
