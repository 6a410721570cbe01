package cdr

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestEncoderWritesEveryField: token by token what encoding/json writes.
func TestEncoderWritesEveryField(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		same := func(got []byte, v any) {
			want, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := tokens(t, got), tokens(t, want); !reflect.DeepEqual(got, want) {
				t.Fatalf("wrote %v\nwant  %v", got, want)
			}
		}
		same(r.Received.AppendJSON(nil), r.Received)
		same(r.Media.AppendJSON(nil), r.Media)
		same(AppendAttempts(nil, r.Attempts), r.Attempts)
	})
}

// tokens returns all there is in a JSON document, in order.
func tokens(t *rapid.T, doc []byte) []json.Token {
	dec, all := json.NewDecoder(bytes.NewReader(doc)), []json.Token{}
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, tok)
	}
}

// TestEncoderText: any string reads back as encoding/json has it.
func TestEncoderText(t *testing.T) {
	part := rapid.OneOf(
		rapid.SampledFrom([]string{`"`, `\`, "\n", "\x00", "\x1f", "\x7f", " ", "<", "é", "\u2028", "\xff", "\x80"}), rapid.StringMatching(`[ -~]{0,20}`), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOfN(part, 0, 5).Draw(t, "parts"), "")
		var e encoder
		e.text("", s)
		doc, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var got, want string
		if err := errors.Join(json.Unmarshal(e.b, &got), json.Unmarshal(doc, &want)); err != nil || got != want {
			t.Fatalf("%q: wrote %s, which is %q: %v", s, e.b, got, err)
		}
	})
}
