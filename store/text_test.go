package store

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// Whatever octets come, text is valid, changes nothing that is sound, and JSON
// holds the same.
func TestTextAndJSONAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.OneOf(
			rapid.String(), rapid.SampledFrom([]string{"\x00", "\xff", "\\", "\\u0000", `"`, "u0000", "\xe6\x97", "\ufffd", "\u2028"}),
		)).Draw(t, "parts")
		s := strings.Join(parts, "")
		got := text(s)
		if !utf8.ValidString(got) || strings.Contains(got, "\x00") {
			t.Fatalf("text(%q) = %q", s, got)
		}
		if utf8.ValidString(s) && got != strings.ReplaceAll(s, "\x00", "\ufffd") || text(got) != got {
			t.Fatalf("text(%q) = %q", s, got)
		}
		doc, err := jsonText(map[string]string{s: s})
		if err != nil {
			t.Fatal(err)
		}
		var back map[string]string
		if err := json.Unmarshal([]byte(doc), &back); err != nil {
			t.Fatal(err)
		}
		if len(back) != 1 || back[got] != got {
			t.Fatalf("%q became %s in JSON and %q in text", s, doc, got)
		}
	})
}

func TestCursorRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "cursor")
		if c, err := parseCursor(s); err == nil && c.String() != s {
			t.Fatalf("%q is read as %+v", s, c)
		}
	})
}

func FuzzParseCursor(f *testing.F) {
	f.Add("MTc3MjM2NjQwMDEyMzQ1NiAwMThm")
	f.Add("")
	f.Add("====")
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := parseCursor(s); err == nil && (c.String() != s || text(c.callID) != c.callID) {
			t.Errorf("%q is read as %+v", s, c)
		}
	})
}
