package main

import (
	"slices"
	"testing"
)

func TestDifferences(t *testing.T) {
	t.Parallel()
	if got := differences([]float64{3, 5, 9}, []float64{1, 6}); !slices.Equal(got, []float64{2, -1}) {
		t.Errorf("%v, want [2 -1]", got)
	}
}
