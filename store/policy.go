package store

import (
	"context"

	"b2bua/policy"
)

// LoadPolicy implements [policy.Store]. Objects are in the order of their
// names.
func (s *Store) LoadPolicy(ctx context.Context) (set policy.Set, err error) {
	err = s.timed("load_policy", func() error {
		return s.read(ctx, func(x tx) (err error) {
			set, err = loadSet(ctx, x)
			return err
		})
	})
	return set, err
}

// EditPolicy implements [policy.Store]. The returned set is what a LoadPolicy
// would return: times cut to microseconds, ids given to what had none.
func (s *Store) EditPolicy(ctx context.Context, edit func(*policy.Set) error) (set policy.Set, err error) {
	err = s.timed("edit_policy", func() error {
		return s.write(ctx, func(x tx) (err error) {
			set, err = s.editIn(ctx, x, edit)
			return err
		})
	})
	if err != nil {
		return policy.Set{}, err
	}
	return set, nil
}

func (s *Store) editIn(ctx context.Context, x tx, edit func(*policy.Set) error) (policy.Set, error) {
	// The row's lock is what serialises writers: it comes before anything is
	// read.
	if _, err := x.ExecContext(ctx, "UPDATE policy_revision SET revision = revision + 1"); err != nil {
		return policy.Set{}, err
	}
	before, err := loadSet(ctx, x)
	if err != nil {
		return policy.Set{}, err
	}
	revision := before.Revision
	before.Revision--
	draft := copySet(before)
	if err := edit(&draft); err != nil {
		return policy.Set{}, &callerError{err}
	}
	draft.Revision = revision
	after := normal(draft)
	if err := s.saveDifference(ctx, x, &before, &after); err != nil {
		return policy.Set{}, err
	}
	return after, s.notify(ctx, x, after.Revision)
}

// PolicyRevision implements [policy.Store].
func (s *Store) PolicyRevision(ctx context.Context) (revision int64, err error) {
	err = s.timed("policy_revision", func() error {
		if err := s.prepare(ctx); err != nil {
			return err
		}
		return s.reader.QueryRowContext(ctx, "SELECT revision FROM policy_revision").Scan(&revision)
	})
	return revision, err
}
