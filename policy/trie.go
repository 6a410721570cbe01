package policy

import (
	"slices"
	"sort"
	"strings"
)

// A trie maps prefixes to indexes and finds every prefix of a string, shortest
// first. It is built once from a sorted list and never changes: nodes lie in
// one slice, the children of a node side by side in the order of their first
// byte, labels share the bytes of the keys. The zero trie is empty.
type trie struct {
	root  trieNode // the empty prefix; no label
	nodes []trieNode
}

type trieNode struct {
	label string // what is consumed on the way here; never empty below the root
	value int32  // index + 1 of the key that ends here; 0 when none does
	first int32  // first child in nodes
	count int32  // number of children, at most 256
}

// newTrie builds a trie in which keys[i] has the value i. The keys are sorted
// and distinct.
func newTrie(keys []string) trie {
	t := trie{}
	t.root = t.grow("", keys, 0, 0)
	t.nodes = slices.Clip(t.nodes)
	return t
}

// grow returns the node for keys, which are the keys base, base+1, … and have
// their first depth bytes in common.
func (t *trie) grow(label string, keys []string, base, depth int) trieNode {
	n := trieNode{label: label}
	if len(keys) > 0 && len(keys[0]) == depth {
		n.value = int32(base) + 1
		keys, base = keys[1:], base+1
	}
	for at := 0; at < len(keys); at = familyEnd(keys, at, depth) {
		n.count++
	}
	n.first = int32(len(t.nodes))
	t.nodes = append(t.nodes, make([]trieNode, n.count)...)
	for at, child := 0, n.first; at < len(keys); child++ {
		end := familyEnd(keys, at, depth)
		to := depth + commonPrefix(keys[at][depth:], keys[end-1][depth:])
		t.nodes[child] = t.grow(keys[at][depth:to], keys[at:end], base+at, to)
		at = end
	}
	return n
}

// familyEnd returns the end of the run of keys that begins at from and shares
// the byte at depth.
func familyEnd(keys []string, from, depth int) int {
	b := keys[from][depth]
	return from + sort.Search(len(keys)-from, func(i int) bool { return keys[from+i][depth] > b })
}

func commonPrefix(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return i
}

// match appends the value of every key that is a prefix of s, shortest first.
func (t *trie) match(s string, values []int32) []int32 {
	n := &t.root
	for {
		if n.value != 0 {
			values = append(values, n.value-1)
		}
		if n = t.child(n, s); n == nil {
			return values
		}
		s = s[len(n.label):]
	}
}

// child returns the child of n on the way to s, nil when there is none.
func (t *trie) child(n *trieNode, s string) *trieNode {
	if s == "" {
		return nil
	}
	lo, hi := n.first, n.first+n.count
	for lo < hi {
		mid := (lo + hi) / 2
		if t.nodes[mid].label[0] < s[0] {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == n.first+n.count || !strings.HasPrefix(s, t.nodes[lo].label) {
		return nil
	}
	return &t.nodes[lo]
}
