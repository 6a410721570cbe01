package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEncode(t *testing.T) {
	t.Parallel()
	got := encode(map[string]any{"command": "offer", "n": -7, "direction": []string{"caller", "called"}, "sub": map[string]any{}})
	want := "d7:command5:offer9:directionl6:caller6:callede1:ni-7e3:subdee"
	if got != want {
		t.Errorf("encode: %s, want %s", got, want)
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	got, err := decode("d6:result2:ok4:listli1ei-20e0:e3:subd1:a1:bee")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"result": "ok", "list": []any{1, -20, ""}, "sub": map[string]any{"a": "b"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decode (-want +got):\n%s", diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "e", "d", "de ", "le", "i1e", "2:ok", "d1:ae", "d1:ai", "d1:aie", "d1:ai1", "d3:ab", "d-1:ae", "d1:a9:shorte",
		"di1ei2ee", "d1:al", "d99999999999999999999:ae", "d1:a" + strings.Repeat("l", 100) + strings.Repeat("e", 100) + "e",
	} {
		if v, err := decode(text); err == nil {
			t.Errorf("decode(%q) = %v, want an error", text, v)
		}
	}
}

// What can be written is read back as it was.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"de", "d6:result2:oke", "d6:result5:error12:error-reason3:whye", "d3:sdp4:v=0\re", "d1:ai-5ee", "d1:al1:be1:cdee", "d1:", "dl",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := decode(text)
		if err != nil {
			return
		}
		for _, item := range v {
			switch item.(type) {
			case string, int:
			default:
				return // encode writes no mixed lists
			}
		}
		again, err := decode(encode(v))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(v, again); diff != "" {
			t.Errorf("read back (-want +got):\n%s", diff)
		}
	})
}
