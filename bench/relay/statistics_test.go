package main

import (
	"slices"
	"testing"
)

func TestPercentile(t *testing.T) {
	t.Parallel()
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = i + 1
	}
	for share, want := range map[float64]int{0: 1, 0.5: 50, 0.99: 99, 0.999: 100, 1: 100} {
		if got := percentile(hundred, share); got != want {
			t.Errorf("percentile %v: %d, want %d", share, got, want)
		}
	}
	if got := percentile([]int(nil), 0.5); got != 0 {
		t.Errorf("of nothing: %d", got)
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	values := []float64{3, 1, 2}
	if got, want := spreadOf(values), (spread{median: 2, lowest: 1, highest: 3, n: 3}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if !slices.Equal(values, []float64{3, 1, 2}) {
		t.Error("the values were moved")
	}
	if got := spreadOf([]float64{4, 1, 2, 3}).median; got != 2.5 {
		t.Errorf("the median of four is %v, want 2.5", got)
	}
	for _, tt := range []struct {
		values []float64
		want   string
	}{
		{nil, "-"},
		{[]float64{1.234}, "1.23"},
		{[]float64{1, 3, 2}, "2.00 [1.00..3.00]"},
	} {
		if got := spreadOf(tt.values).show("%.2f"); got != tt.want {
			t.Errorf("%v shows as %q, want %q", tt.values, got, tt.want)
		}
	}
}

func TestRatios(t *testing.T) {
	t.Parallel()
	if got := ratios([]float64{1, 6, 5, 9}, []float64{2, 3, 0}); !slices.Equal(got, []float64{0.5, 2}) {
		t.Errorf("%v, want [0.5 2]", got)
	}
}
