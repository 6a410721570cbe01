package policy

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// number draws short strings over few characters, so that prefixes meet.
func digits(most int) *rapid.Generator[string] {
	return rapid.StringOfN(rapid.SampledFrom([]rune("+012a")), 0, most, -1)
}

// TestTrieMatchesLikeAList holds the trie against strings.HasPrefix over all
// its keys.
func TestTrieMatchesLikeAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfN(digits(6), 0, 40).Draw(t, "keys")
		slices.Sort(keys)
		keys = slices.Compact(keys)
		trie := newTrie(keys)
		s := digits(9).Draw(t, "s")
		var want []int32
		for i, key := range keys { // sorted: of two prefixes of s the shorter is first
			if strings.HasPrefix(s, key) {
				want = append(want, int32(i))
			}
		}
		if got := trie.match(s, nil); !slices.Equal(got, want) {
			t.Fatalf("keys %q, %q: got %v, want %v", keys, s, got, want)
		}
	})
}

func TestTrieEmpty(t *testing.T) {
	var zero trie
	of := newTrie(nil)
	for name, trie := range map[string]*trie{"the zero trie": &zero, "a trie of nothing": &of} {
		for _, s := range []string{"", "33"} {
			if got := trie.match(s, nil); len(got) != 0 {
				t.Errorf("%s matches %q: %v", name, s, got)
			}
		}
	}
	one := newTrie([]string{""})
	if got := one.match("", nil); !slices.Equal(got, []int32{0}) {
		t.Errorf("the empty key: got %v", got)
	}
	if one.nodes != nil {
		t.Errorf("a trie of the empty key alone needs no nodes, has %d", len(one.nodes))
	}
}

// Distinct first bytes up to 255 must be found by the binary search.
func TestTrieWideNode(t *testing.T) {
	var keys []string
	for c := range 256 {
		keys = append(keys, string([]byte{byte(c), 'x'}))
	}
	trie := newTrie(keys)
	for i, key := range keys {
		if got := trie.match(key+"y", nil); !slices.Equal(got, []int32{int32(i)}) {
			t.Fatalf("%q: got %v, want [%d]", key, got, i)
		}
	}
}
