package bridge

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"b2bua/policy"
)

// limits counts what every trunk has up. Trunks come and go with the policy;
// what is remembered is bounded by the names that calls have used.
type limits struct {
	mu     sync.Mutex
	trunks map[string]*load
}

type load struct {
	calls int
	cps   int
	rate  *rate.Limiter
}

// take asks for a place on a trunk, inbound or outbound alike; release gives it
// back.
func (b *Bridge) take(trunk string, l policy.Limits, now time.Time) bool {
	b.limits.mu.Lock()
	defer b.limits.mu.Unlock()
	if b.limits.trunks == nil {
		b.limits.trunks = make(map[string]*load)
	}
	t := b.limits.trunks[trunk]
	if t == nil {
		t = &load{}
		b.limits.trunks[trunk] = t
	}
	if l.MaxCalls > 0 && t.calls >= l.MaxCalls {
		b.metrics.limited.WithLabelValues("max_calls").Inc()
		return false
	}
	if t.cps != l.MaxCPS {
		t.cps, t.rate = l.MaxCPS, rate.NewLimiter(rate.Limit(l.MaxCPS), l.MaxCPS)
	}
	if l.MaxCPS > 0 && !t.rate.AllowN(now, 1) {
		b.metrics.limited.WithLabelValues("max_cps").Inc()
		return false
	}
	t.calls++
	return true
}

func (b *Bridge) release(trunk string) {
	b.limits.mu.Lock()
	defer b.limits.mu.Unlock()
	t := b.limits.trunks[trunk]
	if t.calls--; t.calls == 0 && t.cps == 0 {
		delete(b.limits.trunks, trunk)
	}
}
