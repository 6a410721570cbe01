package sipmsg

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// FuzzFrame: sipgo's parser and our salvage, two readings of RFC 3261 §7, agree
// on every message that both can cut.
func FuzzFrame(f *testing.F) {
	files, err := filepath.Glob("testdata/torture/*.dat")
	if err != nil || len(files) == 0 {
		f.Fatalf("no messages: %v", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	fr := newFramer()
	f.Fuzz(func(t *testing.T, datagram []byte) {
		a, ok := fr.sipgo(datagram, 100)
		if !ok {
			return
		}
		b := salvage(datagram, 100)
		if a.start != b.start || !slices.Equal(a.lines, b.lines) || !bytes.Equal(a.body, b.body) || b.flaw != "" {
			t.Fatalf("%q\nsipgo   %+v\nsalvage %+v", datagram, a, b)
		}
	})
}

// TestHasField: the short cut knows the names that the table knows.
func TestHasField(t *testing.T) {
	for lowered, h := range known {
		for _, name := range []string{lowered, h.name} {
			if hasField(name) != (h.field != other) {
				t.Errorf("hasField(%q) = %v", name, hasField(name))
			}
		}
	}
}

// TestNamesFitTheBuffer: canonical looks no further than its buffer.
func TestNamesFitTheBuffer(t *testing.T) {
	for lowered, h := range known {
		if name, f := canonical(lowered); name != h.name || f != h.field {
			t.Errorf("canonical(%q) = %q, %d", lowered, name, f)
		}
	}
}
