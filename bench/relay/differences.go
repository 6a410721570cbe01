package main

// differences subtracts measurements of the same round.
func differences(from, what []float64) []float64 {
	out := make([]float64, 0, len(from))
	for i := range min(len(from), len(what)) {
		out = append(out, from[i]-what[i])
	}
	return out
}
