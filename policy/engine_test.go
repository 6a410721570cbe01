package policy_test

import (
	"testing"

	"b2bua/policy"
)

func TestEngine(t *testing.T) {
	for name, e := range map[string]*policy.Engine{"zero": {}, "new": policy.NewEngine(nil)} {
		s := e.Load()
		if s == nil || s.Revision() != 0 {
			t.Fatalf("%s: %v", name, s)
		}
		_, refusal := agree(t, s, policy.Query{Source: source("10.0.0.1:1"), Called: "1"})
		if refusal == nil || refusal.Code != policy.RefusedSource {
			t.Errorf("%s: %v", name, refusal)
		}
		next := compile(t, richSet())
		if e.Swap(next); e.Load() != next {
			t.Errorf("%s: not swapped", name)
		}
	}
}
