package policy

import "sync/atomic"

// An Engine holds the snapshot that live calls are decided on, behind one
// atomic pointer. The zero Engine holds an empty snapshot.
type Engine struct{ current atomic.Pointer[Snapshot] }

// NewEngine returns an engine that starts with s; nil means empty.
func NewEngine(s *Snapshot) *Engine {
	e := &Engine{}
	e.Swap(s)
	return e
}

// Load returns the current snapshot, never nil. Load once per decision: two
// loads may return two policies.
func (e *Engine) Load() *Snapshot {
	if s := e.current.Load(); s != nil {
		return s
	}
	return &Snapshot{}
}

// Swap makes s current. Calls in progress keep the plan they were given.
func (e *Engine) Swap(s *Snapshot) { e.current.Store(s) }
