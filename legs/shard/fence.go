package shard

import "runtime/debug"

// handle gives one event to the owner. A panic ends that event, not the shard.
func (s *Set[E]) handle(sh *Shard[E], ev E) {
	var zero E
	sh.current, sh.stale = ev, true
	defer func() {
		if v := recover(); v != nil {
			s.panicked(sh, &sh.current, v)
		}
		sh.current = zero
	}()
	s.cfg.Handle(sh, ev, sh.now)
}

// flush calls Drained inside the same fence. A panic there is each shard's.
func (s *Set[E]) flush(shards []*Shard[E]) {
	defer func() {
		if v := recover(); v != nil {
			for _, sh := range shards {
				s.panicked(sh, nil, v)
			}
		}
	}()
	s.cfg.Drained(shards)
}

// panicked counts and reports. A panic in the report itself is only counted:
// the shard must go on whatever happens.
func (s *Set[E]) panicked(sh *Shard[E], ev *E, v any) {
	s.cfg.Metrics.panics.Inc()
	defer func() {
		if recover() != nil {
			s.cfg.Metrics.panics.Inc()
		}
	}()
	s.cfg.Panic(sh, ev, v, debug.Stack())
}
