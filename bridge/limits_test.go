package bridge_test

import (
	"testing"
	"time"

	"b2bua/cdr"
	"b2bua/policy"
)

// A trunk that is full refuses the next call, and takes one again when one has
// ended.
func TestMaxCallsInbound(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, func(c *config) { c.pbx().Limits = policy.Limits{MaxCalls: 2} })
	one, two := r.call(), r.invite()
	r.send().hears("503")
	rec := r.ends(cdr.EndLimit, cdr.BySystem, 503)
	if len(rec.Attempts) != 0 || *rec.Q850Cause != 41 {
		t.Errorf("%+v", rec)
	}
	two.says(486, nil)
	two.hears("486")
	r.record()
	three := r.call()
	r.send().hears("503")
	r.ends(cdr.EndLimit, cdr.BySystem, 503)
	one.callerBye()
	three.calledBye()
	r.record()
	r.record()
}

// A full outbound trunk is passed over: the called side was never asked.
func TestMaxCallsOutbound(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, func(c *config) { c.carrier().Limits = policy.Limits{MaxCalls: 1} })
	d := r.call()
	r.send().hears("503")
	rec := r.ends(cdr.EndLimit, cdr.BySystem, 503)
	if len(rec.Attempts) != 2 || *rec.Attempts[1].EndReason != cdr.EndLimit || rec.Attempts[1].SIPStatus != nil {
		t.Errorf("%+v", rec.Attempts)
	}
	d.callerBye()
	r.record()
	r.gates[1].Silent()
}

// An attempt that failed takes no place: the next one on the same trunk has it.
func TestFailedAttemptsTakeNoPlace(t *testing.T) {
	t.Parallel()
	r := newRig(t, 3, func(c *config) { c.carrier().Limits = policy.Limits{MaxCalls: 1} }, ringsFor(20*time.Second))
	d := r.invite()
	d.says(503, nil)
	silent := *d.hunted(1)
	silent.says(100, nil)
	r.advance(20 * time.Second)
	d.hunted(2)
	silent.cancelled()
	if taken := r.bridge.Taken(); taken["carrier"] != 1 || taken["pbx"] != 1 {
		t.Errorf("taken %v", taken)
	}
	d.answers(gateSDP(d.gate))
	if taken := r.bridge.Taken(); taken["carrier"] != 1 {
		t.Errorf("taken %v", taken)
	}
	d.callerBye()
	r.record()
}

// Calls a second: as many as allowed at once, then as time passes.
func TestMaxCPS(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]func(*config) *policy.Trunk{"inbound": (*config).pbx, "outbound": (*config).carrier} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 1, frozen, func(c *config) { limit(c).Limits = policy.Limits{MaxCPS: 2} })
			busy := func() {
				d := r.invite()
				d.says(486, nil)
				d.hears("486")
				r.ends(cdr.EndRejected, cdr.ByCalled, 486)
			}
			full := func() {
				r.send().hears("503")
				r.ends(cdr.EndLimit, cdr.BySystem, 503)
			}
			busy()
			busy()
			full()
			r.advance(500 * time.Millisecond)
			busy()
			full()
			r.advance(5 * time.Second)
			busy()
			busy()
			full()
		})
	}
}

// A limit may change while calls are up.
func TestLimitChanges(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	d := r.call()
	r.config.pbx().Limits.MaxCalls = 1
	r.engine.Swap(r.compile())
	r.send().hears("503")
	r.record()
	r.config.pbx().Limits.MaxCalls = 2
	r.engine.Swap(r.compile())
	r.call().callerBye()
	r.record()
	d.callerBye()
	r.record()
}
