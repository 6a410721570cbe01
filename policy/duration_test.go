package policy

import (
	"encoding/json"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

func TestDurationText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Minute: "60s", 90 * time.Second: "90s", time.Hour: "3600s",
		250 * time.Millisecond: "250ms", 1500 * time.Millisecond: "1.5s", -time.Second: "-1s",
	} {
		if got := Duration(d).String(); got != want {
			t.Errorf("%d: %q, want %q", d, got, want)
		}
	}
}

func TestDurationRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Duration(rapid.Int64().Draw(t, "ns"))
		text, err := json.Marshal(d)
		var back Duration
		if err == nil {
			err = json.Unmarshal(text, &back)
		}
		if err != nil || back != d {
			t.Fatalf("JSON: %d → %s → %d (%v)", d, text, back, err)
		}
		text, err = yaml.Marshal(d)
		if err == nil {
			err = yaml.Unmarshal(text, &back)
		}
		if err != nil || back != d {
			t.Fatalf("YAML: %d → %s → %d (%v)", d, text, back, err)
		}
	})
}

func TestDurationReads(t *testing.T) {
	for text, want := range map[string]time.Duration{
		`"60s"`: time.Minute, `"1m"`: time.Minute, `"1m30s"`: 90 * time.Second, `"0.5h"`: 30 * time.Minute,
	} {
		var d Duration
		if err := json.Unmarshal([]byte(text), &d); err != nil || d.Std() != want {
			t.Errorf("%s: %v (%v), want %v", text, d, err, want)
		}
	}
	for _, text := range []string{`60`, `"60"`, `""`, `"a minute"`, `true`, `{}`} {
		var d Duration
		if err := json.Unmarshal([]byte(text), &d); err == nil {
			t.Errorf("%s is accepted as %v", text, d)
		}
	}
}
