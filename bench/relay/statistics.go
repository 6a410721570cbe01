package main

import (
	"cmp"
	"fmt"
	"slices"
)

// percentile returns the value that the given share (0..1) of sorted does not
// exceed; the zero value for no values.
func percentile[T cmp.Ordered](sorted []T, share float64) T {
	var zero T
	if len(sorted) == 0 {
		return zero
	}
	i := int(share*float64(len(sorted))+0.9999999) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

// A spread is what repeated measurements of one thing gave.
type spread struct {
	median, lowest, highest float64
	n                       int
}

// spreadOf sorts nothing in place. Of an even number of values the median is
// the mean of the two in the middle.
func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	v := slices.Sorted(slices.Values(values))
	middle := (v[(len(v)-1)/2] + v[len(v)/2]) / 2
	return spread{median: middle, lowest: v[0], highest: v[len(v)-1], n: len(v)}
}

// show writes the median and, of several values, their range.
func (s spread) show(format string) string {
	switch s.n {
	case 0:
		return "-"
	case 1:
		return fmt.Sprintf(format, s.median)
	}
	return fmt.Sprintf(format+" ["+format+".."+format+"]", s.median, s.lowest, s.highest)
}

// ratios divides measurements of the same round.
func ratios(over, under []float64) []float64 {
	out := make([]float64, 0, len(over))
	for i := range min(len(over), len(under)) {
		if under[i] != 0 {
			out = append(out, over[i]/under[i])
		}
	}
	return out
}

// differences subtracts measurements of the same round.
func differences(from, what []float64) []float64 {
	out := make([]float64, 0, len(from))
	for i := range min(len(from), len(what)) {
		out = append(out, from[i]-what[i])
	}
	return out
}
