// Package policytest has a policy.Store in memory, for tests of what stands
// above the store. The real ones are tested against a real database.
package policytest

import (
	"context"
	"encoding/json"
	"sync"

	"b2bua/policy"
)

// A Store keeps a policy set in memory and behaves as [policy.Store] asks. The
// zero Store is empty, at revision 0. It is safe for concurrent use.
type Store struct {
	mu      sync.Mutex
	set     policy.Set
	down    error
	loads   int
	changed []func() // of those who watch
}

// Fail makes every further call return err; nil ends that.
func (s *Store) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = err
}

// LoadPolicy implements [policy.Store].
func (s *Store) LoadPolicy(ctx context.Context) (policy.Set, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loads++
	if err := s.ready(ctx); err != nil {
		return policy.Set{}, err
	}
	return copyOf(s.set)
}

// Loads returns how often LoadPolicy was called.
func (s *Store) Loads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loads
}

// PolicyRevision implements [policy.Store].
func (s *Store) PolicyRevision(ctx context.Context) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.set.Revision, s.ready(ctx)
}

// WatchPolicy implements [policy.Store]. It tells of nothing by itself:
// [Store.Tell] does.
func (s *Store) WatchPolicy(ctx context.Context, changed func()) {
	s.mu.Lock()
	s.changed = append(s.changed, changed)
	s.mu.Unlock()
	<-ctx.Done()
}

// Tell says to all who watch that the policy may have changed.
func (s *Store) Tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, changed := range s.changed {
		changed()
	}
}

// EditPolicy implements [policy.Store]. Its transaction is a lock.
func (s *Store) EditPolicy(ctx context.Context, edit func(*policy.Set) error) (policy.Set, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return policy.Set{}, err
	}
	draft, err := copyOf(s.set)
	if err != nil {
		return policy.Set{}, err
	}
	if err := edit(&draft); err != nil {
		return policy.Set{}, err
	}
	draft.Revision = s.set.Revision + 1
	if s.set, err = copyOf(draft); err != nil {
		return policy.Set{}, err
	}
	return copyOf(draft)
}

func (s *Store) ready(ctx context.Context) error {
	if s.down != nil {
		return s.down
	}
	return ctx.Err()
}

// copyOf goes through JSON, so that nothing is shared and nothing survives
// that a document cannot hold.
func copyOf(set policy.Set) (policy.Set, error) {
	data, err := json.Marshal(set)
	if err != nil {
		return policy.Set{}, err
	}
	return policy.ParseJSON(data)
}
