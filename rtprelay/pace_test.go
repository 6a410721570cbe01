package rtprelay

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	const delay = 800 * time.Microsecond
	tests := map[string]struct {
		delay  time.Duration
		before turn
		work   int
		waited time.Duration
		took   time.Duration
		want   turn
	}{
		"a lone packet":                       {delay, wait, 1, 20 * time.Millisecond, 0, wait},
		"another one soon after":              {delay, wait, 1, delay/2 - 1, 0, rest},
		"not quite soon enough":               {delay, wait, 1, delay / 2, 0, wait},
		"a rest that gathered some":           {delay, rest, 2, delay, 0, rest},
		"a rest that gathered one":            {delay, rest, 1, delay, 0, wait},
		"a rest that gathered nothing":        {delay, rest, 0, delay, 0, wait},
		"the batch took as long as a rest":    {delay, rest, 100, delay, delay / 2, yield},
		"and the next one, too":               {delay, yield, 100, 0, delay, yield},
		"it is over":                          {delay, yield, 1, 0, 0, rest},
		"a deadline, no packet":               {delay, wait, 0, 0, 0, wait},
		"switched off":                        {0, wait, 100, 0, 0, wait},
		"switched off, and a very long batch": {0, wait, 100, 0, time.Second, wait},
	}
	for name, tt := range tests {
		p := pace{delay: tt.delay, next: tt.before}
		if p.done(tt.work, tt.waited, tt.took); p.next != tt.want {
			t.Errorf("%s: next is %d, want %d", name, p.next, tt.want)
		}
	}
}
