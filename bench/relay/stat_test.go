package main

import (
	"runtime"
	"testing"
	"time"
)

func TestParseIdle(t *testing.T) {
	t.Parallel()
	const text = "cpu  9 9 9 900 90 9 9 0 0 0\ncpu1 1 1 1 70 5 1 1 0 0 0\ncpu10 2 2 2 400 2 2 2 0 0 0\nintr 1 2 3\ncpu2 1 2 3\ncpu3 1 2 3 x 1\n"
	for cpu, want := range map[int]time.Duration{1: 750 * time.Millisecond, 10: 4020 * time.Millisecond} {
		if got, err := parseIdle(text, cpu); got != want || err != nil {
			t.Errorf("processor %d: %v, %v, want %v", cpu, got, err, want)
		}
	}
	for _, cpu := range []int{0, 2, 3} { // missing, short, not a number
		if got, err := parseIdle(text, cpu); err == nil {
			t.Errorf("processor %d: %v, want an error", cpu, got)
		}
	}
}

func TestParseModel(t *testing.T) {
	t.Parallel()
	const text = "processor\t: 0\nmodel\t\t: 167\nmodel name\t: Some (R) Processor: 3\nflags\t: fpu\n"
	if got := parseModel(text); got != "Some (R) Processor: 3" {
		t.Errorf("%q", got)
	}
	if got := parseModel("processor\t: 0\n"); got != runtime.GOARCH {
		t.Errorf("without a name: %q, want %q", got, runtime.GOARCH)
	}
}
