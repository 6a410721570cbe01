package main

import (
	"errors"
	"testing"
)

func TestRampFindsTheLimit(t *testing.T) {
	t.Parallel()
	for _, capacity := range []int{60, 250, 399, 400, 401, 599, 600, 1234, 2700, 4499} {
		steps := 0
		got, err := ramp(4500, func(calls int) (verdict, error) {
			steps++
			if calls > capacity {
				return failed, nil
			}
			return passed, nil
		})
		if err != nil || got.atLeast || got.calls > capacity || got.calls < capacity-rampWidth {
			t.Errorf("capacity %d: %+v, %v", capacity, got, err)
		}
		if steps > 25 {
			t.Errorf("capacity %d: %d steps", capacity, steps)
		}
	}
}

func TestRampSaysWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	all, err := ramp(1000, func(int) (verdict, error) { return passed, nil })
	if want := (limit{calls: 1000, atLeast: true}); all != want || err != nil {
		t.Errorf("everything passes: %+v, %v, want %+v", all, err, want)
	}
	behind, err := ramp(4500, func(calls int) (verdict, error) {
		if calls > 700 {
			return outrun, nil
		}
		return passed, nil
	})
	if !behind.atLeast || behind.calls > 700 || behind.calls < 650 || err != nil {
		t.Errorf("the generator falls behind at 700: %+v, %v", behind, err)
	}
	none, err := ramp(4500, func(int) (verdict, error) { return failed, nil })
	if none != (limit{}) || err != nil {
		t.Errorf("nothing passes: %+v, %v", none, err)
	}
}

func TestRampForgivesOneFailure(t *testing.T) {
	t.Parallel()
	tried := map[int]int{}
	got, err := ramp(1000, func(calls int) (verdict, error) {
		tried[calls]++
		if tried[calls] == 1 {
			return failed, nil
		}
		return passed, nil
	})
	if want := (limit{calls: 1000, atLeast: true}); got != want || err != nil {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

func TestRampEndsWithAnError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	if _, err := ramp(1000, func(int) (verdict, error) { return passed, broken }); !errors.Is(err, broken) {
		t.Errorf("%v, want %v", err, broken)
	}
}
