// Package statistics makes medians, percentiles and ratios of what a benchmark
// has measured, and tables of those.
package statistics

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Percentile returns the smallest of the sorted values that at least the given
// share (0..1) of them does not exceed; the zero value for no values.
func Percentile[T cmp.Ordered](sorted []T, share float64) T {
	var zero T
	if len(sorted) == 0 {
		return zero
	}
	rank := int(math.Ceil(share * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// A Spread is what repeated measurements of one thing gave.
type Spread struct {
	Median, Min, Max float64
	N                int // measurements; 0: nothing was measured
}

// SpreadOf returns the spread of values in any order. Of an even number of
// them the median is the mean of the two in the middle.
func SpreadOf(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	v := slices.Sorted(slices.Values(values))
	return Spread{Median: (v[(len(v)-1)/2] + v[len(v)/2]) / 2, Min: v[0], Max: v[len(v)-1], N: len(v)}
}

// Show writes the median and, of several values, their range, each in the form
// of a format for one float64.
func (s Spread) Show(format string) string {
	switch s.N {
	case 0:
		return "-"
	case 1:
		return fmt.Sprintf(format, s.Median)
	}
	return fmt.Sprintf(format+" ["+format+".."+format+"]", s.Median, s.Min, s.Max)
}

// Ratios divides measurements of the same round. Rounds that only one of them
// has, or in which the divisor is 0, are left out.
func Ratios(over, under []float64) []float64 {
	out := make([]float64, 0, len(over))
	for i := range min(len(over), len(under)) {
		if under[i] != 0 {
			out = append(out, over[i]/under[i])
		}
	}
	return out
}

// Scale returns the spread of all values times a factor above 0.
func (s Spread) Scale(factor float64) Spread {
	return Spread{Median: s.Median * factor, Min: s.Min * factor, Max: s.Max * factor, N: s.N}
}
