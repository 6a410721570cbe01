package policy_test

import (
	"fmt"
	"testing"

	"b2bua/policy"
)

// bigSet has n routes over 100 trunks each way: a wholesale table.
func bigSet(n int) policy.Set {
	var set policy.Set
	for i := range 100 {
		set.Trunks = append(set.Trunks,
			from(trunk(fmt.Sprintf("in%d", i)), fmt.Sprintf("10.0.%d.0/24", i), fmt.Sprintf("2001:db8:%d::/48", i)),
			trunk(fmt.Sprintf("out%d", i), fmt.Sprintf("sip:192.0.2.%d", i+1), fmt.Sprintf("sip:198.51.100.%d", i+1)))
	}
	set.Routes = append(set.Routes, route("everything", "", "out0", "out1"))
	for i := 1; i < n; i++ {
		r := route(fmt.Sprintf("r%d", i), fmt.Sprint(i), fmt.Sprintf("out%d", i%100), fmt.Sprintf("out%d", (i+1)%100))
		if i%10 == 0 {
			r.Match.CallerPrefix = fmt.Sprint(i % 97)
		}
		set.Routes = append(set.Routes, r)
	}
	return set
}

// A plan is one allocation: its targets.
func TestPlanAllocates(t *testing.T) {
	s := compile(t, bigSet(1000))
	q := policy.Query{Source: source("10.0.7.1:5060"), Caller: "+491701234567", Called: "999123456"}
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := s.Plan(q); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 1 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkIdentify(b *testing.B) {
	s := compile(b, bigSet(100))
	src := source("10.0.7.1:5060")
	b.ReportAllocs()
	for b.Loop() {
		s.Identify(src)
	}
}

func BenchmarkPlan100kRoutes(b *testing.B) {
	s := compile(b, bigSet(100_000))
	q := policy.Query{InboundTrunk: "in7", Caller: "+491701234567", Called: "99999123456"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Plan(q); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkExplain100kRoutes(b *testing.B) {
	s := compile(b, bigSet(100_000))
	q := policy.Query{InboundTrunk: "in7", Caller: "+491701234567", Called: "99999123456"}
	b.ReportAllocs()
	for b.Loop() {
		s.Explain(q)
	}
}

func BenchmarkCompile100kRoutes(b *testing.B) {
	set := bigSet(100_000)
	b.ReportAllocs()
	for b.Loop() {
		compile(b, set)
	}
}
