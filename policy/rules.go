package policy

import (
	"cmp"
	"slices"
	"strings"
)

// A ruleIndex finds routes by called prefix, then by caller prefix, then by
// the inbound trunk they name. It holds indexes into Snapshot.routes.
type ruleIndex struct {
	called trie
	leaves []calledLeaf // values of called
}

// A calledLeaf is the routes with one called prefix.
type calledLeaf struct {
	callers trie
	leaves  []callerLeaf // values of callers
}

// A callerLeaf is the routes with one called and one caller prefix, each list
// by priority, then name.
type callerLeaf struct {
	named map[string][]int32 // by inbound trunk
	any   []int32            // that name no inbound trunk
}

// newRuleIndex indexes routes, which are sorted by name.
func newRuleIndex(routes []Route) ruleIndex {
	order := make([]int32, len(routes))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		x, y := &routes[a], &routes[b]
		return cmp.Or(
			strings.Compare(x.Match.CalledPrefix, y.Match.CalledPrefix),
			strings.Compare(x.Match.CallerPrefix, y.Match.CallerPrefix),
			strings.Compare(x.Match.InboundTrunk, y.Match.InboundTrunk),
			cmp.Compare(x.Priority, y.Priority),
			cmp.Compare(a, b), // names are sorted
		)
	})
	x := ruleIndex{}
	var keys []string
	for key, rules := range runs(order, func(i int32) string { return routes[i].Match.CalledPrefix }) {
		keys = append(keys, key)
		x.leaves = append(x.leaves, newCalledLeaf(routes, rules))
	}
	x.called = newTrie(keys)
	return x
}

func newCalledLeaf(routes []Route, order []int32) calledLeaf {
	l := calledLeaf{}
	var keys []string
	for key, rules := range runs(order, func(i int32) string { return routes[i].Match.CallerPrefix }) {
		keys = append(keys, key)
		leaf := callerLeaf{}
		for trunk, equal := range runs(rules, func(i int32) string { return routes[i].Match.InboundTrunk }) {
			if trunk == "" {
				leaf.any = equal
				continue
			}
			if leaf.named == nil {
				leaf.named = map[string][]int32{}
			}
			leaf.named[trunk] = equal
		}
		l.leaves = append(l.leaves, leaf)
	}
	l.callers = newTrie(keys)
	return l
}

// runs yields each run of items that have the same key.
func runs(items []int32, key func(int32) string) func(yield func(string, []int32) bool) {
	return func(yield func(string, []int32) bool) {
		for len(items) > 0 {
			k, end := key(items[0]), 1
			for end < len(items) && key(items[end]) == k {
				end++
			}
			if !yield(k, items[:end:end]) {
				return
			}
			items = items[end:]
		}
	}
}
