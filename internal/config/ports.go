package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A PortRange is "min-max", both included. The zero value is no range.
type PortRange struct {
	Min, Max int
}

// String returns "min-max".
func (r PortRange) String() string { return fmt.Sprintf("%d-%d", r.Min, r.Max) }

// MarshalText returns "min-max".
func (r PortRange) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads "min-max".
func (r *PortRange) UnmarshalText(text []byte) error {
	low, high, ok := strings.Cut(string(text), "-")
	if !ok {
		return errors.New("not a range")
	}
	a, err := strconv.ParseUint(strings.TrimSpace(low), 10, 16)
	if err != nil {
		return err
	}
	b, err := strconv.ParseUint(strings.TrimSpace(high), 10, 16)
	if err != nil {
		return err
	}
	r.Min, r.Max = int(a), int(b)
	return nil
}

// Pairs returns how many pairs of an even port and the odd one after it lie
// within the range.
func (r PortRange) Pairs() int {
	first := (r.Min + 1) / 2 * 2
	return max(0, (r.Max-first+1)/2)
}

// Contains reports whether port lies within the range.
func (r PortRange) Contains(port int) bool { return r.Min <= port && port <= r.Max }

func (r PortRange) overlaps(o PortRange) bool { return r.Min <= o.Max && o.Min <= r.Max }
