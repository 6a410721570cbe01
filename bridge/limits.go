package bridge

import (
	"sync"

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

// take asks for a place on a trunk, inbound or outbound alike.
func (k *call) take(trunk string, l policy.Limits) bool {
	b := k.b
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
		t.cps, t.rate = l.MaxCPS, rate.NewLimiter(rate.Limit(l.MaxCPS), max(1, l.MaxCPS))
	}
	if l.MaxCPS > 0 && !t.rate.AllowN(b.cfg.Now(), 1) {
		b.metrics.limited.WithLabelValues("max_cps").Inc()
		return false
	}
	t.calls++
	k.holds = append(k.holds, trunk)
	return true
}

// release gives back every place the call took.
func (k *call) release() {
	for len(k.holds) > 0 {
		k.releaseLast()
	}
}

// releaseLast gives back the place that was taken last: that of an attempt
// which failed.
func (k *call) releaseLast() {
	b, last := k.b, len(k.holds)-1
	b.limits.mu.Lock()
	defer b.limits.mu.Unlock()
	t := b.limits.trunks[k.holds[last]]
	if t.calls--; t.calls == 0 && t.cps == 0 {
		delete(b.limits.trunks, k.holds[last])
	}
	k.holds = k.holds[:last]
}
