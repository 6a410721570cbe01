package config

import (
	"reflect"
	"strings"
)

// suggestKey returns "; did you mean …?" with the key of t nearest to name,
// or, when none is near, a key elsewhere of exactly that name, or the keys
// that there are.
func (d *decoder) suggestKey(t reflect.Type, at, name string) string {
	var known []string
	for field := range t.Fields() {
		if key := keyOf(field); key != "" {
			known = append(known, key)
		}
	}
	if best, ok := nearest(strings.ToLower(name), known); ok {
		return "; did you mean " + best + "?"
	}
	for _, l := range leaves(reflect.ValueOf(Default()).Elem(), "") {
		if l.key != join(at, name) && strings.HasSuffix("."+l.key, "."+name) {
			return "; did you mean " + l.key + "?"
		}
	}
	return "; known here are " + strings.Join(known, ", ")
}

func suggestVariable(all []leaf, name string) string {
	known := make([]string, 0, len(all))
	for _, l := range all {
		known = append(known, variableOf(l.key))
	}
	for _, fileOnly := range []string{"B2BUA_NETWORKS", "B2BUA_TLS_CERTIFICATES"} {
		if strings.HasPrefix(name, fileOnly) {
			return "; this can only be set in the file"
		}
	}
	best, ok := nearest(name, known)
	if !ok {
		return "; docs/configuration.md lists all"
	}
	return "; did you mean " + best + "?"
}

// nearest returns the candidate with the smallest edit distance to word, the
// first of equals; ok is false when even that one is mostly different.
func nearest(word string, candidates []string) (best string, ok bool) {
	least := -1
	for _, c := range candidates {
		if n := distance(word, c); least < 0 || n < least {
			best, least = c, n
		}
	}
	return best, least >= 0 && least <= max(2, max(len(word), len(best))/3)
}

// distance is the Levenshtein distance with a swap of neighbours as one edit
// (optimal string alignment), in octets.
func distance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
