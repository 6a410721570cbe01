package statistics

import (
	"slices"
	"strings"
	"testing"
)

func TestPercentile(t *testing.T) {
	t.Parallel()
	values := make([]int, 100)
	for i := range values {
		values[i] = i + 1
	}
	for _, tt := range []struct {
		share float64
		want  int
	}{{0, 1}, {0.01, 1}, {0.5, 50}, {0.501, 51}, {0.99, 99}, {1, 100}} {
		if got := Percentile(values, tt.share); got != tt.want {
			t.Errorf("%v of 1..100 is %d, want %d", tt.share, got, tt.want)
		}
	}
	if got := Percentile([]float64{}, 0.5); got != 0 {
		t.Errorf("the median of nothing is %v", got)
	}
	if got := Percentile([]int{7}, 0.99); got != 7 {
		t.Errorf("the percentile of one value is %v", got)
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		values []float64
		want   string
	}{
		{nil, "-"},
		{[]float64{2}, "2.0"},
		{[]float64{3, 1, 2}, "2.0 [1.0..3.0]"},
		{[]float64{4, 1, 2, 3}, "2.5 [1.0..4.0]"},
	} {
		if got := SpreadOf(tt.values).Show("%.1f"); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.values, got, tt.want)
		}
	}
}

func TestRatios(t *testing.T) {
	t.Parallel()
	if got := Ratios([]float64{1, 2, 3, 4}, []float64{2, 0, 6}); !slices.Equal(got, []float64{0.5, 0.5}) {
		t.Errorf("ratios are %v", got)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	table := Table{Head: []string{"gate", "µs"}}
	table.Add("delay", "12")
	table.Add("d", "≤ 3")
	for markdown, want := range map[bool]string{
		false: "gate   µs\ndelay  12\nd      ≤ 3\n",
		true:  "| gate | µs |\n|---|---|\n| delay | 12 |\n| d | ≤ 3 |\n",
	} {
		var b strings.Builder
		table.Write(&b, markdown)
		if b.String() != want {
			t.Errorf("markdown %v:\n%swant\n%s", markdown, b.String(), want)
		}
	}
}

func TestScale(t *testing.T) {
	t.Parallel()
	if got, want := SpreadOf([]float64{1, 2, 3}).Scale(2), (Spread{Median: 4, Min: 2, Max: 6, N: 3}); got != want {
		t.Errorf("twice 1..3 is %+v, want %+v", got, want)
	}
}
