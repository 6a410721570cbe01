package gate

import (
	"testing"
	"time"
)

// Items at a steady rate: rests begin at 16 per rest and end below it, within two
// spans.
func TestPace(t *testing.T) {
	const delay = 4 * time.Millisecond
	for _, c := range []struct {
		name  string
		every time.Duration
		rests bool
	}{
		{"700 a second", time.Second / 700, false},
		{"3900 a second", time.Second / 3900, false},
		{"4200 a second", time.Second / 4200, true},
		{"14000 a second", time.Second / 14000, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, now := Pace{Delay: delay}, time.Unix(0, 0)
			for range 3 * paceSpan * int(delay/c.every) {
				now = now.Add(c.every)
				p.Took(1, now)
			}
			want := time.Duration(0)
			if c.rests {
				want = delay
			}
			if got := p.Took(1, now.Add(c.every)); got != want {
				t.Errorf("rest of %v, want %v", got, want)
			}
			if got := p.Took(1, now.Add(time.Second)); got != 0 {
				t.Errorf("rest of %v after a second of silence", got)
			}
		})
	}
}

// A burst alone is no reason to rest.
func TestPaceOfBurst(t *testing.T) {
	p, now := Pace{Delay: 4 * time.Millisecond}, time.Unix(0, 0)
	for range 10 {
		now = now.Add(100 * time.Millisecond)
		if p.Took(32, now) != 0 {
			t.Fatal("rests")
		}
	}
	var none Pace
	if none.Took(1000, now) != 0 {
		t.Error("a zero Pace rests")
	}
}
