package main

// A verdict is what a step of the ramp found.
type verdict int

const (
	passed verdict = iota
	failed
	outrun // the generator fell behind, so the step says nothing about the relay
)

// Steps of the ramp, in calls.
const (
	rampStart  = 400
	rampGrowth = 1.5
	rampWidth  = 50 // the limit is known to within so many calls
)

// A limit is the result of a ramp.
type limit struct {
	calls   int  // the most that passed; 0 = none did
	atLeast bool // nothing failed above it: the generator or the ramp ended there
}

// ramp looks for the most calls, up to most, with which try passes: from
// rampStart on by rampGrowth until it does not, then by halves until what
// passed and what did not are rampWidth apart. A step that failed is tried
// once more, since on a machine with other work one may fail by chance.
func ramp(most int, try func(calls int) (verdict, error)) (limit, error) {
	step := func(calls int) (verdict, error) {
		v, err := try(calls)
		if err == nil && v != passed {
			v, err = try(calls)
		}
		return v, err
	}
	best, above, why := 0, most+1, outrun
	for calls := min(rampStart, most); above-best > rampWidth && calls > best; {
		v, err := step(calls)
		if err != nil {
			return limit{}, err
		}
		if v == passed {
			best = calls
		} else {
			above, why = calls, v
		}
		if above > most {
			calls = min(int(float64(best)*rampGrowth), most)
		} else {
			calls = (best + above) / 2
		}
	}
	return limit{calls: best, atLeast: why == outrun}, nil
}
