package policy

import (
	"fmt"
	"time"
)

// A Duration is a time.Duration that reads and writes as text: "60s", "1m30s",
// "250ms" ([time.ParseDuration]). Whole seconds are written as seconds, "60s"
// and never "1m0s", so that what a user wrote comes back. In JSON and YAML it
// is a string; a bare number is refused, because it has no unit.
type Duration time.Duration

// String returns d as text that [Duration.UnmarshalText] reads back exactly.
func (d Duration) String() string {
	if v := time.Duration(d); v%time.Second == 0 {
		return fmt.Sprintf("%ds", v/time.Second)
	}
	return time.Duration(d).String()
}

// Std returns d as a [time.Duration].
func (d Duration) Std() time.Duration { return time.Duration(d) }

// MarshalText implements [encoding.TextMarshaler].
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf(`must be a duration with a unit like "60s"`)
	}
	*d = Duration(v)
	return nil
}
